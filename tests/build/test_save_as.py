"""`generate --save-as`: what declaring needs is checked before the image is paid for."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fluxcli.build.lock.lock_file import LockFile
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from tests.worlds import World

WORDS = ("generate", "a cat", "--save-as", "cat", "-o", "cat.png", "--yes")


@pytest.fixture(autouse=True)
def _sandbox(world: World) -> None:
    world.env["FLUXCLI_SANDBOX"] = "1"


def charges(world: World) -> int:
    with closing(world.context()) as context:
        return len(context.sandbox_service.charges())


@pytest.mark.parametrize("folder", [".assets.toml.busy", ".assets.lock.busy", "assets.lock"])
def test_a_folder_in_the_place_of_a_lock_is_known_before_spending(
    world: World, folder: str
) -> None:
    (world.cwd / folder).mkdir()
    assert world.run(*WORDS).status == 2
    assert charges(world) == 0


def test_a_lock_of_a_later_version_is_known_before_spending(world: World) -> None:
    (world.cwd / "assets.lock").write_text('{"fluxcli-lock": 9}\n')
    assert world.run(*WORDS).status == 2
    assert charges(world) == 0


def test_an_image_that_cannot_be_declared_is_declared_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a charge the status is never 2, and the manifest names nothing that the lock lacks."""
    opened, calls = LockFile.open.__func__, []  # type: ignore[attr-defined]

    def second_fails(cls: type[LockFile], *paths: object) -> LockFile:
        calls.append(paths)
        if len(calls) > 1:
            raise FluxError(Code.LOCK_INVALID, "the lock was damaged meanwhile")
        return opened(cls, *paths)  # type: ignore[no-any-return]

    monkeypatch.setattr(LockFile, "open", classmethod(second_fails))
    ran = world.run(*WORDS)
    assert ran.status == 1
    assert "the image is saved as" in ran.err
    assert not (world.cwd / "assets.toml").exists()
    monkeypatch.undo()
    assert world.run(*WORDS).status == 0
    assert charges(world) == 1
    assert world.run("build", "--check").status in {0, 10}
    assert "[assets.cat]" in (world.cwd / "assets.toml").read_text()
