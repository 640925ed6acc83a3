"""Paid tasks are found again from any checkout; each test counts the charges."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from fluxcli.build.lock.lock_file import LockFile, read
from fluxcli.build.manifest.asset import Manifest
from fluxcli.build.project import held
from fluxcli.errors import Code

if TYPE_CHECKING:
    from pathlib import Path

    from fluxcli.build.lock.entry import LockEntry
    from tests.worlds import Ran, World

DAY = 86400.0
SLOW = {"FLUXCLI_SANDBOX_SECONDS": "60"}
HEAD = "version = 1\n[defaults]\noutput_format = 'png'\n"
FAMILY = HEAD + (
    "[assets.hero]\nprompt = 'A lighthouse'\n[assets.night]\nedit = '@hero'\nprompt = 'At night'\n"
)


@dataclass
class Checkout:
    """One checkout of a project, in the sandbox of a machine."""

    world: World
    folder: Path

    def write(self, text: str) -> None:
        (self.folder / "assets.toml").write_text(text, encoding="utf-8")

    def run(self, *words: str, status: int | None = 0, **how: Any) -> Ran:
        self.world.cwd = self.folder
        ran = self.world.run(*words, "--sandbox", **how)
        assert status is None or ran.status == status, (ran.status, ran.err)
        return ran

    def build(self, *words: str, status: int | None = 0, **how: Any) -> Ran:
        return self.run("build", *words, "--yes", status=status, **how)

    def plan(self, *words: str) -> dict[str, str]:
        ran = self.run("build", "--plan", "--json", *words)
        return {asset["name"]: asset["action"] for asset in ran.record["assets"]}

    @property
    def root(self) -> Path:
        return self.folder / ".sandbox"

    @property
    def lock(self) -> Path:
        return self.root / "assets.sandbox.lock"

    def entry(self, name: str) -> LockEntry:
        return read(self.lock)[name]

    def age(self, name: str, days: float) -> None:
        """Let an asset's image be made earlier."""
        entry = self.entry(name)
        assert entry.made is not None
        request = replace(
            entry.made.request, submitted_at=entry.made.request.submitted_at - days * DAY
        )
        made = replace(entry.made, request=request, created_at=entry.made.created_at - days * DAY)
        LockFile.open(self.lock).record({name: replace(entry, made=made)})

    @property
    def charges(self) -> int:
        with closing(self.world.context(env={"FLUXCLI_SANDBOX": "1"})) as context:
            return len(context.sandbox_service.charges())


@pytest.fixture
def checkout(world: World) -> Checkout:
    made = Checkout(world, world.cwd)
    made.write(FAMILY)
    return made


def other(checkout: Checkout, name: str, *, files: bool = False) -> Checkout:
    """Return another checkout on the same machine, at another path."""
    folder = checkout.world.root / name
    folder.mkdir()
    shutil.copy(checkout.folder / "assets.toml", folder)
    if files:
        shutil.copytree(checkout.root, folder / ".sandbox")
    return Checkout(checkout.world, folder)


def elsewhere(checkout: Checkout) -> None:
    """Continue on a machine with an empty journal."""
    (checkout.world.state / "journal.sqlite3").unlink()


def test_a_prompt_that_goes_back_is_collected(checkout: Checkout) -> None:
    checkout.build()
    first = (checkout.root / "hero.png").read_bytes()
    checkout.write(FAMILY.replace("A lighthouse", "A windmill"))
    checkout.build()
    assert checkout.charges == 4
    checkout.write(FAMILY)
    assert checkout.plan()["hero"] == "collect"
    checkout.build()
    assert (checkout.charges, (checkout.root / "hero.png").read_bytes()) == (4, first)
    checkout.run("build", "--check")


@pytest.mark.parametrize("here", [True, False])
def test_a_prompt_that_goes_back_is_collected_by_the_lock_alone(
    checkout: Checkout, *, here: bool
) -> None:
    checkout.build("hero")
    for text in ("A windmill", "A mill", "A lighthouse"):
        if not here:
            elsewhere(checkout)
        checkout.write(FAMILY.replace("A lighthouse", text))
        checkout.build("hero")
    assert checkout.charges == 3


def test_a_cancelled_jobs_images_are_collected_at_any_path(checkout: Checkout) -> None:
    """The lock, the images and the checkout are gone; the journal is kept."""
    checkout.build()
    second = other(checkout, "another-path")
    assert second.plan() == {"hero": "collect", "night": "new"}
    second.build()
    assert second.charges == 2
    assert second.entry("night").made is not None
    third = other(checkout, "third")
    third.build("--shard", "1/1")
    assert third.charges == 2


