"""Consoles that must be asked to understand escape sequences, as Windows' are."""

from __future__ import annotations

import sys

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

else:

    def understands_escapes(handle: int | None) -> bool:  # noqa: ARG001 - every terminal does
        """Return whether the terminal at a descriptor draws escape sequences."""
        return True
