"""Time, as it is handed in from outside: nothing in the house reads a clock of its own.

The tests hand in a clock whose hours pass in no time.
"""

from __future__ import annotations

import queue
import signal
import time
from contextlib import suppress
from typing import Final, Protocol, TypeVar

from fluxcli.signals import signals_blocked

T = TypeVar("T")

_LATEST: Final = 6e10
"""In seconds: within the years that a date can have, before the epoch and after it."""

_STOP: Final = tuple(getattr(signal, name) for name in ("SIGTSTP",) if hasattr(signal, name))
"""Ctrl-Z, where there is job control."""


class Clock(Protocol):
    """What the house may ask of time. All values are seconds."""

    def monotonic(self) -> float:
        """Return a reading that never goes back; only differences mean something."""
        ...

    def wall(self) -> float:
        """Return seconds since the epoch, UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...

    def receive(self, box: queue.SimpleQueue[T], seconds: float, *, busy: bool) -> T | None:
        """Take from `box`, or let `seconds` pass and return None.

        `busy` says that somebody is at work and may yet put something into the box; a clock
        made for tests lets its time pass only when nobody is.
        """
        ...


class SystemClock:
    """The real one. A laptop's sleep counts: deadlines on `wall` pass while it is shut."""

    def monotonic(self) -> float:
        """Return the system's monotonic reading."""
        return time.monotonic()

    def wall(self) -> float:
        """Return the system's idea of now."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(max(0.0, seconds))

    def receive(self, box: queue.SimpleQueue[T], seconds: float, *, busy: bool) -> T | None:  # noqa: ARG002 - real time passes either way
        """Wait for the box, at most `seconds`; a Ctrl-Z waits for the end of that."""
        # Before Python 3.13 a wait never ends if a signal's handler outlasts it, and the one
        # that gives the terminal away lasts until the process is woken again.
        with signals_blocked(_STOP):
            try:
                return box.get(timeout=max(0.0, seconds))
            except queue.Empty:
                return None


def local_day(seconds: float) -> str:
    """Return the local day of a time in seconds since the epoch, as `YYYY-MM-DD`.

    Where the system cannot convert a time (Windows before 1970), the day is UTC's.
    """
    from datetime import UTC, datetime, timedelta

    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OSError, OverflowError, ValueError):
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
            seconds=max(-_LATEST, min(seconds, _LATEST))
        )
    with suppress(OSError, OverflowError):
        moment = moment.astimezone()
    return moment.date().isoformat()
