"""A few cells of the matrix of commands and environments, which `environments` runs whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability.environments import ENVIRONMENTS, LIMITS, run

if TYPE_CHECKING:
    from pathlib import Path

BY_NAME = {one.name: one for one in (*LIMITS, *ENVIRONMENTS)}


@pytest.mark.parametrize(
    ("name", "command", "status", "charges"),
    [
        ("ulimit -n 6", "generate", 1, 0),
        ("ulimit -n 6", "download 8", 1, 0),
        ("ulimit -n 14", "generate 8", 0, 8),
        ("ulimit -n 16", "build 8", 0, 8),
        ("ulimit -v 80000", "build 8", 1, 0),
        ("ulimit -v 200000", "generate 8", None, None),
        ("ulimit -v 200000", "edit", None, None),
        ("ulimit -v 280000", "build 8", 0, 8),
        ("ulimit -v 280000", "download 8", 0, 0),
        ("ulimit -f 8", "generate", None, 0),
        ("all closed", "generate", 0, 1),
        ("-bb", "edit", 0, 1),
        ("-I", "build", 0, 1),
        ("env -i", "generate", 0, 1),
        ("state in /proc", "generate", None, 0),
        ("HOME=/", "config check", None, 0),
        ("key file endless", "generate", None, 0),
    ],
)
def test_a_command_ends_in_order_if_the_environment_lacks_something(
    tmp_path: Path, name: str, command: str, status: int | None, charges: int | None
) -> None:
    cell = run(BY_NAME[name], command, tmp_path)
    assert cell.wrong == (), cell
    assert status in {None, cell.status}, cell
    assert charges in {None, cell.charges}, cell


@pytest.mark.parametrize("command", ["generate", "build", "download 8"])
@pytest.mark.parametrize("name", ["ulimit -n 6", "ulimit -n 8", "ulimit -v 80000"])
def test_a_lack_of_resources_is_not_blamed_on_a_folder(
    tmp_path: Path, name: str, command: str
) -> None:
    err = run(BY_NAME[name], command, tmp_path).err
    assert "error: " in err
    assert "`ulimit -a`" in err
    assert "FLUXCLI_STATE_DIR" not in err
