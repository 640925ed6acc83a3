"""A file is opened in the system's viewer, or it is known that there is none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from fluxcli.system.viewer import open_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.worlds import World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="each system has its own program")


def desktop(folder: Path, script: str) -> dict[str, str]:
    """Return the environment of a desktop whose `xdg-open` is this script."""
    program = folder / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:/bin:/usr/bin", "DISPLAY": ":0"}


@pytest.mark.parametrize(("script", "found"), [('echo "$1" >"$0.seen"', True), ("exit 3", False)])
def test_the_program_says_whether_there_is_a_viewer(
    tmp_path: Path, script: str, *, found: bool
) -> None:
    env = desktop(tmp_path, script)
    assert open_file("/x/a b.png", env) is found
    if found:
        assert (tmp_path / "bin" / "xdg-open.seen").read_text() == "/x/a b.png\n"


def test_without_a_program_or_a_session_there_is_none(tmp_path: Path) -> None:
    assert not open_file("x.png", {"PATH": str(tmp_path), "DISPLAY": ":0"})
    env = desktop(tmp_path, "exit 0")
    assert not open_file("x.png", {"PATH": env["PATH"]})


def test_a_run_notes_that_nothing_could_open_the_image(world: World) -> None:
    ran = world.run("generate", "a fox", "-o", "x.png", "--open", "--sandbox")
    assert ran.status == 0
    assert f"no viewer was found to open `{world.cwd / 'x.png'}`" in ran.err
