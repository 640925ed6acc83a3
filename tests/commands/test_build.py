"""`fluxcli build` in the sandbox, end to end: plans, charges, files, statuses."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from fluxcli.build.lock.lock_file import read
from fluxcli.build.manifest.asset import Manifest
from fluxcli.build.manifest.schema import schema
from fluxcli.build.project import held
from fluxcli.errors import Code
from tests.worlds import SwiftClock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.worlds import Ran, World

TWELVE = """\
version = 1
output_dir = "img"

[defaults]
output_format = "png"

[vars]
style = "flat vector"

[assets.hero]
prompt = "A lighthouse at dawn, {style}"
aspect_ratio = "21:9"
tags = ["landing"]

[assets.night]
edit = "@hero"
prompt = "Make it night"

[assets.storm]
edit = "@night"
prompt = "Make it stormy"

[assets.wreck]
edit = "@storm"
prompt = "Add a wreck"

[assets.icon]
prompt = "A {what} icon, {style}"
matrix = { what = ["mail", "phone"], aspect_ratio = ["1:1", "16:9"] }
output = "icons/{what}-{aspect_ratio}.png"

[assets.logo]
prompt = "A logo"
frozen = true

[assets.photo]
prompt = "A photo"
output = "photo.jpg"

[assets.map]
prompt = "A map"

[assets.flag]
prompt = "A flag"
"""
MADE = 11
"""All of the twelve but the one that is adopted."""


class Site:
    """A project with a manifest, built in the sandbox."""

    def __init__(self, world: World, text: str = TWELVE) -> None:
        self.world = world
        self.folder = world.cwd
        self.write(text)

    def write(self, text: str) -> None:
        (self.folder / "assets.toml").write_text(text, encoding="utf-8")

    def change(self, old: str, new: str) -> None:
        text = (self.folder / "assets.toml").read_text(encoding="utf-8")
        assert old in text
        self.write(text.replace(old, new))

    def run(self, *arguments: str, **how: Any) -> Ran:
        return self.world.run("build", *arguments, "--sandbox", **how)

    def assets(self, *arguments: str, **how: Any) -> Ran:
        return self.world.run("assets", *arguments, "--sandbox", **how)

    def build(self, *arguments: str, status: int = 0, **how: Any) -> Ran:
        ran = self.run(*arguments, "--yes", **how)
        assert ran.status == status, ran.err
        return ran

    def plan(self, *arguments: str) -> dict[str, str]:
        """Return the action for each asset; no key is set."""
        ran = self.world.run(
            "build", *arguments, "--plan", "--json", "--sandbox", env={"FLUXCLI_API_KEY": ""}
        )
        assert ran.status == 0, ran.err
        return {asset["name"]: asset["action"] for asset in ran.record["assets"]}

    def todo(self, *arguments: str) -> dict[str, str]:
        """Return the actions of what is not up to date, and check that `--check` agrees."""
        plan = self.plan(*arguments)
        todo = {name: action for name, action in plan.items() if action != "up_to_date"}
        work = {name for name, action in todo.items() if action != "orphan"}
        assert self.run(*arguments, "--check").status == (10 if work else 0)
        return todo

    @property
    def charges(self) -> int:
        with closing(self.world.context(env={"FLUXCLI_SANDBOX": "1"})) as context:
            return len(context.sandbox_service.charges())

    def path(self, name: str) -> Path:
        return self.root / "img" / name

    @property
    def root(self) -> Path:
        """The folder of the lock and images of builds with `--sandbox`."""
        return self.folder / ".sandbox"

    @property
    def lock(self) -> Path:
        return self.root / "assets.sandbox.lock"


@pytest.fixture
def site(world: World) -> Site:
    return Site(world)


def picture_from(site: Site, path: Path) -> None:
    """Write an image that was made elsewhere to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ran = site.world.run("generate", "made elsewhere", "-o", str(path), "--sandbox")
    assert ran.status == 0, ran.err


