"""The time limits of calls: one that takes longer is cut off, even if bytes still arrive.

One thread watches all calls: starting a thread for each would cost more than a small call.
"""

from __future__ import annotations

import threading
import time
from math import inf
from typing import TYPE_CHECKING, Final, Self

from fluxcli.errors import exhausted
from fluxcli.signals import SIGNALS, signals_blocked

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT_SECONDS: Final = 20.0
SUBMIT_SECONDS: Final = 130.0
"""The edge closes a call to the service after 100 to 120 s; later no answer comes."""

READ_SECONDS: Final = 30.0
UPLOAD_SECONDS: Final = 600.0
SILENCE_SECONDS: Final = 30.0
"""A download without a single byte for this long is started again; a slow one may continue."""


class Deadline:
    """Calls `cut`, from another thread, once the block has taken `seconds`; then `fired` is true.

    Raises:
        FluxError: NO_RESOURCES, on entry, if no thread can be started: a call without a deadline is
            not begun.
    """

    def __init__(self, cut: Callable[[], None], seconds: float) -> None:
        self.fired = False
        self.due = time.monotonic() + seconds
        self._cut = cut

    def fire(self) -> None:
        """Cut the call."""
        self.fired = True
        self._cut()

    def __enter__(self) -> Self:
        _DEADLINES.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _DEADLINES.remove(self)


def start_deadlines() -> None:
    """Start the thread that watches the calls, before the first of them.

    Raises:
        FluxError: NO_RESOURCES: the system allows no more threads.
    """
    _DEADLINES.start()


class _DeadlineThread:
    """The deadlines and the thread that fires them. It starts with the first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._deadlines: set[Deadline] = set()
        self._asleep_until = inf
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                self._thread = _started(self._watch)

    def add(self, deadline: Deadline) -> None:
        self.start()
        with self._changed:
            self._deadlines.add(deadline)
            if deadline.due < self._asleep_until:
                self._changed.notify()

    def remove(self, deadline: Deadline) -> None:
        # The thread may wake without need: that is cheaper than a notification.
        with self._changed:
            self._deadlines.discard(deadline)

    def _watch(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                due = (deadline for deadline in self._deadlines if deadline.due <= now)
                late = sorted(due, key=lambda deadline: deadline.due)
                self._deadlines.difference_update(late)
                for deadline in late:
                    deadline.fire()
                self._asleep_until = min(
                    (deadline.due for deadline in self._deadlines), default=inf
                )
                left = self._asleep_until - time.monotonic()
                self._changed.wait(None if left == inf else max(0.0, left))


def _started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    try:
        # It inherits the mask: a signal must not come here while the caller's thread blocks it.
        with signals_blocked(SIGNALS):
            thread.start()
    except RuntimeError as error:
        raise (exhausted(error, sent=False) or error) from error
    return thread


_DEADLINES = _DeadlineThread()
