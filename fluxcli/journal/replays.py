"""The callbacks that were accepted, so that a replay of one is recognised."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fluxcli.clock import Clock
    from fluxcli.journal.database import Database


class ReplayMemory:
    """The task and timestamp of every callback that was accepted on this machine."""

    def __init__(self, store: Database, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def add(self, task_id: str, timestamp: int) -> bool:
        """Record a callback; return whether it is new. Of several at the same time one is."""
        with self._store.writing(lasting=False) as db:
            added = db.execute(
                "INSERT OR IGNORE INTO callbacks (task_id, timestamp, received_at)"
                " VALUES (?, ?, ?)",
                (task_id, timestamp, self._clock.wall()),
            )
            return added.rowcount > 0
