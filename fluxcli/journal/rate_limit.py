"""The account's limit of submissions, shared by all processes of this machine.

The service refuses more than 20 new tasks in 10 seconds. A slot is acquired when a submission is
sent and ages from its *answer*: the service counted it in between, so a slot is never reused
too early. Measured, this reaches the limit without a refusal.

Times are by the monotonic clock, which all processes share and which cannot be set. It begins again
when the machine starts: a time that has not come yet counts as now, so that no wait is longer
than the window.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right, insort
from typing import TYPE_CHECKING, Final

from fluxcli.prices_and_limits import SUBMISSIONS, WINDOW_SECONDS
from fluxcli.system.processes import alive

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from fluxcli.clock import Clock
    from fluxcli.journal.database import Database

_ABANDONED_SECONDS: Final = 150.0
"""A slot without an answer for this long belongs to a process that has ended."""

_RECHECK_SECONDS: Final = 0.25
"""How soon to try again while every slot belongs to an unanswered submission."""

_CLOSE_SECONDS: Final = 0.001
"""Times that are no further apart count as equal."""


class SubmissionLimiter:
    """Slots for submissions by one account (a short hash; `sandbox` for the sandbox)."""

    def __init__(self, store: Database, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.submissions = SUBMISSIONS
        """How many of this process in a window: fewer where several machines share the account."""
        self._guard = threading.Lock()
        self._expected: list[float] = []
        """When this process's waiters come back, in order, by the monotonic clock."""

    def acquire(self, account: str) -> tuple[int, float]:
        """Acquire a slot: `(slot, 0.0)`; or, if none is free, `(0, seconds to wait)`."""
        now = self._clock.monotonic()
        with self._store.writing(lasting=False) as db:
            times = {
                "account": account,
                "now": now,
                "past": now - WINDOW_SECONDS,
                "abandoned": now - _ABANDONED_SECONDS,
            }
            db.execute(
                "UPDATE submissions SET started_at = MIN(started_at, :now),"
                " answered_at = MIN(answered_at, :now)"
                " WHERE account = :account AND MAX(started_at, IFNULL(answered_at, 0)) > :now",
                times,
            )
            db.execute(
                "DELETE FROM submissions WHERE account = :account"
                " AND (answered_at <= :past OR started_at <= :abandoned)",
                times,
            )
            self._age_abandoned(db, account, now)
            rows = db.execute(
                "SELECT pid, answered_at FROM submissions WHERE account = ?"
                " ORDER BY answered_at IS NULL, answered_at",
                (account,),
            ).fetchall()
            own = [row for row in rows if self._is_own(row["pid"])]
            if len(rows) < SUBMISSIONS and len(own) < self.submissions:
                row = db.execute(
                    "INSERT INTO submissions (account, pid, started_at) VALUES (?, ?, ?)",
                    (account, os.getpid(), now),
                )
                return int(row.lastrowid or 0), 0.0
        is_own_limit = len(own) >= self.submissions
        most, taken = (self.submissions, own) if is_own_limit else (SUBMISSIONS, rows)
        return 0, self._wait([row["answered_at"] for row in taken], now, most)

    def _is_own(self, pid: int) -> bool:
        """Return whether a slot counts towards `submissions`: another live process has its own."""
        shares = self.submissions < SUBMISSIONS
        return not shares or pid == os.getpid() or not alive(pid)

    def _wait(self, ages: Sequence[float | None], now: float, most: int) -> float:
        """Return the seconds until the first free slot, of `most`, that no other waiter expects.

        Otherwise all would try for the first slot, and all but one of them again for the next.
        """
        if ages[0] is None:
            return _RECHECK_SECONDS
        # One without an answer is free a window from now at the earliest.
        free = sorted((now if age is None else age) + WINDOW_SECONDS - now for age in ages)
        free = free[len(ages) - most :]

        def after(turn: int) -> float:
            rounds, place = divmod(turn, most)
            return free[place] + rounds * WINDOW_SECONDS

        moment = self._clock.monotonic()
        with self._guard:
            expected = [at for at in self._expected if at > moment]
            # A waiter gets a slot if fewer wait before it than slots are free by then.
            turn = next(
                turn
                for turn in range(len(expected) + 1)
                if bisect_right(expected, moment + after(turn) + _CLOSE_SECONDS) <= turn
            )
            wait = max(0.01, after(turn))
            insort(expected, moment + wait)
            self._expected = expected
        return wait

    def answered(self, slot: int) -> None:
        """Let the slot age: its submission was answered, or will never be."""
        with self._store.writing(lasting=False) as db:
            now = self._clock.monotonic()
            db.execute("UPDATE submissions SET answered_at = ? WHERE id = ?", (now, slot))

    def release(self, slot: int) -> None:
        """Release a slot whose submission was never sent."""
        with self._store.writing(lasting=False) as db:
            db.execute("DELETE FROM submissions WHERE id = ?", (slot,))

    def saturate(self, account: str, seconds: float) -> None:
        """Take a refusal into account: for `seconds` no process submits for this account."""
        aged = self._clock.monotonic() - WINDOW_SECONDS + min(seconds, WINDOW_SECONDS)
        with self._store.writing(lasting=False) as db:
            db.executemany(
                "INSERT INTO submissions (account, pid, started_at, answered_at)"
                " VALUES (?, 0, ?, ?)",
                [(account, aged, aged)] * SUBMISSIONS,
            )

    def _age_abandoned(self, db: sqlite3.Connection, account: str, now: float) -> None:
        """Let the slots of processes that have ended age from now."""
        open_slots = db.execute(
            "SELECT id, pid FROM submissions WHERE account = ? AND answered_at IS NULL", (account,)
        ).fetchall()
        dead = [(now, row["id"]) for row in open_slots if not alive(row["pid"])]
        db.executemany("UPDATE submissions SET answered_at = ? WHERE id = ?", dead)
