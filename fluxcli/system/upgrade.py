"""The command that upgrades fluxcli, by how it was installed."""

from __future__ import annotations

import sys
from pathlib import Path


def upgrade_command(prefix: str = sys.prefix) -> str:
    """Return the command that upgrades the installation in the environment at `prefix`.

    uv keeps its tools in `…/uv/tools/NAME` and pipx in `…/pipx/venvs/NAME`, below folders that
    their variables `UV_TOOL_DIR` and `PIPX_HOME` can move; elsewhere, pip is taken.
    """
    folder = Path(prefix)
    if (folder / "uv-receipt.toml").is_file():
        return "uv tool upgrade fluxcli"
    if (folder / "pipx_metadata.json").is_file():
        return "pipx upgrade fluxcli"
    return "pip install --upgrade fluxcli"
