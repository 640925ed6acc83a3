"""Many pictures: at the account's limit, and as fast as the program can; time, CPU, memory."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.running import weigh
from tests.benchmarks.service import Manner, Seen, served
from tests.benchmarks.table import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.running import Command, Spent

_BYTES: Final = 2_000_000
_LIMIT, _WINDOW = 20, 10.0
_IN_FLIGHT: Final = 100
_DRIVER: Final = Path(__file__).with_name("driver.py")
_FLOOR: Final = Path(__file__).with_name("bare_client.py")


def figures(bench: Bench) -> Iterator[Figure]:
    """Measure both kinds, and the memory of small and large batches."""
    yield from _limited(bench, 100, 8.0, goal=1.01)
    if not bench.quick:
        yield from _limited(bench, 1000, 8.0, goal=1.005)
    yield _noticed_together(bench, 100, 20.0)
    yield from _unlimited(bench, 200, 300 if bench.quick else 1000, 2.0)


def driven(bench: Bench, *words: str, url: str, state: str = "") -> Command:
    """Return the command line of a batch, with a journal of its own unless `state` names one."""
    state = state or f"batch-{'-'.join(words)}"
    return bench.command(str(bench.python), str(_DRIVER), *words, url=url, state=state)


def _noticed_together(bench: Bench, count: int, seconds: float) -> Figure:
    """Measure how long after their common end the last of many tasks is noticed."""
    _, seen = _made(bench, str(count), "--lifted", seconds=seconds, together=True)
    lags = [story.ran - story.done for story in seen.stories.values() if story.ran]
    return Figure(
        name=f"{count} tasks that end together: until all are noticed",
        value=max(lags) if len(lags) == count else math.inf,
        goal=0.5,
        unit="s",
        basis=f"{seen.reads / count:.1f} reads a task",
    )


def _limited(bench: Bench, count: int, seconds: float, *, goal: float) -> Iterator[Figure]:
    spent, seen = _made(bench, str(count), seconds=seconds, sigma=0.25, limit=_LIMIT)
    stories = sorted(seen.stories.values(), key=lambda story: story.created)
    # The lower bound: each submission as early as the limit allows, and its own duration.
    floor = max(
        number // _LIMIT * _WINDOW + story.done - story.created
        for number, story in enumerate(stories)
    )
    name = f"{count} tasks, 20 per 10 s"
    basis = f"{spent.wall:.2f} s ÷ {floor:.2f} s, {seen.reads / count:.1f} reads a task"
    yield Figure(name=f"{name}: wall ÷ floor", value=spent.wall / floor, goal=goal, basis=basis)
    yield Figure(name=f"{name}: refused", value=seen.refused, goal=0, unit="")


def _unlimited(bench: Bench, few: int, many: int, seconds: float) -> Iterator[Figure]:
    """By the large one, the program has learnt from the small one how long a picture takes."""
    floor = many / _IN_FLIGHT * seconds
    small, _ = _made(bench, str(few), "--lifted", seconds=seconds, state="lifted")
    spent, seen = _made(bench, str(many), "--lifted", seconds=seconds, state="lifted")
    bare = weigh(bench.bare, bench.python).peak
    name = f"{many} tasks, 100 in flight, 2 MB"
    wall = f"{spent.wall:.2f} s ÷ {floor:g} s"
    yield Figure(name=f"{name}: wall ÷ floor", value=spent.wall / floor, goal=1.10, basis=wall)
    per_task = spent.cpu / many * 1e3
    yield Figure(name=f"{name}: CPU a task", value=per_task, goal=8.0, unit="ms")
    floor_cpu = _bare(bench, many, seconds).cpu / many * 1e3
    basis = f"{floor_cpu:.1f} ms: httpx alone, the same calls, nothing checked or kept"
    yield Figure(name=f"{name}: CPU ÷ bare httpx", value=per_task / floor_cpu, basis=basis)
    basis = f"and {seen.paying} for the paid calls, each of which has its own"
    kept = seen.connections - seen.paying
    yield Figure(name=f"{name}: connections", value=kept, goal=9, unit="", basis=basis)
    peak = f"{spent.peak / 1e6:.0f} MB"
    yield Figure(name="peak memory, batch ÷ bare", value=spent.peak / bare, goal=4.2, basis=peak)
    growth = spent.peak / small.peak
    yield Figure(name=f"peak memory, {many} tasks ÷ {few}", value=growth, goal=1.05)


def _bare(bench: Bench, count: int, seconds: float) -> Spent:
    """Measure the same calls without the program."""
    with served(Manner(result=str(bench.result(_BYTES)), seconds=seconds)) as service:
        words = (str(bench.python), str(_FLOOR), str(count), str(seconds))
        spent = weigh(bench.command(*words, url=service.url), bench.python)
    _clear(bench)
    return spent


def _made(
    bench: Bench,
    *words: str,
    seconds: float,
    sigma: float = 0.0,
    limit: int = 0,
    state: str = "",
    together: bool = False,
) -> tuple[Spent, Seen]:
    manner = Manner(
        result=str(bench.result(_BYTES)),
        seconds=seconds,
        sigma=sigma,
        limit=limit,
        together=together,
    )
    with served(manner) as service:
        spent = weigh(driven(bench, *words, url=service.url, state=state), bench.python)
        seen = service.seen()
    _clear(bench)
    return spent, seen


def _clear(bench: Bench) -> None:
    for picture in (bench.root / "pictures").iterdir():
        picture.unlink()
