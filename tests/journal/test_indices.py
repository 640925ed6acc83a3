"""Reading a journal takes as long however many tasks it holds: every query uses an index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fluxcli.errors import FluxError
from tests.journal.samples import accepted

if TYPE_CHECKING:
    from collections.abc import Callable

    from fluxcli.journal.journal import Journal

MANY = 5000
STEPS = 60
"""Hundreds of SQLite steps that a read takes at most; a scan of all tasks takes 150 and more."""


def fill(journal: Journal) -> None:
    """Add tasks of many runs, nearly all of them saved, half of them of another service."""
    accepted(journal, "aaaa0000", "first")
    with journal._store.writing(lasting=False) as db:
        db.execute(
            "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ?)"
            " INSERT INTO runs (run, fingerprint, sandbox, created_at, closed_at)"
            " SELECT 'r' || i, 'p' || i, 0, i, i FROM c",
            (MANY,),
        )
        db.execute(
            "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ?)"
            " INSERT INTO tasks (ref, run, n, count, sandbox, state, request, source, output,"
            " task_id, created_at, seconds, origin) SELECT 'x' || i, 'r' || i, 1, 1, 0, 'saved',"
            " (SELECT request FROM tasks LIMIT 1), 'task:' || i, '-', 'id' || i, i, 8.0,"
            " CASE i % 2 WHEN 0 THEN 'https://other.invalid'"
            " ELSE 'https://api.kie.ai' END FROM c",
            (MANY,),
        )
    accepted(journal, "zzzz0000", "last")


def missing(journal: Journal) -> None:
    with pytest.raises(FluxError):
        journal.find("id2")


READS: dict[str, Callable[[Journal], object]] = {
    "recent": lambda journal: journal.recent(20),
    "last": lambda journal: journal.find("@last"),
    "usable": lambda journal: journal.has_usable(),
    "exact": lambda journal: journal.find("id7001"),
    "prefix": lambda journal: journal.find("zzzz"),
    "elsewhere": missing,
    "nothing": lambda journal: journal.find("nothing at all"),
    "beginning": lambda journal: journal.beginning("id700"),
    "edits": lambda journal: journal.edits_of(journal.recent(20)),
    "file": lambda journal: journal.of_file("ab" * 32),
    "resume": lambda journal: journal.unfinished("first"),
    "history of a command": lambda journal: journal.of_fingerprint("p77"),
    "unsaved": lambda journal: journal.unsaved(),
    "damaged runs": lambda journal: journal.of_damaged_runs(),
    "unsettled": lambda journal: journal.unsettled(),
    "durations": lambda journal: journal.durations("flux-kontext-pro", "generate"),
}


@pytest.mark.parametrize("name", READS)
def test_a_read_of_a_long_journal_takes_few_steps(journal: Journal, name: str) -> None:
    fill(journal)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection = journal._store._connection
    assert connection is not None
    connection.set_progress_handler(count, 100)
    READS[name](journal)
    # Durations are those of the last 1000 tasks, always.
    assert steps < (400 if name == "durations" else STEPS)


@pytest.mark.parametrize("name", READS)
def test_no_read_scans_the_tables(journal: Journal, name: str) -> None:
    fill(journal)
    queries: list[str] = []
    connection = journal._store._connection
    assert connection is not None
    connection.set_trace_callback(queries.append)
    READS[name](journal)
    connection.set_trace_callback(None)
    plans = [
        (row["detail"], query)
        for query in queries
        if query.startswith(("SELECT", "WITH", "\nWITH"))
        for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")
    ]
    assert plans
    assert [plan for plan in plans if plan[0] in {"SCAN tasks", "SCAN runs"}] == []
