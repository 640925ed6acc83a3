"""Other processes and the end of this one."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

if sys.platform == "win32":  # pragma: no cover - run under Wine by `.ci/wine`
    import ctypes
    from ctypes import wintypes

    _SYNCHRONIZE = 0x0010_0000
    _WAIT_TIMEOUT = 0x102
    _ERROR_INVALID_PARAMETER = 87

    def alive(pid: int) -> bool:
        """Return whether a process of this number runs; a number used again counts as alive."""
        # `os.kill(pid, 0)` would send Ctrl-C to the process: the number of CTRL_C_EVENT is 0.
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        kernel.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
        kernel.WaitForSingleObject.argtypes = (wintypes.HANDLE, wintypes.DWORD)
        kernel.WaitForSingleObject.restype = wintypes.DWORD
        kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
        if not 0 < pid < 1 << 32:
            return False
        process = kernel.OpenProcess(_SYNCHRONIZE, False, pid)
        if not process:
            # One of another user exists and may not be opened.
            return ctypes.get_last_error() != _ERROR_INVALID_PARAMETER
        try:
            return bool(kernel.WaitForSingleObject(process, 0) == _WAIT_TIMEOUT)
        finally:
            kernel.CloseHandle(process)

    def end_by_signal(number: int) -> NoReturn:
        """End this process at once, with the status of a signal."""
        # A process cannot be ended by a signal; `os.kill` would end it with the status `number`.
        os._exit(128 + number)

else:
    import signal

    def alive(pid: int) -> bool:
        """Return whether a process of this number runs; a number used again counts as alive."""
        if pid <= 0:
            return False  # 0 and negative numbers are process groups
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except OSError:
            return True
        return True

    def end_by_signal(number: int) -> NoReturn:
        """End this process at once by the signal itself, so that a parent sees it."""
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(128 + number)  # the signal is blocked or ignored by the system