def test_two_assets_with_one_request_are_two_images(checkout: Checkout) -> None:
    checkout.write(HEAD + "[assets.a]\nprompt = 'x'\n[assets.b]\nprompt = 'x'\n")
    checkout.build()
    second = other(checkout, "second")
    second.build()
    assert second.charges == 2
    tasks = set()
    for name in ("a", "b"):
        made = second.entry(name).made
        assert made is not None
        tasks.add(made.request.task_id)
    assert len(tasks) == 2


def test_what_generate_made_is_not_taken(checkout: Checkout) -> None:
    checkout.write(HEAD + "[assets.hero]\nprompt = 'A lighthouse'\n")
    checkout.run("generate", "A lighthouse", "-o", "x.png")
    checkout.build()
    assert checkout.charges == 2


def test_a_refused_edit_of_a_prompt_does_not_lose_what_is_paid_for(checkout: Checkout) -> None:
    """One machine paid and stopped, another one's changed prompt was refused, it goes back."""
    checkout.build("hero", "--timeout", "1", status=4, env=SLOW)
    elsewhere(checkout)
    checkout.write(FAMILY.replace("A lighthouse", "A [moderated] windmill"))
    checkout.build("hero", status=None)
    paid = checkout.charges
    checkout.write(FAMILY)
    assert checkout.plan("hero") == {"hero": "collect"}
    checkout.build("hero")
    assert checkout.charges == paid


def test_a_moderated_request_is_not_submitted_again(checkout: Checkout) -> None:
    checkout.write(FAMILY.replace("A lighthouse", "A [moderated] windmill"))
    checkout.build("hero", status=8)
    assert checkout.plan("hero") == {"hero": "held"}
    with closing(checkout.world.context(env={"FLUXCLI_SANDBOX": "1"})) as context:
        before = len(context.journal.recent(None))
    ran = checkout.build("hero", status=10)
    assert "--reroll hero" in ran.err
    with closing(checkout.world.context(env={"FLUXCLI_SANDBOX": "1"})) as context:
        assert len(context.journal.recent(None)) == before
    checkout.build("--reroll", "hero", status=8)
    checkout.write(FAMILY)
    checkout.build("hero")


@pytest.mark.parametrize("days", [0, 20])
def test_an_adopted_file_that_is_missing_is_held(checkout: Checkout, days: int) -> None:
    checkout.build("hero")
    with (checkout.root / "hero.png").open("ab") as file:
        file.write(b"optimised")
    checkout.run("assets", "adopt", "hero")
    checkout.age("hero", days)
    (checkout.root / "hero.png").unlink()
    assert checkout.plan("hero") == {"hero": "held"}
    ran = checkout.build("hero", status=10)
    assert "git checkout -- hero.png" in ran.err
    assert checkout.charges == 1


def test_a_missing_file_is_never_paid_for_again_unasked(checkout: Checkout) -> None:
    checkout.build()
    checkout.age("hero", 20)
    checkout.age("night", 20)
    for name in ("hero", "night"):
        (checkout.root / f"{name}.png").unlink()
    assert set(checkout.plan().values()) == {"held"}
    checkout.build(status=10)
    assert checkout.charges == 2
    checkout.build("--reroll", "night", "--reroll", "hero")
    assert checkout.charges == 4


def test_adopting_keeps_the_task_and_children_up_to_date(checkout: Checkout) -> None:
    checkout.build()
    before = checkout.entry("hero").made
    with (checkout.root / "hero.png").open("ab") as file:
        file.write(b"optimised")
    assert checkout.plan() == {"hero": "edited", "night": "up_to_date"}
    checkout.run("assets", "adopt", "hero")
    after = checkout.entry("hero").made
    assert before is not None
    assert after is not None
    assert after.request.task_id == before.request.task_id
    assert after.original_sha256 == before.sha256 != after.sha256
    checkout.run("build", "--check")
    checkout.write(FAMILY.replace("At night", "At dusk"))
    checkout.build()
    assert checkout.charges == 3
    checkout.run("build", "--check")


def test_adopting_forgets_no_pending_submission(checkout: Checkout) -> None:
    checkout.build("hero", "--timeout", "1", status=4, env=SLOW)
    pending = checkout.entry("hero").pending
    assert pending is not None
    checkout.run("generate", "by hand", "-o", str(checkout.root / "hero.png"))
    ran = checkout.run("assets", "adopt", "hero")
    assert str(pending.task_id) in ran.err
    assert [one.task_id for one in checkout.entry("hero").history] == [pending.task_id]
    checkout.run("build", "hero", "--check")
    checkout.run("assets", "pick", "hero", str(pending.task_id))
    paid = checkout.charges
    checkout.build("hero")
    made = checkout.entry("hero").made
    assert made is not None
    assert (made.request.task_id, checkout.charges) == (pending.task_id, paid)


