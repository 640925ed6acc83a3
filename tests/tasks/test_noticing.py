"""How soon polling notices the end of tasks: one, many, and after refused reads."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.worlds import World

SOON = 1.5
"""Seconds within which an end is noticed."""


def end_at(world: World, moment: float) -> None:
    """Let every task of the sandbox end at one moment, in seconds since the epoch."""
    with closing(sqlite3.connect(world.state / "sandbox.sqlite3")) as store, store:
        store.execute("UPDATE tasks SET ends = ?", (moment,))


def noticed(world: World, count: int, *, after: float, words: tuple[str, ...] = ()) -> float:
    """Return how long after their common end `count` tasks are all saved."""
    images = ("-n", str(count), "-o", "made/{id}.jpg", "--yes", "--new")
    assert world.run("generate", "a fox", *images, "--no-wait").status == 0
    end = world.clock.wall() + after
    end_at(world, end)
    ran = world.run("download", "--unsaved", *words)
    assert (ran.status, len(ran.lines)) == (0, count), ran.err
    return world.clock.wall() - end


@pytest.mark.parametrize(
    ("api", "words", "after"),
    [
        ("kontext", (), 0.9),
        ("kontext", ("--interval", "1"), 29.7),
        ("jobs", (), 5.0),
        ("jobs", ("--interval", "1"), 5.0),
    ],
)
def test_the_end_of_a_hundred_tasks_is_noticed_as_soon_as_that_of_one(
    world: World, api: str, words: tuple[str, ...], after: float
) -> None:
    world.env |= {"FLUXCLI_SANDBOX": "1", "FLUXCLI_SANDBOX_SECONDS": "600", "FLUXCLI_API": api}
    alone = noticed(world, 1, after=after, words=words)
    among = noticed(world, 100, after=after, words=words)
    assert 0 <= alone <= SOON
    assert 0 <= among <= SOON


@pytest.mark.parametrize("usual", ["8", "60"])
def test_the_end_is_noticed_as_soon_when_the_service_has_become_faster(
    world: World, usual: str
) -> None:
    """The poll schedule knows only earlier, longer durations."""
    world.env |= {"FLUXCLI_SANDBOX": "1", "FLUXCLI_SANDBOX_SECONDS": usual}
    for number in range(6):
        assert world.run("generate", f"cat {number}").status == 0
    assert noticed(world, 20, after=2.2) <= SOON


def test_only_429_answers_slow_polling_down_and_it_recovers(world: World) -> None:
    """After fifty refused reads, the last end is noticed within seconds, not minutes."""
    world.env |= {"FLUXCLI_SANDBOX": "1", "FLUXCLI_SANDBOX_SECONDS": "600"}
    refused = {"FLUXCLI_SANDBOX_FAULTS": "poll:429x50"}
    world.env |= refused
    assert noticed(world, 20, after=10.0) <= 6.0
    world.env |= {"FLUXCLI_SANDBOX_FAULTS": "poll:500x50"}
    assert noticed(world, 20, after=20.0) <= SOON


def test_a_hundred_tasks_take_no_longer_than_limit_and_service_require(
    world: World,
) -> None:
    """The lower bound is 20 submissions in 10 s and the durations of the service."""
    world.env |= {"FLUXCLI_SANDBOX": "1", "FLUXCLI_SANDBOX_SECONDS": "8"}
    for number in range(6):
        assert world.run("generate", f"cat {number}").status == 0
    world.clock.sleep(60)
    begun = world.clock.wall()
    ran = world.run("generate", "a fox", "-n", "100", "-o", "made/{id}.jpg", "--yes")
    assert ran.status == 0, [line for line in ran.err.splitlines() if "error" in line]
    wall = world.clock.wall() - begun
    with closing(sqlite3.connect(world.state / "sandbox.sqlite3")) as store:
        query = "SELECT ends - created FROM tasks WHERE created >= ? ORDER BY created"
        durations = [row[0] for row in store.execute(query, (begun,))]
    floor = max(number // 20 * 10 + seconds for number, seconds in enumerate(durations))
    assert len(durations) == 100
    assert 1 <= wall / floor <= 1.01
