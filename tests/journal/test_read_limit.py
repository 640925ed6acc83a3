"""Looks by one key are spread out so that the service's limit of reads is never met."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fluxcli.catalog import READS_PER_SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from fluxcli.journal.journal import Journal
    from tests.worlds import SwiftClock


def test_all_looks_of_a_crowd_keep_to_the_limit(
    journal: Journal, other: Journal, clock: SwiftClock
) -> None:
    """Whichever process they are of."""
    now = clock.monotonic()
    moments = sorted(one.read_limiter.take("a", now) for one in (journal, other) for _ in range(50))
    for at in range(len(moments) - READS_PER_SECOND):
        assert moments[at + READS_PER_SECOND] - moments[at] >= 1.0
    assert moments[-1] - now == pytest.approx(100 * 1.25 / READS_PER_SECOND, abs=0.3)


def test_nobody_looks_before_he_wants_to(journal: Journal, clock: SwiftClock) -> None:
    now = clock.monotonic()
    for later in (5.0, 5.01, 5.02, 4.0):
        assert journal.read_limiter.take("a", now + later) >= now + later


def test_who_wants_later_does_not_hold_up_who_wants_now(
    journal: Journal, clock: SwiftClock
) -> None:
    now = clock.monotonic()
    journal.read_limiter.take("a", now + 100.0)
    assert journal.read_limiter.take("a", now) == pytest.approx(now, abs=0.13)


def test_accounts_do_not_wait_for_each_other(journal: Journal, clock: SwiftClock) -> None:
    now = clock.monotonic()
    assert journal.read_limiter.take("a", now) == journal.read_limiter.take("b", now)


def test_what_has_passed_is_forgotten(journal: Journal, folder: Path, clock: SwiftClock) -> None:
    """The file does not grow with every look."""
    for _ in range(100):
        journal.read_limiter.take("a", clock.monotonic())
        clock.sleep(1.0)
    assert journal.read_limiter.take("a", clock.monotonic()) == pytest.approx(
        clock.monotonic(), abs=0.13
    )
    with closing(sqlite3.connect(folder / "journal.sqlite3")) as db:
        assert len(db.execute("SELECT * FROM turns").fetchall()) == 1
