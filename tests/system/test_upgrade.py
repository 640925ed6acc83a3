"""The commands that upgrade fluxcli or add an extra are those of the program which installed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fluxcli.system.upgrade import install_command, upgrade_command

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


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("uv-receipt.toml", "uv tool install 'fluxcli[preview]'"),
        ("pipx_metadata.json", "pipx install --force 'fluxcli[preview]'"),
        ("pyvenv.cfg", "pip install 'fluxcli[preview]'"),
    ],
)
def test_the_installer_adds_an_extra(tmp_path: Path, file: str, command: str) -> None:
    (tmp_path / file).write_text("")
    assert install_command("preview", str(tmp_path)) == command
