"""A queue of received callbacks, from the receiver's threads to the thread of the run."""

from __future__ import annotations

import queue
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from fluxcli.callbacks.signature import Verification

_CHECK_SECONDS: Final = 0.25
"""Seconds between wake-ups of a blocking wait: on Windows a signal does not end one."""

_MOST_REFUSED: Final = 100
"""Refused callbacks beyond this number are dropped: anyone can send them."""

LARGEST_BATCH: Final = 100


class Inbox:
    """A queue of callbacks. `is_new` records an accepted one and returns whether it is new."""

    def __init__(self, is_new: Callable[[Verification], bool]) -> None:
        self._is_new = is_new
        self._arrived: queue.SimpleQueue[Verification] = queue.SimpleQueue()
        self._next: deque[Verification] = deque()

    def put(self, callback: Verification) -> None:
        """Add a callback, from any thread."""
        if callback.is_accepted or self._arrived.qsize() < _MOST_REFUSED:
            self._arrived.put(callback)

    def wait(self) -> None:
        """Wait until there is a callback."""
        while not self._next:
            try:
                self._next.append(self._marked(self._arrived.get(timeout=_CHECK_SECONDS)))
            except queue.Empty:
                continue

    def take(self) -> Verification | None:
        """Return the next callback, a replay marked as such; None if the queue is empty."""
        if self._next:
            return self._next.popleft()
        try:
            return self._marked(self._arrived.get_nowait())
        except queue.Empty:
            return None

    def take_all(self) -> list[Verification]:
        """Return the callbacks that are there now, at most `LARGEST_BATCH`."""
        found: list[Verification] = []
        while len(found) < LARGEST_BATCH and (callback := self.take()) is not None:
            found.append(callback)
        return found

    def _marked(self, callback: Verification) -> Verification:
        is_replay = callback.is_accepted and not self._is_new(callback)
        return callback.as_replay() if is_replay else callback