def test_a_manifest_of_twelve_assets_is_paid_once_through_all_changes(site: Site) -> None:
    """Built, rebuilt, changed, deleted, edited, renamed, removed."""
    picture_from(site, site.path("photo.jpg"))
    before = site.charges
    assert site.plan()["photo"] == "edited"
    adopted = site.assets("adopt", "photo")
    assert (adopted.status, site.charges) == (0, before)

    assert list(site.todo().values()) == ["new"] * MADE
    first = site.build()
    assert site.charges - before == MADE
    assert len(first.lines) == MADE
    assert sorted(first.lines) == sorted(str(path) for path in (site.root / "img").rglob("*.png"))

    assert site.todo() == {}
    assert site.build().lines == []
    assert site.charges - before == MADE

    site.change("Make it night", "Make it dusk")
    assert site.todo() == {"night": "changed", "storm": "changed", "wreck": "changed"}
    old = site.path("night.png").read_bytes()
    site.build()
    assert site.charges - before == MADE + 3
    assert site.path("night.png").read_bytes() != old

    site.path("map.png").unlink()
    assert site.todo() == {"map": "collect"}
    site.build("--max-credits", "0")
    assert (site.path("map.png").is_file(), site.charges - before) == (True, MADE + 3)

    with site.path("flag.png").open("ab") as file:
        file.write(b"retouched")
    assert site.todo() == {"flag": "edited"}
    site.build(status=10)
    assert site.path("flag.png").read_bytes().endswith(b"retouched")
    site.build("--force")
    assert site.todo() == {}
    assert site.charges - before == MADE + 3, "what the service still has is fetched, not paid for"

    site.change('output = "icons/', 'output = "signs/')
    assert set(site.todo().values()) == {"moved"}
    site.build()
    assert site.path("signs/mail-1x1.png").is_file()
    assert not site.path("icons/mail-1x1.png").exists()

    site.change('[assets.map]\nprompt = "A map"\n', "")
    assert site.plan()["map"] == "orphan"
    assert site.assets("prune").status == 7
    pruned = site.assets("prune", "--yes")
    assert pruned.lines == [str(site.path("map.png"))]
    assert not site.path("map.png").exists()

    site.change('what = ["mail", "phone"], aspect_ratio = ["1:1", "16:9"]',
                'aspect_ratio = ["1:1", "16:9"], what = ["mail", "phone"]')  # fmt: skip
    site.change('prompt = "A flag"', '# a comment\nprompt = "A flag"')
    site.change('[defaults]\noutput_format = "png"\n\n[vars]', "[vars]")
    site.write((site.folder / "assets.toml").read_text() + '\n[defaults]\noutput_format = "png"\n')
    assert site.todo() == {}

    assert site.charges - before == MADE + 3


def test_a_frozen_asset_is_made_again_only_by_name(site: Site) -> None:
    site.build("logo")
    site.change('prompt = "A logo"', 'prompt = "A better logo"')
    assert site.todo("lo*") == {}
    assert site.todo("logo") == {"logo": "changed"}


def test_nothing_to_do_needs_no_key_and_no_network(site: Site, world: World) -> None:
    """An adopted image counts with the real service, too."""
    picture_from(site, site.folder / "img" / "flag.png")
    world.env["FLUXCLI_API_KEY"] = ""
    assert world.run("assets", "adopt", "flag").status == 0
    for arguments in ((), ("--check",), ("--plan",)):
        ran = world.run("build", "flag", *arguments)
        assert ran.status == 0, ran.err
    assert world.run("build", "map", "--yes").status == 3


def test_a_renamed_asset_keeps_its_image(site: Site) -> None:
    site.build()
    charged = site.charges
    site.change("[assets.flag]", "[assets.banner]")
    assert site.todo() == {"banner": "moved"}
    site.build()
    assert (site.charges, site.todo()) == (charged, {})
    assert site.path("banner.png").is_file()
    assert not site.path("flag.png").exists()


