"""The account's limit: 20 submissions in 10 seconds, over all processes of the machine."""

from __future__ import annotations

import heapq
import os
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fluxcli.journal.database import Database
from fluxcli.journal.journal import Journal
from tests.worlds import NOON, SwiftClock

if TYPE_CHECKING:
    from pathlib import Path


def taken(journal: Journal, wanted: int = 100, account: str = "a") -> list[int]:
    """Take slots until none is left, or `wanted` of them."""
    slots: list[int] = []
    while len(slots) < wanted:
        slot, wait = journal.submission_limiter.acquire(account)
        if wait:
            break
        slots.append(slot)
    return slots


def wait_of(journal: Journal) -> float:
    """Return how long to wait for a slot, in seconds, where none is free."""
    slot, wait = journal.submission_limiter.acquire("a")
    assert slot == 0
    return wait


def test_twenty_and_no_more(journal: Journal) -> None:
    assert len(taken(journal)) == 20
    slot, wait = journal.submission_limiter.acquire("a")
    assert slot == 0
    assert wait > 0


def test_two_processes_share_them(journal: Journal, other: Journal) -> None:
    assert len(taken(journal, 12)) + len(taken(other)) == 20
    other.close()


def test_accounts_do_not_share_them(journal: Journal) -> None:
    taken(journal)
    assert len(taken(journal, account="b")) == 20


def test_a_slot_ages_from_its_answer(journal: Journal, clock: SwiftClock) -> None:
    """The service counted it between the two moments, so the later one is safe."""
    slots = taken(journal)
    clock.sleep(8)
    for slot in slots:
        journal.submission_limiter.answered(slot)
    assert wait_of(journal) == pytest.approx(10.0)
    clock.sleep(9.9)
    assert wait_of(journal) == pytest.approx(0.1)
    clock.sleep(0.1)
    assert len(taken(journal)) == 20


def test_slots_come_back_one_by_one(journal: Journal, clock: SwiftClock) -> None:
    for slot in taken(journal):
        journal.submission_limiter.answered(slot)
        clock.sleep(0.1)
    clock.sleep(8.05)
    assert len(taken(journal)) == 1


def test_each_waiting_process_gets_its_own_slot(journal: Journal, clock: SwiftClock) -> None:
    """Else all come for the first slot, and all but one of them again for the next."""
    for slot in taken(journal):
        journal.submission_limiter.answered(slot)
        clock.sleep(0.1)
    waits = [wait_of(journal) for _ in range(25)]
    again = [8.0 + 0.1 * place + 10.0 * rounds for rounds in range(2) for place in range(20)]
    assert waits == pytest.approx(again[:25])
    clock.sleep(waits[0])
    assert len(taken(journal, 1)) == 1


def test_every_slot_is_released(journal: Journal, clock: SwiftClock) -> None:
    """However answers and waits fall, a hundred are sent as quickly as twenty a window go."""
    begun, latency, looks, sent = clock.monotonic(), 0.05, 0, 0
    due = [(begun + 0.001 * n, n, 0) for n in range(100)]
    while due:
        moment, number, answered = heapq.heappop(due)
        clock.sleep(max(0.0, moment - clock.monotonic()))
        if answered:
            journal.submission_limiter.answered(answered)
            continue
        slot, wait = journal.submission_limiter.acquire("a")
        looks, sent = looks + 1, sent + bool(slot)
        heapq.heappush(due, (clock.monotonic() + (wait or latency), number, slot))
    assert sent == 100
    assert clock.monotonic() - begun == pytest.approx(40.0, abs=10 * latency)
    assert looks < 500


def test_unanswered_slots_are_checked_again_soon(journal: Journal) -> None:
    taken(journal)
    assert journal.submission_limiter.acquire("a")[1] == pytest.approx(0.25)


def test_a_slot_that_was_not_used_is_given_back(journal: Journal) -> None:
    slots = taken(journal)
    journal.submission_limiter.release(slots[3])
    assert len(taken(journal)) == 1


def test_a_slot_without_an_answer_is_free_at_last(journal: Journal, clock: SwiftClock) -> None:
    taken(journal)
    clock.sleep(149)
    assert not taken(journal)
    clock.sleep(1)
    assert len(taken(journal)) == 20