def test_a_reroll_pays_once_for_exactly_what_is_named(checkout: Checkout) -> None:
    icons = HEAD + "[assets.icon]\nprompt = 'A {w}'\nmatrix = { w = ['a', 'b', 'c'] }\n"
    checkout.write(icons + "output = '{w}.png'\n")
    checkout.build()
    old = (checkout.root / "b.png").read_bytes()
    checkout.build("--reroll", "icon[b]")
    assert checkout.charges == 4
    assert (checkout.root / "b.png").read_bytes() != old
    checkout.run("build", "--check")


def test_children_follow_a_reroll_unless_a_flag_excludes_them(checkout: Checkout) -> None:
    checkout.build()
    checkout.build("--reroll", "hero", "--no-children")
    assert checkout.charges == 3
    checkout.build("--reroll", "hero")
    assert checkout.charges == 5


def test_an_unfinished_reroll_is_resumed(checkout: Checkout) -> None:
    checkout.build("hero")
    checkout.build("--reroll", "hero", "--no-children", "--timeout", "1", status=4, env=SLOW)
    checkout.build("--reroll", "hero", "--no-children")
    assert checkout.charges == 2
    checkout.run("build", "hero", "--check")


def test_candidates_change_nothing_until_one_is_picked(checkout: Checkout) -> None:
    checkout.build("hero")
    old, lock = (checkout.root / "hero.png").read_bytes(), checkout.lock.read_bytes()
    checkout.build("hero", "--candidates", "4")
    assert checkout.charges == 5
    assert checkout.lock.read_bytes() == lock
    folder = checkout.root / ".candidates" / "hero"
    images = sorted(folder.glob("*-*.png"))
    assert len(images) == 4
    sheet = (folder / "index.html").read_text()
    assert sheet.count("<img ") == 4
    assert (folder.parent / ".gitignore").read_text() == "*\n"
    checkout.run("assets", "pick", "hero", "2")
    chosen = next(folder.glob("2-*.png"))
    assert (checkout.root / "hero.png").read_bytes() == chosen.read_bytes()
    assert any(path.read_bytes() == old for path in folder.glob("*-*.png"))
    checkout.run("build", "hero", "--check")
    made = checkout.entry("hero").made
    assert made is not None
    assert made.request.task_id == chosen.stem.partition("-")[2]
    assert checkout.charges == 5


def test_a_pointer_of_git_lfs_is_up_to_date(checkout: Checkout) -> None:
    checkout.build()
    for name in ("hero", "night"):
        path = checkout.root / f"{name}.png"
        data = path.read_bytes()
        path.write_text(
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{hashlib.sha256(data).hexdigest()}\nsize {len(data)}\n"
        )
    ran = checkout.run("build", "--plan", "--json")
    assert {one["action"] for one in ran.record["assets"]} == {"up_to_date"}
    assert "git lfs pull" in json.dumps(ran.record)
    checkout.run("build", "--check")
    checkout.write(FAMILY.replace("At night", "At dusk"))
    assert checkout.plan() == {"hero": "up_to_date", "night": "held"}
    checkout.build(status=10)
    assert checkout.charges == 2


def test_an_interrupted_move_is_finished(checkout: Checkout) -> None:
    checkout.build("hero")
    checkout.age("hero", 20)
    (checkout.root / "hero.png").rename(checkout.root / ".hero.png.moving")
    assert checkout.plan("hero") == {"hero": "moved"}
    checkout.build("hero")
    assert ((checkout.root / "hero.png").is_file(), checkout.charges) == (True, 1)
    checkout.run("build", "hero", "--check")


def test_a_rehearsal_leaves_no_trace(checkout: Checkout) -> None:
    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(checkout.folder), *words],
            capture_output=True, text=True, check=True, timeout=30,
        )  # fmt: skip
        return done.stdout

    git("init", "-q")
    checkout.build()
    assert git("status", "--porcelain").splitlines() == ["?? assets.toml"]


def test_what_is_unacceptable_can_be_seen(checkout: Checkout) -> None:
    checkout.write(HEAD + "[assets.hero]\nprompt = 'x'\naccept = { max_kb = 1 }\n")
    ran = checkout.build("--json", status=8)
    (asset,) = ran.record["assets"]
    hint = asset["error"]["hint"]
    assert asset["error"]["code"] == Code.UNACCEPTABLE
    words = shlex.split(hint.split(" shows it")[0].removeprefix("fluxcli "))
    (image,) = checkout.run(*words).lines
    assert image.endswith(".png")
    assert checkout.charges == 1


