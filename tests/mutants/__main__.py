"""Change the code that money depends on, and count whether the tests tell.

`python -m tests.mutants [--sample N] [--seed N] [ROOM…]`. Each mutant is a copy of the program
with one small change; the tests of its room ought to fail on it. The table is printed at the
end, the mutants that no test told as they are found. The tree at hand is never changed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutants.rooms import ROOMS
from tests.mutants.tool import mutants
from tests.mutants.trying import Trial

GOAL: Final = 0.9
"""Of each room's mutants, so many are to be told from the program."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What became of a room's mutants."""

    room: str
    fates: Counter[str]
    seconds: float

    @property
    def told(self) -> float:
        """The share that the tests told; one that runs on and on is told as well."""
        return 1 - self.fates["survived"] / self.fates.total()


def _measure(room: str, *, sample: int, seed: int) -> Figure:
    fates, begun = Counter[str](), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fluxcli-mutants-") as name:
        folder = Path(name).resolve()
        trial = Trial(folder, ROOMS[room], seed=seed)
        files = list(ROOMS[room].files(folder))
        for mutant in mutants(folder, files, sample=sample, seed=seed):
            tried = trial.attempt(mutant)
            fates[tried.fate] += 1
            if tried.fate != "killed":
                sys.stdout.write(f"{mutant.name}:{tried.line}: {tried.fate}\n{tried.diff}\n\n")
                sys.stdout.flush()
    return Figure(room, fates, time.monotonic() - begun)


def _row(figure: Figure, seed: int) -> str:
    counts = (f"{figure.fates[fate]:9}" for fate in ("killed", "survived", "timed out"))
    return (
        f"{figure.room:14} {figure.fates.total():6}{''.join(counts)}"
        f"{figure.told:7.1%} {seed:6} {figure.seconds:7.0f}"
    )


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=", ".join(ROOMS))
    parser.add_argument("--sample", type=int, default=250, help="mutants of a room; 0: all")
    parser.add_argument("--seed", type=int, default=1, help="of the sample, and of hypothesis")
    given = parser.parse_args()
    if unknown := set(given.rooms) - set(ROOMS):
        parser.error(f"no rooms are called {', '.join(sorted(unknown))}")
    figures = []
    for room in given.rooms or ROOMS:
        sys.stderr.write(f"{room}…\n")
        figures.append(_measure(room, sample=given.sample, seed=given.seed))
    sys.stdout.write("room            tried   killed survived  timeout   told   seed seconds\n")
    for figure in figures:
        sys.stdout.write(_row(figure, given.seed) + "\n")
    return 0 if all(figure.told >= GOAL for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(_main())
