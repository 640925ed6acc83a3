"""The commands that upgrade fluxcli or add an extra, by how it was installed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

_UV_RECEIPT: Final = "uv-receipt.toml"
_PIPX_METADATA: Final = "pipx_metadata.json"


def upgrade_command(prefix: str = sys.prefix) -> str:
    """Return the command that upgrades the installation in the environment at `prefix`.

    uv and pipx leave a file of their own in the environment of a tool; elsewhere, pip is taken.
    """
    folder = Path(prefix)
    if (folder / _UV_RECEIPT).is_file():
        return "uv tool upgrade fluxcli"
    if (folder / _PIPX_METADATA).is_file():
        return "pipx upgrade fluxcli"
    return "pip install --upgrade fluxcli"


def install_command(extra: str, prefix: str = sys.prefix) -> str:
    """Return the command that adds what the optional `extra` needs, as `upgrade_command` does."""
    folder = Path(prefix)
    if (folder / _UV_RECEIPT).is_file():
        return f"uv tool install 'fluxcli[{extra}]'"
    if (folder / _PIPX_METADATA).is_file():
        return f"pipx install --force 'fluxcli[{extra}]'"
    return f"pip install 'fluxcli[{extra}]'"