@pytest.mark.parametrize(
    "flags",
    [
        ("--plan", "--yes"),
        ("--check", "--max-credits", "5"),
        ("--plan", "-j", "2"),
        ("--plan", "--locked"),
        ("--no-children",),
        ("--candidates", "2", "hero", "--force"),
        ("--candidates", "2"),
    ],
)
def test_a_flag_that_has_no_effect_is_an_error(checkout: Checkout, flags: tuple[str, ...]) -> None:
    checkout.run("build", *flags, status=2)
    assert checkout.charges == 0


def test_many_assets_of_one_kind_are_one_line(checkout: Checkout) -> None:
    text = "".join(f"[assets.a{n}]\nprompt = 'p{n}'\n" for n in range(30))
    checkout.write(HEAD + text)
    ran = checkout.run("build", "--plan")
    assert len(ran.lines) == 1
    assert "30 assets" in ran.lines[0]
    assert "(150 credits)" in ran.lines[0]
    assert len(checkout.run("build", "--plan", "-v").lines) == 30
    assert len(checkout.run("build", "--check", "-q", status=10).lines) == 1


def test_a_plan_needs_no_home(checkout: Checkout) -> None:
    nowhere = {"HOME": "", "FLUXCLI_STATE_DIR": "", "XDG_STATE_HOME": ""}
    checkout.run("build", "--plan", env=nowhere)
    checkout.run("build", "--check", env=nowhere, status=10)


def test_two_machines_in_one_checkout_do_not_build_at_once(checkout: Checkout) -> None:
    """The lock that keeps them apart lies beside the lock file, not in a home folder."""
    checkout.build("hero")
    manifest = Manifest(path=checkout.folder / "assets.toml", output_dir=".", assets=())
    with held(manifest, checkout.lock):
        elsewhere(checkout)
        ran = checkout.build(status=5)
    assert "already" in ran.err
    checkout.build()
    assert checkout.charges == 2


def test_locked_changes_nothing_and_collects_what_the_lock_names(checkout: Checkout) -> None:
    checkout.build()
    lock = checkout.lock.read_bytes()
    (checkout.root / "hero.png").unlink()
    checkout.build("--locked")
    checkout.write(FAMILY.replace("'A lighthouse'", "'A lighthouse' # a comment"))
    checkout.build("--locked")
    checkout.write(FAMILY.replace("At night", "At dusk"))
    checkout.build("--locked", status=10)
    assert (checkout.lock.read_bytes(), checkout.charges) == (lock, 2)


@pytest.mark.parametrize("how", ["markers", "driver", "files"])
def test_two_versions_of_a_lock_are_merged(checkout: Checkout, how: str) -> None:
    """With conflict markers, as git's merge driver, and as two files; no task is forgotten."""
    checkout.build()
    base = checkout.lock.read_text()
    checkout.build("--reroll", "hero", "--no-children")
    ours = checkout.lock.read_text()
    header, first, second = base.splitlines(keepends=True)
    theirs = header + second + first.replace('"asset": "hero"', '"asset": "zebra"')
    shared = checkout.root / "other.lock"
    words = ["assets", "merge"]
    if how == "markers":
        body = ours.removeprefix(header)
        marked = f"{header}<<<<<<< HEAD\n{body}=======\n{theirs.removeprefix(header)}>>>>>>> x\n"
        checkout.lock.write_text(marked)
        assert "assets merge" in checkout.run("build", "--plan", status=2).err
        words.append(str(checkout.lock))
    elif how == "driver":
        for name, text in (("O", base), ("A", ours), ("B", theirs)):
            (checkout.folder / f".merge_file_{name}").write_text(text)
        words += [f".merge_file_{name}" for name in "OAB"]
    else:
        shared.write_text(theirs)
        words.append(str(shared))
    checkout.run(*words)
    if how == "driver":
        checkout.lock.write_bytes((checkout.folder / ".merge_file_A").read_bytes())
    merged = read(checkout.lock)
    assert set(merged) == {"hero", "night", "zebra"}
    hero, mine = merged["hero"].made, json.loads(ours.splitlines()[1])
    assert hero is not None
    assert hero.request.task_id == mine["task_id"]
    assert merged["hero"].history


def test_shards_with_nothing_to_do_are_merged(checkout: Checkout) -> None:
    checkout.build()
    checkout.run("assets", "merge", "assets.lock.1-of-2", "assets.lock.2-of-2")
    checkout.run("build", "--check")


