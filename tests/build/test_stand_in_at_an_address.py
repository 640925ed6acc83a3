"""A stand-in at an address of its own never replaces what another service was paid for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fluxcli.catalog import API_URL
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
