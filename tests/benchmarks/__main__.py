"""Measure how fast the program is: `python -m tests.benchmarks [--quick] [NAME…]`.

Prints a table of the figures, their goals, and what they were measured against in the same
run. Needs Linux, bash and curl, and the network or a cache for the peers' packages.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks import (
    batch,
    building,
    generating,
    history,
    memory,
    overhead,
    polling,
    scale,
    startup,
    streaming,
    table,
    waiting,
)
from tests.benchmarks.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.benchmarks.table import Figure

_GROUPS: Final[dict[str, Callable[[Bench], Iterator[Figure]]]] = {
    "startup": startup.figures,
    "generating": generating.figures,
    "building": building.figures,
    "history": history.figures,
    "scale": scale.figures,
    "polling": polling.figures,
    "overhead": overhead.figures,
    "batch": batch.figures,
    "memory": memory.figures,
    "streaming": streaming.figures,
    "waiting": waiting.figures,
}


def main() -> None:
    """Measure the groups that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, for a first look")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_GROUPS))
    requested = parser.parse_args()
    names = requested.names or list(_GROUPS)
    if unknown := set(names) - set(_GROUPS):
        parser.error(f"no figures are called {', '.join(sorted(unknown))}")
    rows = []
    for name in names:
        sys.stderr.write(f"{name}…\n")
        with tempfile.TemporaryDirectory(prefix="fluxcli-benchmarks-") as folder:
            rows += [one.cells for one in _GROUPS[name](Bench(Path(folder), quick=requested.quick))]
    sys.stdout.write(table.text(rows) + "\n")


if __name__ == "__main__":
    main()
