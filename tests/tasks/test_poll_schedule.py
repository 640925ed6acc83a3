"""When a task is read: soon after its end, with few reads."""

from __future__ import annotations

import itertools

import pytest

from fluxcli.prices_and_limits import PRO
from fluxcli.tasks.poll_schedule import PollSchedule


def read_ages(schedule: PollSchedule, until: float) -> list[float]:
    """Return the ages at which a task is read."""
    ages = [schedule.first]
    while ages[-1] < until:
        ages.append(ages[-1] + schedule.next(ages[-1]))
    return ages


class TestWithoutHistory:
    def test_the_first_read_is_at_once_and_few_follow(self) -> None:
        ages = read_ages(PollSchedule(PRO, []), 60)
        assert ages[0] < 0.5
        assert len(ages) < 60

    def test_intervals_grow_with_the_wait(self) -> None:
        schedule = PollSchedule(PRO, [])
        assert schedule.next(15) <= schedule.next(30) <= schedule.next(45)

    def test_the_longest_interval_is_15_seconds(self) -> None:
        assert PollSchedule(PRO, []).next(3600) == 15.0


class TestWithHistory:
    DURATIONS = (9.0, 10.0, 10.5, 11.0, 12.0, 12.5, 13.0, 14.0, 15.0, 16.0)

    def test_few_reads_come_before_the_shortest_duration(self) -> None:
        schedule = PollSchedule(PRO, self.DURATIONS)
        early = [age for age in read_ages(schedule, 9.5) if age < 9.5]
        assert len(early) == 7
        assert schedule.usual == 12.5

    def test_a_read_comes_at_the_shortest_usual_duration(self) -> None:
        ages = read_ages(PollSchedule(PRO, self.DURATIONS), 20)
        assert any(age == pytest.approx(10.0) for age in ages)

    def test_equal_durations_cause_no_burst_of_reads(self) -> None:
        assert PollSchedule(PRO, [10.0] * 50).next(10.0) >= 0.3

    @pytest.mark.parametrize("count", [0, 4])
    def test_fewer_than_five_durations_are_not_used(self, count: int) -> None:
        assert PollSchedule(PRO, [600.0] * count).usual == 12.0


@pytest.mark.parametrize(
    "durations",
    [[], [0.5] * 4, [0.5] * 5, [8.0] * 50, [8.0, 9.0, 12.0, 30.0, 45.0], [20.0] * 9, [60.0] * 99],
)
def test_an_end_at_any_time_is_noticed_within_a_second_and_a_half(durations: list[float]) -> None:
    """During the first two minutes, with any earlier durations."""
    ages = read_ages(PollSchedule(PRO, durations), 120)
    assert max(b - a for a, b in itertools.pairwise([0.0, *ages])) <= 1.4


def test_the_user_s_interval_is_kept_for_every_read() -> None:
    ages = read_ages(PollSchedule(PRO, [10.0] * 50, interval=4.0), 100)
    assert ages == pytest.approx([4.0 * n for n in range(1, 26)])
