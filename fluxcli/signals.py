"""Signals: deferred while a submission is open, obeyed at once otherwise.

The first signal raises `Interrupted`, or, within `held`, puts None into the given box, whose
reader then ends the run. The second one ends the process at once.
"""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from fluxcli.system.processes import end_by_signal

if TYPE_CHECKING:
    import queue
    from collections.abc import Callable, Iterator
    from signal import Signals

SIGNALS: Final[tuple[Signals, ...]] = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)
"""SIGBREAK is Windows': Ctrl-Break, and the closing of the console window."""


class Interrupted(BaseException):
    """A signal arrived; not an `Exception`, so that no handler of errors swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interrupts:
    """The signals of one run. `at_once` restores the terminal before the second ends the run."""

    def __init__(self, at_once: Callable[[], None] = lambda: None) -> None:
        self.number: int | None = None
        self._at_once = at_once
        self._box: queue.SimpleQueue[Any] | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Install the handlers; a signal that was ignored from outside (nohup) stays ignored."""
        earlier = {}
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                earlier[number] = signal.signal(number, self._arrived)
        try:
            yield
        finally:
            # One that arrives during the change would be lost, and Python would print a message.
            with signals_blocked(SIGNALS):
                for number, handler in earlier.items():
                    signal.signal(number, handler)

    @contextmanager
    def held(self, box: queue.SimpleQueue[Any]) -> Iterator[None]:
        """Let a first signal put None into `box` instead of raising."""
        self._box = box
        try:
            yield
        finally:
            self._box = None

    def _arrived(self, number: int, _frame: object) -> None:
        if self.number is not None:
            self._at_once()
            end_by_signal(number)
        self.number = number
        if self._box is None:
            raise Interrupted(number)
        self._box.put(None)


if sys.platform == "win32":  # pragma: no cover - run under Wine by `.ci/wine`

    @contextmanager
    def signals_blocked(numbers: tuple[Signals, ...]) -> Iterator[None]:  # noqa: ARG001 - cannot be blocked there
        """Do nothing: Windows cannot hold a signal back, and delivers it to the main thread."""
        yield

else:

    @contextmanager
    def signals_blocked(numbers: tuple[Signals, ...]) -> Iterator[None]:
        """Keep signals waiting in this thread; one that arrived before still raises here."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
