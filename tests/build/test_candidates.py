"""Candidates of an asset: numbered once, resumed and never paid for twice."""

from __future__ import annotations

import errno
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fluxcli.errors import Code
from tests.worlds import InterruptingClock, World

if TYPE_CHECKING:
    from pathlib import Path

    from tests.worlds import Ran

_TEXT = "version = 1\n[assets.a]\nprompt = 'A'\n"
SLOW = {"FLUXCLI_SANDBOX_SECONDS": "100"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, clock=InterruptingClock(), env={"FLUXCLI_SANDBOX": "1"})
    (made.cwd / "assets.toml").write_text(_TEXT)
    return made


def charges(world: World) -> int:
    with closing(world.context()) as context:
        return len(context.sandbox_service.charges())


def interrupted(world: World, count: int) -> Ran:
    assert isinstance(world.clock, InterruptingClock)
    world.clock.alarm = world.clock.monotonic() + 5
    ran = world.run("build", "a", "--candidates", str(count), "--yes", env=SLOW)
    assert ran.status == 130
    return ran


def numbers(world: World) -> list[str]:
    folder = world.cwd / ".sandbox" / ".candidates" / "a"
    return sorted(path.name.partition("-")[0] for path in folder.glob("*-*.*"))


def test_an_interruption_names_the_command_that_collects_the_candidates(world: World) -> None:
    ran = interrupted(world, 3)
    again = "hint: fluxcli build a --candidates 3 --sandbox  (it collects what is paid for)"
    assert again in ran.err
    assert charges(world) == 3
    assert world.run("build", "a", "--candidates", "3").status == 0, "free, so that it asks nothing"
    assert charges(world) == 3
    assert numbers(world) == ["1", "2", "3"]


@pytest.mark.parametrize(("count", "paid"), [(2, 3), (3, 3), (5, 5)])
def test_a_rerun_with_another_number_pays_for_the_difference(
    world: World, count: int, paid: int
) -> None:
    interrupted(world, 3)
    words = ("build", "a", "--candidates", str(count), "--max-credits", str(5 * (paid - 3)))
    assert world.run(*words).status == 0
    assert charges(world) == paid
    assert numbers(world) == [str(number + 1) for number in range(paid)]


def test_a_timeout_names_the_command_that_collects_the_candidates(world: World) -> None:
    ran = world.run("build", "a", "--candidates", "2", "--yes", "--timeout", "1", env=SLOW)
    assert ran.status == 4
    assert "hint: fluxcli build a --candidates 2 --sandbox  (it collects" in ran.err


def test_the_display_the_files_and_the_choice_have_the_same_numbers(world: World) -> None:
    world.run("build", "a", "--candidates", "2", "--yes")
    ran = world.run("build", "a", "--candidates", "2", "--yes")
    assert numbers(world) == ["1", "2", "3", "4"]
    assert "4: saved" in ran.err
    assert "hint: fluxcli assets pick a 3 --sandbox" in ran.err


def test_json_has_one_object_per_candidate(world: World) -> None:
    ran = world.run("build", "a", "--candidates", "2", "--yes", "--json")
    assert [one["state"] for one in ran.records] == ["saved", "saved"]
    failed = world.run(
        "build", "a", "--candidates", "1", "--yes", "--json",
        env={"FLUXCLI_SANDBOX_FAULTS": "submit:moderated"},
    )  # fmt: skip
    assert failed.record["error"]["code"] == Code.MODERATED


def test_a_number_that_two_candidates_have_is_no_choice(world: World) -> None:
    world.run("build", "a", "--candidates", "1", "--yes")
    folder = world.cwd / ".sandbox" / ".candidates" / "a"
    (one,) = folder.glob("1-*.jpg")
    (folder / "1-other.jpg").write_bytes(one.read_bytes())
    assert world.run("assets", "pick", "a", "1").status == 2
    assert world.run("assets", "pick", "a", "other").status == 0


@pytest.mark.parametrize("value", ["../../../out", "a/b", "..", "x\\\\y", "C:", "nul"])
def test_the_candidates_of_any_member_lie_in_the_project(world: World, value: str) -> None:
    text = f'version = 1\n[assets.a]\nprompt = "A {{v}}"\nmatrix = {{ v = ["{value}"] }}\n'
    (world.cwd / "assets.toml").write_text(text)
    name = f"a[{value}]".replace("\\\\", "\\")
    ran = world.run("build", name, "--candidates", "1", "--yes")
    assert ran.status == 0, ran.err
    (image,) = world.root.rglob("1-*.jpg")
    assert image.parent.parent == world.cwd / ".sandbox" / ".candidates"
    assert world.run("assets", "pick", name, "1").status == 0


@pytest.mark.parametrize("link", [".sandbox", ".sandbox/.candidates", ".sandbox/.candidates/a"])
@pytest.mark.parametrize("exists", [True, False])
def test_no_link_leads_candidates_out_of_the_project(
    world: World, link: str, *, exists: bool
) -> None:
    outside = world.root / "outside"
    if exists:
        outside.mkdir()
    (world.cwd / link).parent.mkdir(parents=True, exist_ok=True)
    (world.cwd / link).symlink_to(outside)
    ran = world.run("build", "a", "--candidates", "1", "--yes")
    assert ran.status == 2, ran.err
    assert "by a link" in ran.err
    assert charges(world) == 0
    assert not outside.exists() or not list(outside.iterdir())


@pytest.mark.parametrize(
    "words", [("build", "--yes"), ("assets", "adopt", "a"), ("build", "--plan")]
)
def test_no_link_leads_the_sandboxs_lock_out_of_the_project(
    world: World, words: tuple[str, ...]
) -> None:
    outside = world.root / "outside"
    outside.mkdir()
    (world.cwd / ".sandbox").symlink_to(outside)
    assert world.run(*words).status == 2
    assert not list(outside.iterdir())


def test_a_folder_that_cannot_be_made_is_known_before_spending(world: World) -> None:
    (world.cwd / ".sandbox").mkdir()
    (world.cwd / ".sandbox" / ".candidates").write_text("")
    ran = world.run("build", "a", "--candidates", "2", "--yes")
    assert ran.status == 2
    assert "nothing was sent" in ran.err
    assert charges(world) == 0


@pytest.mark.parametrize("words", [("build", "--yes"), ("build", "a", "--candidates", "2", "-y")])
def test_a_file_system_without_locks_is_named(
    world: World, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_handle: int, **_how: bool) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fluxcli.filelock.lock", refused)
    ran = world.run(*words)
    assert ran.status == 2
    assert "cannot lock files: no locks available; nothing was sent" in ran.err
    monkeypatch.undo()
    assert charges(world) == 0


def test_a_lock_file_that_cannot_be_opened_is_named(world: World) -> None:
    (world.cwd / ".sandbox" / ".assets.sandbox.lock.busy").mkdir(parents=True)
    ran = world.run("build", "--yes")
    assert ran.status == 2
    assert ".assets.sandbox.lock.busy`, by which builds wait for each other" in ran.err
