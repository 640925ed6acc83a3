"""Peak memory of the short commands, beside bare Python's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.running import weigh
from tests.benchmarks.service import Manner, served
from tests.benchmarks.table import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.bench import Bench


def figures(bench: Bench) -> Iterator[Figure]:
    """Weigh the help and one picture."""
    bare = weigh(bench.bare, bench.python).peak
    with served(Manner(result=str(bench.result(2_000_000)))) as service:
        generate = bench.flux("generate", "a cat", "-o", "flux.jpg", url=service.url)
        for name, command, goal in (
            ("--help", bench.flux("--help"), 2.0),
            ("generate", generate, 3.4),
        ):
            peak = weigh(command, bench.python).peak
            basis = f"{peak / 1e6:.1f} MB ÷ {bare / 1e6:.1f} MB"
            yield Figure(
                name=f"peak memory, {name} ÷ bare", value=peak / bare, goal=goal, basis=basis
            )
