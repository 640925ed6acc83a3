"""The command that upgrades fluxcli is that of the program which installed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fluxcli.system.upgrade import upgrade_command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("uv-receipt.toml", "uv tool upgrade fluxcli"),
        ("pipx_metadata.json", "pipx upgrade fluxcli"),
        ("pyvenv.cfg", "pip install --upgrade fluxcli"),
    ],
)
def test_the_installer_upgrades(tmp_path: Path, file: str, command: str) -> None:
    (tmp_path / file).write_text("")
    assert upgrade_command(str(tmp_path)) == command