def test_two_outputs_may_be_swapped(site: Site) -> None:
    site.build("map", "flag")
    old = site.path("map.png").read_bytes()
    site.change('prompt = "A map"', 'prompt = "A map"\noutput = "flag.png"')
    site.change('prompt = "A flag"', 'prompt = "A flag"\noutput = "map.png"')
    assert site.todo("map", "flag") == {"map": "moved", "flag": "moved"}
    charged = site.charges
    site.build("map", "flag")
    assert site.path("flag.png").read_bytes() == old
    assert (site.charges, site.todo("map", "flag")) == (charged, {})


def test_without_a_terminal_and_consent_nothing_is_spent(site: Site) -> None:
    ran = site.run("--json")
    assert (ran.status, ran.code, site.charges) == (7, Code.NO_CONSENT, 0)
    assert not (site.lock).exists()


def test_on_a_terminal_a_build_asks_once_and_no_is_the_default(site: Site) -> None:
    requested = site.run("flag", terminal=True, stdin=b"\n")
    assert (requested.status, site.charges) == (7, 0)
    assert "spend an estimated 5 credits? [y/N]" in requested.err
    assert site.run("flag", terminal=True, stdin=b"y\n").status == 0
    assert site.charges == 1


def test_at_the_cap_nothing_more_is_submitted(site: Site) -> None:
    """Running tasks are finished, and the next build continues."""
    ran = site.run("--max-credits", "22", "--json")
    assert ran.status == 9
    assert site.charges == 4
    states = ran.record["summary"]["states"]
    assert (states["saved"], states["capped"] + states["blocked"]) == (4, 8)
    assert site.run("--max-credits", "4").status == 7
    site.build()
    assert site.charges == MADE + 1


def test_one_moderated_asset_stops_only_what_is_made_from_it(world: World) -> None:
    lines = [f"[assets.a{n}]\nprompt = 'picture {n}'\n" for n in range(17)]
    lines += ["[assets.bad]\nprompt = 'x [moderated]'\n"]
    lines += ["[assets.b]\nedit = '@bad'\nprompt = 'x'\n[assets.c]\nedit = '@b'\nprompt = 'x'\n"]
    site = Site(world, "version = 1\n" + "".join(lines))
    ran = site.build("--json", status=9)
    states = {asset["name"]: asset["state"] for asset in ran.record["assets"]}
    assert (states.pop("bad"), states.pop("b"), states.pop("c")) == ("failed", "blocked", "blocked")
    assert set(states.values()) == {"saved"}
    assert site.todo() == {"bad": "held", "b": "held", "c": "held"}
    site.change(" [moderated]", "")
    site.build()
    assert site.charges == 20


def test_fail_fast_submits_nothing_more(world: World) -> None:
    text = "version = 1\n[assets.a]\nprompt = 'x [moderated]'\n"
    text += "".join(f"[assets.b{n}]\nprompt = 'picture {n}'\n" for n in range(5))
    site = Site(world, text)
    ran = site.build("--fail-fast", "-j", "1", "--json", status=8)
    assert ran.record["summary"]["states"]["planned"] == 5
    assert site.charges == 0


def test_ten_problems_are_reported_at_once(world: World) -> None:
    text = "version = 1\n" + "".join(f"[assets.a{n}]\nprmpt = 'x'\nprompt='x'\n" for n in range(10))
    ran = Site(world, text).run("--check")
    assert ran.status == 2
    places = re.findall(r"assets\.toml:(\d+):1`: unknown entry `prmpt`", ran.err)
    assert places == [str(3 + 3 * n) for n in range(10)]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "assets.sandbox.lock:"),
        (lambda text: text.replace(": 2}", ": 99}"), "written by a later fluxcli"),
        (
            lambda text: f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> theirs\n",
            "assets.sandbox.lock:1`: git left a merge conflict here",
        ),
        (lambda _text: "", "does not begin with"),
    ],
)
def test_an_unreadable_lock_is_never_treated_as_empty(
    site: Site, damage: Any, message: str
) -> None:
    site.build("flag")
    lock = site.lock
    lock.write_text(damage(lock.read_text()))
    broken = lock.read_bytes()
    for arguments in (
        ("build", "--check"),
        ("build", "--yes"),
        ("build", "--plan"),
        ("assets", "prune"),
    ):
        ran = site.world.run(*arguments, "--sandbox", "--json")
        assert (ran.status, ran.code) == (2, Code.LOCK_INVALID)
        assert message in ran.err
    assert (lock.read_bytes(), site.charges) == (broken, 1)


