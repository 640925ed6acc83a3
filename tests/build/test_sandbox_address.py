"""A stand-in at an address of its own never replaces what another service was paid for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fluxcli.prices_and_limits import API_URL
from tests.build.examples.ci import account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.build.examples.ci import Account
    from tests.worlds import Ran, World

_HEAD = "version = 1\n[defaults]\noutput_format = 'png'\n"
_TWO = _HEAD + "[assets.a]\nprompt = 'A fox'\n[assets.b]\nprompt = 'A dog'\n"
_CHANGED = _TWO.replace("A fox", "A red fox") + "[assets.c]\nprompt = 'A cat'\n"


@pytest.fixture
def standin() -> Iterator[Account]:
    with account(seconds=0) as served:
        yield served


def _build(world: World, standin: Account, *words: str) -> Ran:
    address = {"FLUXCLI_BASE_URL": standin.url, "FLUXCLI_UPLOAD_URL": standin.url}
    return world.run("build", *words, env=address | {"FLUXCLI_API_KEY": "key-of-the-account"})


def _paid(world: World, standin: Account) -> dict[str, bytes]:
    """Make two images that the lock names as the service's; return all files of the project."""
    (world.cwd / "assets.toml").write_text(_TWO)
    assert _build(world, standin, "--yes").status == 0
    lock = world.cwd / "assets.lock"
    lock.write_text(lock.read_text().replace(standin.url, API_URL))
    (world.cwd / "assets.toml").write_text(_CHANGED)
    return _files(world)


def _files(world: World) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in world.cwd.iterdir() if one.is_file()}


@pytest.mark.parametrize("words", [["--yes"], ["--yes", "--force"], ["--reroll", "b", "--yes"]])
def test_paid_images_and_their_lock_stay_as_they_are(
    world: World, standin: Account, words: list[str]
) -> None:
    before = _paid(world, standin)
    ran = _build(world, standin, *words)
    assert ran.status == 0, ran.err
    assert f"{standin.url} is a sandbox: lock and images are in `.sandbox`" in ran.err
    assert "(sandbox: nothing was charged)" in ran.err
    assert _files(world) == before
    assert list((world.cwd / ".sandbox").rglob("*.png"))


def test_candidates_of_a_sandbox_stay_apart(world: World, standin: Account) -> None:
    before = _paid(world, standin)
    ran = _build(world, standin, "a", "--candidates", "2", "--yes")
    assert ran.status == 0, ran.err
    assert _files(world) == before
    assert "hint: fluxcli assets pick a 1 --sandbox" in ran.err
    assert world.run("assets", "pick", "a", "1", "--sandbox").status == 0
    assert _files(world) == before


def test_a_plan_shows_what_the_next_build_does(world: World, standin: Account) -> None:
    _paid(world, standin)
    _build(world, standin, "--yes")
    checked = _build(world, standin, "--check")
    assert checked.status == 0, checked.err
    assert "= c" in checked.out.decode()
    plan = world.run("build", "--plan", "--json").record
    todo = [one["name"] for one in plan["assets"] if one["action"] != "up_to_date"]
    assert todo == ["a", "c"]


def test_a_project_without_paid_images_is_built_in_its_own_place(
    world: World, standin: Account
) -> None:
    (world.cwd / "assets.toml").write_text(_TWO)
    assert _build(world, standin, "--yes").status == 0
    (line, *_) = (world.cwd / "assets.lock").read_text().splitlines()[1:]
    assert json.loads(line)
    assert not (world.cwd / ".sandbox").exists()


def test_what_a_stand_in_made_is_made_again_by_the_service(world: World, standin: Account) -> None:
    (world.cwd / "assets.toml").write_text(_TWO)
    assert _build(world, standin, "--yes").status == 0
    assert _build(world, standin, "--check").status == 0
    plan = world.run("build", "--plan", "--json").record
    assert {one["action"] for one in plan["assets"]} == {"changed"}
    assert all("a sandbox made it" in one["reasons"] for one in plan["assets"])
    assert world.run("build", "--check").status == 10
    # The rehearsal goes on where it was.
    assert _build(world, standin, "--check").status == 0
    assert standin.charges == 2


