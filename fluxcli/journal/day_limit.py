"""The setting `max_credits_per_day`: a cap on what all runs of this machine spend in a local day.

It is checked in the transaction that records a submission, so that processes at the same moment
cannot exceed it together. Refused tasks and failed ones, which are refunded, do not count; what
may have been charged does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.prices_and_limits import SANDBOX_URL

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from fluxcli.clock import Clock
    from fluxcli.journal.database import Database
    from fluxcli.task_types import Request

_SPENT: Final = """
SELECT CASE WHEN json_valid(request) THEN json_extract(request, '$.model') END AS model,
    TOTAL(credits) AS charged, COUNT(*) - COUNT(credits) AS estimated
FROM tasks WHERE sent_at >= :since AND ref <> :ref AND (sent_at < :until OR rowid >
        IFNULL((SELECT rowid FROM tasks WHERE sent_at < :since ORDER BY rowid DESC LIMIT 1), 0))
    AND (origin = :origin OR (:real AND NOT sandbox AND origin LIKE 'https:%'))
    AND state <> 'refused' AND (state <> 'failed' OR error_code = 'expired')
GROUP BY 1
"""
"""With a time that is still to come, the clock was ahead: such a task counts as today's as long
as none of an earlier day was recorded after it."""


@dataclass(frozen=True, slots=True)
class DailyCap:
    """The most credits in a day, and the price of one image by model, in credits."""

    credits: int
    prices: Mapping[str, float]


class DayLimit:
    """What was spent today and may still be, by the service at `origin`.

    A sandbox's tasks count for that sandbox alone; those of real services count together.
    """

    def __init__(
        self, store: Database, clock: Clock, *, origin: str, cap: Callable[[], DailyCap | None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._origin = origin
        self._cap = cap

    def left(self) -> float | None:
        """Return how many credits may still be spent today; None without a cap."""
        cap = self._cap()
        if cap is None:
            return None
        rows = self._store.rows(_SPENT, self._values(""))
        return max(0.0, cap.credits - _total(rows, cap.prices))

    def check(self, estimate: float) -> None:
        """Check that so many credits may be spent today.

        Raises:
            FluxError: OVER_BUDGET; nothing was sent.
        """
        cap = self._cap()
        if cap is not None and estimate:
            spent = _total(self._store.rows(_SPENT, self._values("")), cap.prices)
            _raise_over(cap, spent, estimate)

    def admit(self, database: sqlite3.Connection, ref: str, request: Request) -> None:
        """Check, in the transaction that records the submission `ref`, that it may be sent.

        Raises:
            FluxError: OVER_BUDGET; nothing was sent.
        """
        cap = self._cap()
        if cap is not None:
            rows = database.execute(_SPENT, self._values(ref)).fetchall()
            _raise_over(cap, _total(rows, cap.prices), cap.prices.get(request.model, 0.0))

    def _values(self, ref: str) -> dict[str, object]:
        now = datetime.fromtimestamp(self._clock.wall()).astimezone()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        # Plain `http` is for this machine alone: a sandbox, which costs nothing.
        is_real = self._origin.startswith("https:") and self._origin != SANDBOX_URL
        return {
            "since": midnight.timestamp(),
            "until": (midnight + timedelta(days=1)).timestamp(),
            "ref": ref,
            "origin": self._origin,
            "real": is_real,
        }


def _total(rows: list[sqlite3.Row], prices: Mapping[str, float]) -> float:
    """Return the credits of all rows; a model that is not known has the highest price."""
    highest = max(prices.values(), default=0.0)
    total = 0.0
    for row in rows:
        total += row["charged"] + row["estimated"] * prices.get(row["model"], highest)
    return total


def _raise_over(cap: DailyCap, spent: float, estimate: float) -> None:
    if spent + estimate > cap.credits:
        raise FluxError(
            Code.OVER_BUDGET,
            f"an estimated {estimate:g} credits are over `max_credits_per_day`: {spent:g} of "
            f"{cap.credits} are spent today; nothing was sent",
            hint="fluxcli credits --since 1d; fluxcli config get max_credits_per_day",
        )
