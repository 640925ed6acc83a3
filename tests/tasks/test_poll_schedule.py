"""When to look at a task again: quick for who waits, polite to the service."""

from __future__ import annotations

import itertools

import pytest

from fluxcli.catalog import PRO
from fluxcli.tasks.poll_schedule import PollSchedule


def looks(rhythm: PollSchedule, until: float) -> list[float]:
    """Return the ages at which a task is looked at."""
    ages = [rhythm.first]
    while ages[-1] < until:
        ages.append(ages[-1] + rhythm.next(ages[-1]))
    return ages


class TestWithoutHistory:
    def test_one_look_comes_at_once_and_few_follow(self) -> None:
        ages = looks(PollSchedule(PRO, []), 60)
        assert ages[0] < 0.5
        assert len(ages) < 60

    def test_an_end_is_noticed_within_a_second_and_a_half(self) -> None:
        """For two minutes, and longer where images usually take longer."""
        ages = looks(PollSchedule(PRO, []), 120)
        assert max(b - a for a, b in itertools.pairwise(ages[1:])) <= 1.5

    def test_steps_grow_with_the_wait(self) -> None:
        rhythm = PollSchedule(PRO, [])
        assert rhythm.next(15) <= rhythm.next(30) <= rhythm.next(45)

    def test_the_longest_waits_are_looked_at_seldom_and_never_too_seldom(self) -> None:
        assert PollSchedule(PRO, []).next(3600) == 15.0


class TestWithHistory:
    DURATIONS = (9.0, 10.0, 10.5, 11.0, 12.0, 12.5, 13.0, 14.0, 15.0, 16.0)

    def test_no_look_before_the_quickest_would_be_done(self) -> None:
        rhythm = PollSchedule(PRO, self.DURATIONS)
        assert 9.0 <= rhythm.first <= 11.0
        assert rhythm.usual == 12.5

    def test_pictures_that_take_all_the_same_time_are_not_looked_at_in_a_rush(self) -> None:
        assert PollSchedule(PRO, [10.0] * 50).next(10.0) >= 0.3

    @pytest.mark.parametrize("count", [0, 4])
    def test_a_few_are_not_believed_yet(self, count: int) -> None:
        assert PollSchedule(PRO, [600.0] * count).usual == 12.0


def test_the_user_s_own_step_is_kept_from_first_to_last() -> None:
    ages = looks(PollSchedule(PRO, [10.0] * 50, interval=4.0), 100)
    assert ages == pytest.approx([4.0 * n for n in range(1, 26)])