def test_what_a_stand_in_has_accepted_is_not_waited_for_by_the_service(world: World) -> None:
    (world.cwd / "assets.toml").write_text(_TWO)
    with account(seconds=1000) as slow:
        assert _build(world, slow, "--yes", "--timeout", "1").status == 4
    plan = world.run("build", "--plan", "--json").record
    assert {one["action"] for one in plan["assets"]} == {"new"}


def test_what_a_proxy_on_this_machine_was_paid_for_is_kept(world: World, standin: Account) -> None:
    (world.cwd / "assets.toml").write_text(_TWO)
    assert _build(world, standin, "--yes").status == 0
    lock = world.cwd / "assets.lock"
    lock.write_text(lock.read_text().replace(', "sandbox": true', ""))
    (world.cwd / "assets.toml").write_text(_CHANGED)
    before = _files(world)
    assert _build(world, standin, "--yes").status == 0
    assert _files(world) == before


def test_a_picked_candidate_of_a_stand_in_stays_free(world: World, standin: Account) -> None:
    (world.cwd / "assets.toml").write_text(_TWO)
    assert _build(world, standin, "--yes").status == 0
    assert _build(world, standin, "a", "--candidates", "2", "--yes").status == 0
    assert world.run("assets", "pick", "a", "2").status == 0
    assert _build(world, standin, "--reroll", "b", "--yes").status == 0
    assert not (world.cwd / ".sandbox").exists(), (world.cwd / "assets.lock").read_text()
    assert world.run("build", "--check").status == 10


def test_an_image_that_is_declared_while_it_is_made_lies_where_builds_find_it(
    world: World, standin: Account
) -> None:
    address = {"FLUXCLI_BASE_URL": standin.url, "FLUXCLI_UPLOAD_URL": standin.url}
    env = address | {"FLUXCLI_API_KEY": "key-of-the-account"}
    words = ("generate", "A fox", "-o", "fox.png", "--save-as", "fox")
    assert world.run(*words, env=env).status == 0
    checked = _build(world, standin, "--check")
    assert checked.status == 0, checked.err


def test_a_build_at_a_stand_in_states_that_nothing_was_charged(
    world: World, standin: Account
) -> None:
    (world.cwd / "assets.toml").write_text(_TWO)
    ran = _build(world, standin, "--yes", "--report", "html=report.html")
    assert "(sandbox: nothing was charged)" in ran.err
    assert "(sandbox: nothing was charged)" in (world.cwd / "report.html").read_text()
    assert (
        _build(world, standin, "--reroll", "a", "--yes", "--json").record["summary"]["sandbox"]
        is True
    )


def test_a_journal_that_cannot_be_written_is_one_error_before_anything_is_sent(
    world: World, standin: Account
) -> None:
    (world.cwd / "assets.toml").write_text(_TWO)
    (world.state / "journal.sqlite3").mkdir(parents=True)
    ran = _build(world, standin, "--yes")
    assert ran.status == 1
    assert ran.err.count("error:") == 1
    assert "the journal" in ran.err
    assert standin.charges == 0


@pytest.mark.parametrize("paid_first", [True, False])
def test_a_merge_prefers_what_was_paid_for(
    world: World, standin: Account, *, paid_first: bool
) -> None:
    (world.cwd / "assets.toml").write_text(_TWO)
    assert _build(world, standin, "--yes").status == 0
    lock = world.cwd / "assets.lock"
    header, first, second = lock.read_text().splitlines()
    paid = json.loads(first) | {"origin": API_URL, "sha256": "0" * 64, "task_id": "f" * 32}
    del paid["sandbox"]
    both = [json.dumps(paid), first] if paid_first else [first, json.dumps(paid)]
    lock.write_text("\n".join([header, *both, second]) + "\n")
    plan = world.run("build", "--plan", "--json").record
    (asset,) = (one for one in plan["assets"] if one["name"] == "a")
    assert asset["action"] == "edited"
    assert _build(world, standin, "--yes", "--force").status == 10
    assert "f" * 32 in lock.read_text()