class SteppedClock(SwiftClock):
    """A clock whose wall time, or whose machine, was changed by `step` seconds."""

    def __init__(self, *, wall: float = 0.0, monotonic: float = 0.0) -> None:
        super().__init__(NOON + wall)
        self._since_start = monotonic

    def monotonic(self) -> float:
        return super().monotonic() + self._since_start


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("years", [-10, 10])
@pytest.mark.parametrize("unit", [5 / (365 * 86400), 14 / 3650, 1])
def test_a_changed_clock_neither_lifts_the_limit_nor_stalls(
    folder: Path, *, answered: bool, years: int, unit: float
) -> None:
    with closing(Journal(folder, clock=SteppedClock(), sandbox=False)) as first:
        for slot in taken(first):
            if answered:
                first.submission_limiter.answered(slot)
    clock = SteppedClock(wall=years * unit * 365 * 86400)
    with closing(Journal(folder, clock=clock, sandbox=False)) as second:
        slot, wait = second.submission_limiter.acquire("a")
        assert (slot, 0 < wait <= 10) == (0, True)
        if answered:
            clock.sleep(10)
            assert len(taken(second)) == 20


@pytest.mark.parametrize("answered", [True, False])
def test_slots_from_before_a_restart_of_the_machine_age_from_now(
    folder: Path, *, answered: bool
) -> None:
    """The monotonic clock begins again."""
    with closing(Journal(folder, clock=SteppedClock(monotonic=1e6), sandbox=False)) as first:
        for slot in taken(first):
            if answered:
                first.submission_limiter.answered(slot)
    clock = SteppedClock()
    with closing(Journal(folder, clock=clock, sandbox=False)) as second:
        assert not taken(second)
        clock.sleep(10 if answered else 150)
        assert len(taken(second)) == 20


def test_slots_of_dead_processes_age_from_when_they_are_found(
    journal: Journal, folder: Path, clock: SwiftClock
) -> None:
    """Their submissions may have arrived just now; they are not waited for any longer."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(10)
    mine = taken(journal, 1)
    store = Database(folder / "journal.sqlite3")
    with store.writing() as db:
        db.executemany(
            "INSERT INTO submissions (account, pid, started_at) VALUES ('a', ?, ?)",
            [(process.pid, clock.monotonic())] * 19,
        )
    assert wait_of(journal) == pytest.approx(10.0)
    waiting = store.rows("SELECT id FROM submissions WHERE answered_at IS NULL")
    assert [row["id"] for row in waiting] == mine
    store.close()
    clock.sleep(4)
    assert wait_of(journal) == pytest.approx(6.0)
    clock.sleep(6)
    assert len(taken(journal)) == 19


@pytest.mark.parametrize(("theirs", "mine"), [(5, 5), (15, 5), (18, 2), (20, 0)])
def test_a_share_is_that_of_one_process_and_the_limit_that_of_all(
    journal: Journal, folder: Path, clock: SwiftClock, theirs: int, mine: int
) -> None:
    """Shards on one machine submit side by side, each at its own rate."""
    taken(journal, 1)
    store = Database(folder / "journal.sqlite3")
    with store.writing() as db:
        db.execute("DELETE FROM submissions")
        db.executemany(
            "INSERT INTO submissions (account, pid, started_at) VALUES ('a', ?, ?)",
            [(os.getppid(), clock.monotonic())] * theirs,
        )
    store.close()
    journal.submission_limiter.submissions = 5
    assert len(taken(journal)) == mine


def test_the_share_of_a_dead_process_counts_for_the_one_that_follows_it(
    journal: Journal, folder: Path, clock: SwiftClock
) -> None:
    """It runs again in its place, and the service remembers what was sent."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(10)
    taken(journal, 1)
    store = Database(folder / "journal.sqlite3")
    with store.writing() as db:
        db.executemany(
            "INSERT INTO submissions (account, pid, started_at) VALUES ('a', ?, ?)",
            [(process.pid, clock.monotonic())] * 3,
        )
    store.close()
    journal.submission_limiter.submissions = 5
    assert len(taken(journal)) == 1
    assert wait_of(journal) > 0


def test_a_refusal_delays_every_process(
    journal: Journal, other: Journal, clock: SwiftClock
) -> None:
    """Another machine, or another tool, uses the account: the service's answer counts."""
    journal.submission_limiter.saturate("a", 10.0)
    assert wait_of(other) == pytest.approx(10.0)
    clock.sleep(10)
    assert len(taken(other)) == 20
    other.close()


@pytest.mark.parametrize(("requested", "held"), [(3.0, 3.0), (3600.0, 10.0)])
def test_a_refusal_may_name_its_time(journal: Journal, requested: float, held: float) -> None:
    """At most the window: a longer wait is decided by the caller."""
    journal.submission_limiter.saturate("a", requested)
    assert wait_of(journal) == pytest.approx(held)


def test_a_slot_names_its_process(journal: Journal, folder: Path) -> None:
    taken(journal, 1)
    store = Database(folder / "journal.sqlite3")
    assert [row["pid"] for row in store.rows("SELECT pid FROM submissions")] == [os.getpid()]
    store.close()
