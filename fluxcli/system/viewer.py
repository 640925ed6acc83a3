"""Opening a file in the system's viewer."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS: Final = 3.0
"""A program that has found no viewer has failed by then; one that shows the file may go on."""

_SESSIONS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")
"""Without one of these variables, `xdg-open` would start a text browser in the terminal."""


def open_file(path: str, env: Mapping[str, str]) -> bool:
    """Open a file in the viewer of its type; return whether there seems to be one."""
    if sys.platform == "win32":  # pragma: no cover - Windows only
        with contextlib.suppress(OSError):
            os.startfile(path)  # noqa: S606 - what the system has for this
            return True
        return False
    if sys.platform == "darwin":
        return _started("open", path, env)
    return any(env.get(name) for name in _SESSIONS) and _started("xdg-open", path, env)


def _started(program: str, path: str, env: Mapping[str, str]) -> bool:
    """Start a program on a file without waiting for its end; False if it fails at once."""
    silent = subprocess.DEVNULL
    try:
        process = subprocess.Popen(  # noqa: S603 - a list, without a shell
            [program, path],
            env=dict(env),
            stdin=silent,
            stdout=silent,
            stderr=silent,
            start_new_session=True,
        )
        return process.wait(_SECONDS) == 0
    except subprocess.TimeoutExpired:
        return True
    except OSError:
        return False
