"""A few cells of the matrix of commands and environments, which `environments` runs whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability.environments import ENVIRONMENTS, run

if TYPE_CHECKING:
    from pathlib import Path

BY_NAME = {one.name: one for one in ENVIRONMENTS}


@pytest.mark.parametrize(
    ("name", "command", "status", "charges"),
    [
        ("ulimit -n 6", "generate", None, None),
        ("ulimit -v 200000", "generate 8", None, None),
        ("ulimit -f 8", "generate", None, None),
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
