"""Ctrl-Z while a display stands: the shell gets its terminal back as it should be."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import FrameType


@contextlib.contextmanager
def suspended_within(aside: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """Let the process be stopped only within `aside()`, which a signal's handler enters.

    Does nothing where there is no job control, outside the main thread, or where somebody
    else has decided what the signal does.
    """
    number: int | None = getattr(signal, "SIGTSTP", None)
    in_main = threading.current_thread() is threading.main_thread()
    if number is None or not in_main or signal.getsignal(number) is not signal.SIG_DFL:
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        with aside():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            # Here the process sleeps, until the shell wakes it.
            signal.signal(number, stop)

    signal.signal(number, stop)
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL)
