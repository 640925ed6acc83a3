"""Ctrl-Z while a display stands: the shell gets its terminal back as it should be."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import FrameType


def on_suspend(aside: Callable[[], AbstractContextManager[None]]) -> Callable[[], None]:
    """Be stopped within `aside()` from now on; return what ends this.

    Does nothing where there is no job control, outside the main thread, or where somebody
    else has decided what the signal does.
    """
    number: int | None = getattr(signal, "SIGTSTP", None)
    if number is None or threading.current_thread() is not threading.main_thread():
        return _nothing
    if signal.getsignal(number) is not signal.SIG_DFL:
        return _nothing

    def stop(number: int, _frame: FrameType | None) -> None:
        with aside():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            # Here the process sleeps, until the shell wakes it.
            signal.signal(number, stop)

    signal.signal(number, stop)
    return lambda: _restore(number)


def _restore(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)


def _nothing() -> None:
    """Nothing was begun."""
