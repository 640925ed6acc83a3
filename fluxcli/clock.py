"""The clock, which is passed to everything that needs the time; tests pass one of their own."""

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
    """What fluxcli needs of a clock. All values are seconds."""

    def monotonic(self) -> float:
        """Return a reading that never goes back; only differences mean something."""
        ...

    def wall(self) -> float:
        """Return seconds since the epoch, UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        ...

    def receive(self, box: queue.SimpleQueue[T], seconds: float, *, busy: bool) -> T | None:
        """Return the next item of `box`, or None after `seconds` without one.

        `busy`: another thread may still put something into the box; a clock made for tests lets its
        time pass only when none does.
        """
        ...


class SystemClock:
    """The system's clock. Deadlines on `wall` also pass while the computer sleeps."""

    def monotonic(self) -> float:
        """Return the system's monotonic reading."""
        return time.monotonic()

    def wall(self) -> float:
        """Return the system's time."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
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


def timestamp(seconds: float | None) -> str | None:
    """Return seconds since the epoch as ISO 8601 in UTC; None for none, or beyond any calendar."""
    from datetime import UTC, datetime

    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
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
