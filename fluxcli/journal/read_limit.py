"""The key's limit of reads, kept across all processes of this machine.

Time is cut into short turns, each for one look: whatever second is picked, fewer looks fall
into it than are allowed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from fluxcli.catalog import READS_PER_SECOND

if TYPE_CHECKING:
    from fluxcli.clock import Clock
    from fluxcli.journal.database import Database

_TURN: Final = 1.25 / READS_PER_SECOND

_FREE: Final = """
SELECT CASE WHEN EXISTS (SELECT 1 FROM turns WHERE account = :account AND turn = :turn)
THEN (SELECT MIN(turn) + 1 FROM turns AS taken WHERE account = :account AND turn >= :turn
      AND NOT EXISTS (SELECT 1 FROM turns WHERE account = :account AND turn = taken.turn + 1))
ELSE :turn END
"""


class ReadLimiter:
    """Turns to look by one account (a short hash; `sandbox` for the sandbox)."""

    def __init__(self, store: Database, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def take(self, account: str, wanted: float) -> float:
        """Reserve the first free turn that is not before `wanted`; return when it is.

        Both by the monotonic clock. A turn that nobody comes for is lost, which is little.
        """
        now = self._clock.wall()
        # Processes have no other clock in common.
        offset = now - self._clock.monotonic()
        turn = math.floor((wanted + offset) / _TURN)
        with self._store.writing(lasting=False) as db:
            past = math.floor(now / _TURN)
            db.execute("DELETE FROM turns WHERE account = ? AND turn < ?", (account, past))
            found = db.execute(_FREE, {"account": account, "turn": turn}).fetchone()
            free = int(found[0])
            db.execute("INSERT INTO turns (account, turn) VALUES (?, ?)", (account, free))
        return max(wanted, free * _TURN - offset)
