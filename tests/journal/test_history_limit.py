"""`history_limit`: old finished tasks are removed, and nothing that may still be needed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fluxcli.journal.history_limit import KEPT_SECONDS
from fluxcli.journal.journal import Journal
from tests.journal.samples import accepted, picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.worlds import SwiftClock, World

LIMIT = 100
LATER = KEPT_SECONDS + 1


def _saved(journal: Journal, task_id: str) -> None:
    """Make a task that is saved, in a run that is closed."""
    task = accepted(journal, task_id, task_id)
    journal.saved(task.ref, picture())
    run = journal.open_run(task_id, new=False)
    journal.close_run(run)
    journal.release(run)


def _ids(journal: Journal) -> list[str | None]:
    return [task.task_id for task in reversed(journal.recent(None))]


def _begin(folder: Path, clock: SwiftClock, limit: int | None) -> list[str | None]:
    """Begin a run under `limit`; return the ids that are left."""
    with closing(Journal(folder, clock=clock, sandbox=False, history_limit=limit)) as journal:
        run = journal.open_run("new", new=True)
        journal.close_run(run)
        journal.release(run)
        return _ids(journal)


def test_tasks_beyond_the_limit_are_removed_after_60_days(
    journal: Journal, folder: Path, clock: SwiftClock
) -> None:
    for number in range(LIMIT + 3):
        _saved(journal, f"id{number}")
    clock.step(LATER)

    left = _begin(folder, clock, LIMIT)

    assert left == [f"id{number}" for number in range(3, LIMIT + 3)]
    assert "id0" not in journal.fingerprints()
    assert "id3" in journal.fingerprints()


@pytest.mark.parametrize(("limit", "seconds"), [(None, LATER), (LIMIT, LATER - 2)])
def test_without_a_limit_or_in_the_first_60_days_all_are_kept(
    journal: Journal, folder: Path, clock: SwiftClock, limit: int | None, seconds: float
) -> None:
    for number in range(LIMIT + 3):
        _saved(journal, f"id{number}")
    clock.step(seconds)

    assert len(_begin(folder, clock, limit)) == LIMIT + 3


UNFINISHED: dict[str, Callable[[Journal, str], object]] = {
    "running": lambda journal, ref: journal.get(ref),
    "unknown": lambda journal, ref: journal.unknown(ref, "no answer"),
    "finished, not saved": lambda journal, ref: journal.succeeded(
        ref, url="https://example.invalid/a.png", completed_at=None, seconds=None
    ),
}


@pytest.mark.parametrize("name", UNFINISHED)
def test_what_may_be_paid_for_and_is_not_saved_is_kept(
    journal: Journal, folder: Path, clock: SwiftClock, name: str
) -> None:
    task = accepted(journal, "precious", "precious")
    UNFINISHED[name](journal, task.ref)
    run = journal.open_run("precious", new=False)
    journal.close_run(run)
    journal.release(run)
    for number in range(LIMIT + 3):
        _saved(journal, f"id{number}")
    clock.step(LATER)

    assert "precious" in _begin(folder, clock, LIMIT)


def test_a_saved_task_of_an_open_run_is_kept(
    journal: Journal, folder: Path, clock: SwiftClock
) -> None:
    task = accepted(journal, "half", "half")
    journal.saved(task.ref, picture())
    for number in range(LIMIT + 3):
        _saved(journal, f"id{number}")
    clock.step(LATER)

    assert "half" in _begin(folder, clock, LIMIT)


def test_a_limit_below_100_is_refused(world: World) -> None:
    ran = world.run("config", "set", "history_limit", "5")

    assert ran.status == 2
    assert "expected a whole number of 100 or more" in ran.err
