"""Change the code that money depends on, and count how many changes the tests notice.

`python -m tests.mutants [--texts] [--sample N] [--seed N] [GROUP…]`. Each mutant is a copy of
the program with one small change; the tests of its group should fail on it. The table is printed
at the end, the mutants that no test noticed as they are found. The working tree is never changed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.mutants.groups import GROUPS
from tests.mutants.tool import mutants
from tests.mutants.trying import Trial

if TYPE_CHECKING:
    from tests.mutants.tool import Kind

GOAL: Final = 0.95
"""The share of each group's mutants that the tests should notice."""


@dataclass(frozen=True, slots=True)
class Figure:
    """How a group's mutants ended."""

    group: str
    outcomes: Counter[str]
    seconds: float

    @property
    def noticed(self) -> float:
        """The share that the tests noticed; one that never ends is noticed as well."""
        return 1 - self.outcomes["survived"] / self.outcomes.total()


def _measure(group: str, *, kind: Kind, sample: int, seed: int) -> Figure:
    outcomes, begun = Counter[str](), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fluxcli-mutants-") as name:
        folder = Path(name).resolve()
        trial = Trial(folder, GROUPS[group], seed=seed)
        files = list(GROUPS[group].files(folder))
        for mutant in mutants(folder, files, kind=kind, sample=sample, seed=seed):
            tried = trial.attempt(mutant)
            outcomes[tried.outcome] += 1
            if tried.outcome != "killed":
                sys.stdout.write(f"{mutant.name}:{tried.line}: {tried.outcome}\n{tried.diff}\n\n")
                sys.stdout.flush()
    return Figure(group, outcomes, time.monotonic() - begun)


def _row(figure: Figure, seed: int) -> str:
    counts = (f"{figure.outcomes[outcome]:9}" for outcome in ("killed", "survived", "timed out"))
    return (
        f"{figure.group:14} {figure.outcomes.total():6}{''.join(counts)}"
        f"{figure.noticed:8.1%} {seed:6} {figure.seconds:7.0f}"
    )


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument(
        "--texts", action="store_true", help="change texts that people read, not code"
    )
    parser.add_argument("--sample", type=int, default=250, help="mutants of a group; 0: all")
    parser.add_argument("--seed", type=int, default=1, help="of the sample, and of hypothesis")
    given = parser.parse_args()
    if unknown := set(given.groups) - set(GROUPS):
        parser.error(f"no groups are called {', '.join(sorted(unknown))}")
    figures = []
    for group in given.groups or GROUPS:
        sys.stderr.write(f"{group}…\n")
        figures.append(
            _measure(
                group, kind="texts" if given.texts else "code", sample=given.sample, seed=given.seed
            )
        )
    sys.stdout.write("group           tried   killed survived  timeout noticed   seed seconds\n")
    for figure in figures:
        sys.stdout.write(_row(figure, given.seed) + "\n")
    return 0 if all(figure.noticed >= GOAL for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(_main())