def test_assets_are_selected_by_name_pattern_and_tag(site: Site) -> None:
    assert set(site.plan("icon[1:1,mail]")) == {"icon[1:1,mail]"}
    assert set(site.plan("storm")) == {"hero", "night", "storm"}
    assert set(site.plan("--tag", "landing", "fl*")) == {"hero", "flag"}
    ran = site.run("--plan", "flg")
    assert (ran.status, "hint: fluxcli build --plan flag" in ran.err) == (2, True)


def test_explain_describes_an_asset(site: Site) -> None:
    site.build("night")
    site.change("Make it night", "Make it dusk")
    ran = site.assets("explain", "night", "--json")
    record = ran.record
    assert (record["name"], record["action"]) == ("night", "changed")
    assert record["reasons"] == ["the prompt changed"]
    assert (record["prompt"], record["edit"], record["mode"]) == ("Make it dusk", "@hero", "edit")
    assert record["request_hash"] != record["locked_hash"]


def test_the_json_document_has_these_fields(site: Site) -> None:
    document = site.build("flag", "--json").record
    assert set(document) == {"assets", "summary"}
    (asset,) = document["assets"]
    assert list(asset) == [
        "name",
        "action",
        "reasons",
        "next",
        "state",
        "output",
        "sha256",
        "task_id",
        "estimated_credits",
        "error",
    ]
    assert (asset["state"], asset["output"], asset["error"]) == ("saved", "img/flag.png", None)
    assert document["summary"]["sandbox"] is True


def test_locked_downloads_and_submits_nothing(site: Site) -> None:
    site.build("flag", "map")
    lock = (site.lock).read_bytes()
    site.path("flag.png").unlink()
    assert site.build("flag", "map", "--locked").lines == [str(site.path("flag.png"))]
    assert (site.lock).read_bytes() == lock
    ran = site.build("--locked", status=10)
    assert "`--locked`: `hero` is new" in ran.err
    assert (site.lock).read_bytes() == lock


def test_another_machine_downloads_what_the_lock_names(site: Site, world: World) -> None:
    """A fresh checkout without the images, and with an empty journal."""
    site.build("night")
    (world.state / "journal.sqlite3").unlink()
    site.path("hero.png").unlink()
    assert site.todo("night") == {"hero": "collect"}
    site.build("night")
    assert (site.charges, site.todo("night")) == (2, {})


def test_an_unacceptable_image_replaces_nothing(site: Site) -> None:
    site.build("flag")
    old = site.path("flag.png").read_bytes()
    site.change('prompt = "A flag"', 'prompt = "A flag!"\naccept = { max_kb = 1 }')
    ran = site.build("flag", "--json", status=8)
    (asset,) = ran.record["assets"]
    assert asset["error"]["code"] == Code.UNACCEPTABLE
    assert site.path("flag.png").read_bytes() == old
    site.change("max_kb = 1", "max_kb = 9999")
    assert site.todo("flag") == {"flag": "collect"}, "it is paid for already"
    site.build("flag")
    assert site.charges == 2


def test_an_image_that_became_unacceptable_is_held(site: Site) -> None:
    site.build("flag")
    site.change('prompt = "A flag"', 'prompt = "A flag"\naccept = { min_width = 9000 }')
    assert site.todo("flag") == {"flag": "held"}
    assert site.build("flag", status=10).lines == []
    site.change("min_width = 9000", "min_width = 90")
    assert site.todo("flag") == {}


def test_an_existing_file_is_kept(site: Site) -> None:
    path = site.path("flag.png")
    picture_from(site, path)
    mine = path.read_bytes()
    assert site.todo("flag") == {"flag": "edited"}
    site.build("flag", status=10)
    assert (path.read_bytes(), site.charges) == (mine, 1)
    site.build("flag", "--force")
    assert path.read_bytes() != mine


