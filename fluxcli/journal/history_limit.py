"""Shortens the journal to the setting `history_limit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

KEPT_SECONDS: Final = 60 * 86_400.0
"""No task is removed before the service has removed its record as well: two months."""


def remove_old_tasks(db: sqlite3.Connection, *, keep: int, now: float) -> None:
    """Remove finished tasks that are neither among the newest `keep` nor younger than 60 days.

    What is paid for and not saved, or may be, is never removed, nor is a task of an open run.
    Both conditions must hold, so that a clock that is ahead removes nothing recent.
    """
    old = db.execute(
        "SELECT ref, run FROM tasks WHERE created_at < ?"
        " AND state IN ('saved', 'failed', 'refused')"
        " AND rowid <= (SELECT rowid FROM tasks ORDER BY rowid DESC LIMIT 1 OFFSET ?)"
        " AND run IN (SELECT run FROM runs WHERE closed_at IS NOT NULL)",
        (now - KEPT_SECONDS, keep),
    ).fetchall()
    db.executemany("DELETE FROM tasks WHERE ref = ?", [(row["ref"],) for row in old])
    db.executemany(
        "DELETE FROM runs WHERE run = ?"
        " AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.run = runs.run)",
        {(row["run"],) for row in old},
    )
