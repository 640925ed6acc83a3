"""A line of the table: what was tried, how often, and what was found; and the table itself."""

from __future__ import annotations

import collections
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass(slots=True)
class Figure:
    """One line of the table: how many trials, what was found, and whether that will do."""

    name: str
    goal: str
    trials: int = 0
    found: collections.Counter[str] = field(default_factory=collections.Counter)
    seconds: float = 0.0
    good: bool = True
    notes: list[str] = field(default_factory=list)

    def fail(self, note: str) -> None:
        """Write down what must not be."""
        self.good = False
        self.notes.append(note)


@dataclass(frozen=True, slots=True)
class Size:
    """How much of each experiment is done: every so-many-th point, so many examples."""

    step: int = 1
    examples: int = 20_000
    seed: int = 20261122


def timed(experiment: Callable[[Size], Figure], size: Size) -> Figure:
    """Run an experiment, and take its time."""
    begun = time.monotonic()
    figure = experiment(size)
    figure.seconds = time.monotonic() - begun
    return figure


def lines(figures: Iterable[Figure], size: Size) -> Iterator[str]:
    """Return the table, in Markdown, and below it what is to be said."""
    yield "| experiment | goal | trials | found | seconds | |"
    yield "|---|---|---|---|---|---|"
    ran = []
    for one in figures:
        found = ", ".join(f"{name}: {number}" for name, number in sorted(one.found.items()))
        mark = "ok" if one.good else "**no**"
        yield f"| {one.name} | {one.goal} | {one.trials:,} | {found} | {one.seconds:.0f} | {mark} |"
        ran += [f"- {one.name}: {note}" for note in one.notes]
    yield f"\nseed {size.seed}, {time.strftime('%Y-%m-%d')}, Python {sys.version.split()[0]}"
    yield from ran
