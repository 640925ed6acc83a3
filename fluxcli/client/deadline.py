"""A total time for calls: whoever takes longer is cut off, however alive it looks.

Knows threads and time, and nothing of what it cuts. One thread watches all calls: starting
one for each costs more than the rest of a small call.
"""

from __future__ import annotations

import threading
import time
from math import inf
from typing import TYPE_CHECKING, Self

from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Deadline:
    """Calls `cut`, from another thread, once the block has taken `seconds`; then `fired` is true.

    Raises:
        FluxError: NETWORK, on entry, if there is no thread to be had: nothing may be begun
            that could outlast its time.
    """

    def __init__(self, cut: Callable[[], None], seconds: float) -> None:
        self.fired = False
        self.due = time.monotonic() + seconds
        self._cut = cut

    def fire(self) -> None:
        """Cut what is watched."""
        self.fired = True
        self._cut()

    def __enter__(self) -> Self:
        _DEADLINES.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _DEADLINES.remove(self)


class _DeadlineThread:
    """The dogs on watch, and the thread that lets each go in time. It begins with the first."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._dogs: set[Deadline] = set()
        self._asleep_until = inf
        self._thread: threading.Thread | None = None

    def add(self, dog: Deadline) -> None:
        with self._news:
            if self._thread is None or not self._thread.is_alive():
                self._thread = _started(self._watch)
            self._dogs.add(dog)
            if dog.due < self._asleep_until:
                self._news.notify()

    def remove(self, dog: Deadline) -> None:
        # The thread may wake for it in vain: that is cheaper than to be told.
        with self._news:
            self._dogs.discard(dog)

    def _watch(self) -> None:
        with self._news:
            while True:
                now = time.monotonic()
                late = [dog for dog in self._dogs if dog.due <= now]
                self._dogs.difference_update(late)
                for dog in late:
                    dog.fire()
                self._asleep_until = min((dog.due for dog in self._dogs), default=inf)
                left = self._asleep_until - time.monotonic()
                self._news.wait(None if left == inf else max(0.0, left))


def _started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        said = f"this machine lends no more threads: {error}"
        raise FluxError(Code.NETWORK, said, hint="fluxcli config check") from error
    return thread


_DEADLINES = _DeadlineThread()
