"""Terminals: which understand escape sequences, and which process draws on one."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.platform == "win32":  # pragma: no cover - Wine has no console in a test
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _ENABLE_VIRTUAL_TERMINAL_PROCESSING = 4

    def understands_escapes(handle: int | None) -> bool:
        """Return whether the terminal at a descriptor draws escape sequences, once asked to.

        Windows before 10 cannot; a pty (of Git for Windows, say) always can.
        """
        if handle is None:
            return False
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetConsoleMode.argtypes = (wintypes.HANDLE, ctypes.POINTER(wintypes.DWORD))
        kernel.SetConsoleMode.argtypes = (wintypes.HANDLE, wintypes.DWORD)
        mode = wintypes.DWORD()
        console = msvcrt.get_osfhandle(handle)
        if not kernel.GetConsoleMode(console, ctypes.byref(mode)):
            return True
        wanted = mode.value | _ENABLE_VIRTUAL_TERMINAL_PROCESSING
        return bool(kernel.SetConsoleMode(console, wanted))

    def claim(handle: int | None, stdin: int | None) -> Callable[[], None] | None:  # noqa: ARG001 - consoles have no locks
        """Return what releases the terminal; here, any process may draw on it."""
        return lambda: None

else:
    import os
    from pathlib import Path

    from fluxcli.system.handle_lock import lock

    def understands_escapes(handle: int | None) -> bool:  # noqa: ARG001 - every terminal does
        """Return whether the terminal at a descriptor draws escape sequences."""
        return True

    def claim(handle: int | None, stdin: int | None) -> Callable[[], None] | None:
        """Return what releases the terminal at a descriptor; None if it is not to be drawn on.

        Rows that two processes redraw at once would destroy each other. So nothing is drawn by a
        process in the background or without any input, as from `xargs -P`, or while another one
        draws: the claim is a lock on the terminal itself, which ends with the process.
        """
        if stdin is not None and _is_null(stdin):
            return None
        if handle is None:
            return lambda: None
        try:
            own = os.open(os.ttyname(handle), os.O_RDONLY | os.O_NOCTTY)
        except OSError:
            return lambda: None
        with contextlib.suppress(OSError):
            if os.tcgetpgrp(own) != os.getpgrp():
                os.close(own)
                return None
        try:
            is_free = lock(own, wait=False)
        except OSError:
            is_free = True
        if is_free:
            return lambda: os.close(own)
        os.close(own)
        return None

    def _is_null(handle: int) -> bool:
        try:
            return os.fstat(handle).st_rdev == Path(os.devnull).stat().st_rdev
        except OSError:
            return False
