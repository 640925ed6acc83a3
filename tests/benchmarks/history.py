"""A long history: what commands take with 100,000 tasks in the journal, beside 100 tasks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from fluxcli.clock import SystemClock
from fluxcli.journal.journal import Journal
from fluxcli.task_types import Request
from tests.benchmarks.running import side_by_side
from tests.benchmarks.service import Manner, served
from tests.benchmarks.table import ratio
from tests.completions.shells import LISTS_TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.running import Command
    from tests.benchmarks.table import Figure

_FEW: Final = 100
_GOAL: Final = 1.1

_COPIES: Final = """
WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :copies)
INSERT INTO tasks (ref, run, task_id, {others})
SELECT printf('r%07d', i), run, printf('history%07d', i), {others} FROM numbers, tasks
"""


def figures(bench: Bench) -> Iterator[Figure]:
    """Measure the commands that read the journal, with a short and a long one."""
    many = 10_000 if bench.quick else 100_000
    with served(Manner(result=str(bench.result(4_000)))) as service:
        for count in (_FEW, many):
            _record(bench, f"journal-{count}", count, service.url)
        commands = {
            (name, count): command
            for count in (_FEW, many)
            for name, command in _commands(bench, f"journal-{count}", service.url).items()
        }
        named = {f"{name} {count}": command for (name, count), command in commands.items()}
        spent = side_by_side(named, min(bench.rounds, 11))
    for name in dict.fromkeys(name for name, _ in commands):
        title = f"{name}: journal of {many:,} tasks ÷ of {_FEW}"
        yield ratio(title, spent[f"{name} {many}"], spent[f"{name} {_FEW}"], _GOAL)


def _commands(bench: Bench, state: str, url: str) -> dict[str, Command]:
    return {
        "status --offline": bench.flux("status", "--offline", url=url, state=state),
        "status @last": bench.flux("status", "@last", "--offline", url=url, state=state),
        "TAB on task ids": bench.flux(*LISTS_TASKS.split(), url=url, state=state),
        "generate": bench.flux(
            *("generate", "a cat", "--new", "-f", "-o", f"{state}.jpg"), url=url, state=state
        ),
    }


def _record(bench: Bench, state: str, count: int, origin: str) -> None:
    """Write so many saved tasks: one through the journal, the others as copies of its row."""
    journal = Journal(bench.root / state, clock=SystemClock(), sandbox=False, origin=origin)
    run = journal.open_run("history", new=True)
    request = Request(
        mode="generate",
        prompt="a cat",
        model="flux-kontext-pro",
        aspect_ratio="16:9",
        output_format="jpeg",
        safety_tolerance=2,
    )
    ref = journal.begin(run, request, source=None, output="-").ref
    journal.accepted(ref, "history")
    journal.succeeded(ref, url="", completed_at=None, seconds=0.05)
    journal.close()
    with closing(sqlite3.connect(bench.root / state / "journal.sqlite3")) as database, database:
        database.execute("UPDATE tasks SET state = 'saved'")
        columns = [row[1] for row in database.execute("PRAGMA table_info(tasks)")]
        others = ", ".join(name for name in columns if name not in {"ref", "run", "task_id"})
        database.execute("UPDATE runs SET closed_at = created_at")
        database.execute(_COPIES.format(others=others), {"copies": count - 1})