def test_nothing_is_made_from_an_image_that_was_edited_by_hand(site: Site) -> None:
    """After it is adopted, its dependents are due."""
    site.build("night")
    picture_from(site, site.folder / "other.png")
    site.path("hero.png").write_bytes((site.folder / "other.png").read_bytes())
    site.change("Make it night", "Make it dusk")
    assert site.todo("night") == {"hero": "edited", "night": "held"}
    assert site.assets("adopt", "hero").status == 0
    assert site.todo("night") == {"night": "changed"}


def test_merged_shards_equal_one_build(site: Site) -> None:
    """Each asset is in one shard, an edit in the shard of its parent."""
    for number in range(1, 5):
        site.build("--shard", f"{number}/4")
    locks = sorted(site.root.glob("*.lock.*"))
    assert [lock.name for lock in locks] == [f"assets.sandbox.lock.{n}-of-4" for n in range(1, 5)]
    assert not (site.lock).exists()
    ran = site.assets("merge", *(str(lock) for lock in locks))
    assert ran.lines == [str(site.lock)]
    merged = read(site.lock)
    assert set(merged) == set(site.plan())
    assert (site.todo(), site.charges) == ({}, MADE + 1)
    for lock in locks:
        lock.unlink()
    assert site.todo() == {}


def test_a_lock_with_a_merge_conflict_is_not_overwritten_by_a_build(site: Site) -> None:
    """What was paid for is collected once the conflict is resolved."""
    lock, conflict = site.lock, b"<<<<<<< HEAD\n"

    class Merging(SwiftClock):
        def sleep(self, seconds: float) -> None:
            if lock.exists() and not lock.read_bytes().endswith(conflict):
                lock.write_bytes(lock.read_bytes() + conflict)
            super().sleep(seconds)

    site.world.clock = Merging()
    ran = site.run("--yes")
    assert (ran.status, "git left a merge conflict here" in ran.err) == (2, True), ran.err
    broken, paid = lock.read_bytes(), site.charges
    assert broken.endswith(conflict)
    site.world.clock = SwiftClock(site.world.clock.wall())
    lock.write_bytes(broken.removesuffix(conflict))
    site.build()
    assert (site.todo(), site.charges) == ({}, MADE + 1)
    assert paid == MADE + 1 - 3, "all that are not made from others were under way"


def test_two_builds_of_one_manifest_do_not_run_at_once(site: Site) -> None:
    site.root.mkdir()
    manifest = Manifest(path=site.folder / "assets.toml", output_dir=".", assets=(), sandbox=True)
    with held(manifest, site.lock):
        ran = site.run("--yes", "--json")
        assert (ran.status, ran.code) == (5, Code.BUSY)
        assert "is building `assets.toml` already" in ran.err
        assert site.run("--plan").status == 0


def test_schema_and_example_are_printed(world: World) -> None:
    ran = world.run("assets", "schema")
    assert json.loads(ran.out) == schema()
    jsonschema.Draft202012Validator.check_schema(json.loads(ran.out))
    assert world.run("assets", "init").lines[0] == str(world.cwd / "assets.toml")
    assert world.run("build", "--check").status == 10


def test_a_sandbox_image_does_not_count_as_paid(site: Site, world: World) -> None:
    site.build("flag")
    ran = world.run("build", "flag", "--plan", "--json")
    (asset,) = ran.record["assets"]
    assert (asset["action"], asset["reasons"]) == ("new", ["not made yet"])
    assert not (site.folder / "img").exists()


