"""One picture that takes its time: what the program adds to the service's own seconds."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from math import exp
from statistics import fmean, median
from typing import TYPE_CHECKING, Final

from fluxcli.clock import SystemClock
from fluxcli.journal.journal import Journal
from fluxcli.task_types import Request
from tests.benchmarks.running import run
from tests.benchmarks.service import Manner, served, spread
from tests.benchmarks.table import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.running import Spent
    from tests.benchmarks.service import Seen

_SECONDS, _SIGMA = 8.0, 0.25
_STAGGER: Final = 2.0
"""Seconds between two starts: the machine is idle for most of each run, and the looks of all
together stay far below the limit of reads that they share."""


def figures(bench: Bench) -> Iterator[Figure]:
    """Measure many pictures, each by a process of its own: without and with history."""
    count = 8 if bench.quick else 40
    for name, goal in (("cold", 0.65), ("learnt", 0.40)):
        if name == "learnt":
            _learn(bench)
        overheads, seen = _made(bench, name, count)
        lag = fmean(story.ran - story.done for story in seen.stories.values() if story.ran)
        basis = f"median {median(overheads):.2f} s, of which until the look {lag:.2f} s on average"
        title = f"generate, 8 s, sigma 0.25, {name}"
        yield Figure(
            name=f"{title}: overhead", value=fmean(overheads), goal=goal, unit="s", basis=basis
        )
        reads = seen.reads / count
        yield Figure(
            name=f"{title}: reads", value=reads, goal=12 if name == "learnt" else None, unit=""
        )


def _made(bench: Bench, name: str, count: int) -> tuple[list[float], Seen]:
    manner = Manner(result=str(bench.result(2_000_000)), seconds=_SECONDS, sigma=_SIGMA)
    with served(manner) as service, ThreadPoolExecutor(count) as pool:

        def one(number: int) -> Spent:
            time.sleep(number * _STAGGER)
            state = "learnt" if name == "learnt" else f"cold-{number}"
            words = ("generate", f"cat {number}", "-o", f"{name}-{number}.jpg", "--new")
            return run(bench.flux(*words, url=service.url, state=state))

        spent = list(pool.map(one, range(count)))
        seen = service.seen()
    # They were started, and so accepted, in this order.
    stories = sorted(seen.stories.values(), key=lambda story: story.created)
    times = (story.done - story.created for story in stories)
    return [one.wall - own for one, own in zip(spent, times, strict=True)], seen


def _learn(bench: Bench) -> None:
    """Write a history into the journal, as if many pictures had been made."""
    journal = Journal(bench.root / "learnt", clock=SystemClock(), sandbox=False)
    request = Request(
        mode="generate",
        prompt="a cat",
        model="flux-kontext-pro",
        aspect_ratio="16:9",
        output_format="jpeg",
        safety_tolerance=2,
    )
    held = journal.open_run("history", new=True)
    for number in range(50):
        ref = journal.begin(held, request, source=None, output="-").ref
        journal.accepted(ref, f"history-{number}")
        seconds = _SECONDS * exp(_SIGMA * spread(number))
        journal.succeeded(ref, url="", completed_at=None, seconds=seconds)
    journal.release(held)
    journal.close()