def test_a_shard_submits_its_share_of_the_limit(checkout: Checkout) -> None:
    text = "".join(f"[assets.a{n}]\nprompt = 'p{n}'\n" for n in range(12))
    checkout.write(HEAD + text)
    started = checkout.world.clock.wall()
    checkout.build("--shard", "1/1", "--rate", "2")
    assert checkout.world.clock.wall() - started > 45, "twelve, two in ten seconds"


def damaged(checkout: Checkout, output: str) -> Path:
    """Build, and let the lock name `output` for an asset that is no longer declared."""
    checkout.build("hero")
    entry = checkout.entry("hero")
    assert entry.made is not None
    text = checkout.lock.read_text()
    line = text.splitlines()[1]
    record = json.loads(line) | {"asset": "gone", "output": output}
    checkout.lock.write_text(text + json.dumps(record) + "\n")
    return checkout.lock


@pytest.mark.parametrize(
    "output",
    [
        "../victim.png",
        "~/victim.png",
        "/proc/self/environ",
        "link/victim.png",
        "fifo.png",
        "sub/env.png",
        "dev.png",
    ],
)
def test_a_lock_names_nothing_outside_the_project(checkout: Checkout, output: str) -> None:
    victim = checkout.folder / "victim.png"
    victim.write_bytes(b"precious")
    lock = damaged(checkout, output)
    (checkout.root / "link").symlink_to(checkout.folder)
    os.mkfifo(checkout.root / "fifo.png")
    (checkout.root / "sub").mkdir()
    (checkout.root / ".env").write_text("SECRET=1")
    (checkout.root / "sub" / "env.png").symlink_to(checkout.root / ".env")
    (checkout.root / "dev.png").symlink_to("/dev/zero")
    broken = lock.read_bytes()
    for words in (
        ("build", "--plan"),
        ("build", "--yes"),
        ("build", "--check", "--report", "html=page.html"),
        ("assets", "prune", "--yes", "--force"),
        ("assets", "adopt", "hero"),
        ("assets", "merge", str(lock)),
    ):
        ran = checkout.run(*words, status=2)
        assert "nothing was sent" in ran.err
    assert (victim.read_bytes(), lock.read_bytes()) == (b"precious", broken)
    assert checkout.charges == 1


@pytest.mark.parametrize("name", [".assets.sandbox.lock.busy", ".assets.sandbox.lock.write.part"])
def test_a_committed_link_is_not_written_through(checkout: Checkout, name: str) -> None:
    checkout.build("hero")
    victim = checkout.folder / "victim"
    victim.write_text("precious")
    (checkout.root / name).symlink_to(victim)
    checkout.build(status=None)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("name", ["hero.png", ".hero.png.moving"])
def test_a_fifo_in_an_images_place_is_not_waited_for(checkout: Checkout, name: str) -> None:
    checkout.build("hero")
    (checkout.root / "hero.png").unlink()
    os.mkfifo(checkout.root / name)
    checkout.run("build", "--plan", status=2)


def test_save_as_loses_no_declaration_and_keeps_line_ends(checkout: Checkout) -> None:
    """Another program declares an asset while the image is made."""
    path = checkout.folder / "assets.toml"
    path.write_bytes(FAMILY.replace("\n", "\r\n").encode())
    clock = checkout.world.clock
    slept = type(clock).sleep

    class Meddling(type(clock)):  # type: ignore[misc] # the class of this world's clock
        def sleep(self, seconds: float) -> None:
            text = path.read_bytes()
            if b"meanwhile" not in text:
                path.write_bytes(text + b"[assets.meanwhile]\r\nprompt = 'x'\r\n")
            slept(self, seconds)

    checkout.world.clock = Meddling(clock.wall())
    checkout.run("generate", "A flag", "-o", "flag.png", "--save-as", "flag")
    text = path.read_bytes()
    assert b"[assets.meanwhile]" in text
    assert b"[assets.flag]" in text
    assert text.count(b"\r\n") == text.count(b"\n")
    assert checkout.plan()["flag"] == "up_to_date"


@pytest.mark.parametrize("content", [b"version = 1\n# \xff\n", None])
def test_save_as_refuses_what_is_not_a_manifest(checkout: Checkout, content: bytes | None) -> None:
    path = checkout.folder / "assets.toml"
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    ran = checkout.run("generate", "A flag", "-o", "f.png", "--save-as", "flag", status=2)
    assert "assets.toml" in ran.err
    assert checkout.charges == 0