def test_a_submission_without_an_answer_is_not_repeated(site: Site) -> None:
    """Whether the task exists is unknown until it is settled, on this machine or another."""
    lost = {"FLUXCLI_SANDBOX_FAULTS": "submit:reset"}
    assert (
        site.build("flag", "--json", status=11, env=lost).record["assets"][0]["state"] == "unknown"
    )
    assert site.todo("flag") == {"flag": "held"}
    again = site.build("flag", status=11)
    assert "--settle" in again.err
    (site.world.state / "journal.sqlite3").unlink()
    elsewhere = site.build("flag", "--json", status=11)
    error = elsewhere.record["assets"][0]["error"]
    assert error["code"] == Code.OUTCOME_UNKNOWN
    assert site.charges == 1
    with closing(site.world.context(env={"FLUXCLI_SANDBOX": "1"})) as context:
        task_id = context.sandbox_service.charges()[0].id
    settled = site.world.run("status", error["ref"], "--settle", task_id, "--sandbox")
    assert settled.status == 0, settled.err
    assert site.todo("flag") == {"flag": "collect"}
    site.build("flag")
    assert (site.charges, site.todo("flag")) == (1, {})


def test_reports_are_written(site: Site, world: World) -> None:
    site.build("flag", "map")
    site.change('prompt = "A flag"', 'prompt = "A <flag> & more"')
    site.change('prompt = "A map"', 'prompt = "A map [moderated]"')
    world.env["GITHUB_STEP_SUMMARY"] = str(site.folder / "summary.md")
    ran = site.build(
        *("flag", "map", "--report", "github", "--report", "junit=out/junit.xml"),
        *("--report", "html=out/page.html"),
        status=9,
    )
    assert re.search(r"::error file=assets\.toml,line=\d+,title=map::failed: ", ran.err)
    summary = (site.folder / "summary.md").read_text()
    assert "1 failed, 1 saved" in summary
    page = (site.folder / "out/page.html").read_text()
    assert page.count("data:image/png;base64,") == 3, "the flag before and after, and the map"
    assert "A &lt;flag&gt; &amp; more" in page
    assert "<script" not in page
    junit = (site.folder / "out/junit.xml").read_text()
    assert 'tests="2" failures="1"' in junit
    assert 'type="moderated"' in junit


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--plan", "--check"), "are two different commands"),
        (("a.toml", "b.toml"), "one file is built at a time"),
        (("--report", "pdf=x"), "expected `github`, `junit=FILE` or `html=FILE`"),
        (("--shard", "5/4"), "expected `K/N`"),
        (("nothere.toml",), "there is no `nothere.toml`"),
    ],
)
def test_a_call_that_cannot_work_is_refused(
    site: Site, arguments: tuple[str, ...], message: str
) -> None:
    ran = site.run(*arguments)
    assert (ran.status, message in ran.err) == (2, True), ran.err


def test_save_as_declares_the_image(world: World) -> None:
    """With the fields that differ from the manifest's defaults."""
    site = Site(world, "version = 1\noutput_dir = 'img'\n[defaults]\nmodel = 'max'\n")
    site.change("[defaults]", "[assets.x]\nprompt = 'x'\n[defaults]")
    made = world.run(
        *("generate", "a {braced} flag", "-o", "img/flag.png", "-a", "1:1"),
        *("--save-as", "flag", "--sandbox"),
    )
    assert made.status == 0, made.err
    assert site.plan() == {"x": "new", "flag": "up_to_date"}
    text = (site.folder / "assets.toml").read_text()
    assert text.endswith(
        '[assets.flag]\nprompt = "a {{braced}} flag"\noutput = "flag.png"\n'
        'model = "flux-kontext-pro"\naspect_ratio = "1:1"\n'
    )
    assert site.build("flag").lines == []
    assert site.charges == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--save-as", "flag"), "has an asset `flag` already"),
        (("--save-as", "a b"), "expected a name"),
        (("--save-as", "new", "-o", "/elsewhere/x.png"), "declares an image in the folder"),
        (("--save-as", "new", "-n", "2"), "declares one image"),
    ],
)
def test_save_as_refuses_an_invalid_declaration_before_anything_is_paid(
    site: Site, arguments: tuple[str, ...], message: str
) -> None:
    ran = site.world.run("generate", "x", *arguments, "--sandbox")
    assert (ran.status, message in ran.err, site.charges) == (2, True, 0), ran.err
