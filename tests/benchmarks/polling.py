"""Polling, simulated: how late a finished picture is noticed, and after how many reads.

Pure: the program's own rhythm against durations drawn from log-normal distributions. Fixed
steps that come to the same number of reads are what it is compared with.
"""

from __future__ import annotations

import math
import random
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Final

from fluxcli.prices_and_limits import PRO
from fluxcli.tasks.poll_schedule import PollSchedule
from tests.benchmarks.table import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.benchmarks.bench import Bench

_MEDIANS: Final = (8.0, 12.0, 20.0)
_LAGS: Final = {0.25: 0.65, 0.5: 0.8}


def figures(bench: Bench) -> Iterator[Figure]:
    """Simulate images with history and without."""
    draws = 2_000 if bench.quick else 20_000
    for sigma, goal in _LAGS.items():
        for median in _MEDIANS:
            yield from _learnt(median, sigma, goal, draws)
    for median in _MEDIANS:
        lag, reads = _watched(lambda: PollSchedule(PRO, []), _drawn(median, 0.25, draws, seed=3))
        name = f"simulated, {median:g} s, sigma 0.25: lag without history"
        yield Figure(name=name, value=lag, unit="s", basis=f"{reads:.1f} reads")


def _learnt(median: float, sigma: float, goal: float, draws: int) -> Iterator[Figure]:
    history = _drawn(median, sigma, 200, seed=2)
    durations = _drawn(median, sigma, draws, seed=1)
    rhythm = partial(PollSchedule, PRO, history)
    lag, reads = _watched(rhythm, durations)
    name = f"simulated, {median:g} s, sigma {sigma}"
    fixed = _fixed_lag(durations, reads)
    basis = f"{lag:.2f} s ÷ {fixed:.2f} s"
    # Reads before the quickest would be done keep the promise to notice any end within 1.5 s.
    yield Figure(name=f"{name}: reads", value=reads, unit="")
    yield Figure(name=f"{name}: lag ÷ fixed steps", value=lag / fixed, goal=goal, basis=basis)


def _drawn(median: float, sigma: float, count: int, *, seed: int) -> list[float]:
    chance = random.Random(seed)  # noqa: S311 - a simulation
    return [chance.lognormvariate(math.log(median), sigma) for _ in range(count)]


def _watched(rhythm: Callable[[], PollSchedule], durations: Sequence[float]) -> tuple[float, float]:
    """Watch a task of each duration; return the mean lag in seconds and the mean reads."""
    lags, reads = [], []
    for duration in durations:
        looks = rhythm()
        age, count = looks.first, 1
        while age < duration:
            age, count = age + looks.next(age), count + 1
        lags.append(age - duration)
        reads.append(count)
    return fmean(lags), fmean(reads)


def _fixed_lag(durations: Sequence[float], reads: float) -> float:
    """Return the mean lag of the fixed step that comes to so many reads."""
    low, high = 0.01, max(durations)
    for _ in range(40):
        step = (low + high) / 2
        if fmean(math.ceil(duration / step) for duration in durations) > reads:
            low = step
        else:
            high = step
    return fmean(math.ceil(duration / high) * high - duration for duration in durations)
