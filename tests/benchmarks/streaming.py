"""A large result: how fast it is fetched and checked beside curl, and in how much memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.benchmarks.running import run, side_by_side, weigh
from tests.benchmarks.service import Manner, served
from tests.benchmarks.table import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.running import Command, Spent

_LARGE: Final = 200_000_000
_SMALL: Final = 4_000


def figures(bench: Bench) -> Iterator[Figure]:
    """Measure the download of a large result, less that of a small one: the bytes alone."""
    small, large = (_fetched(bench, size) for size in (_SMALL, _LARGE))
    ours, curls = (large[name].wall - small[name].wall for name in ("fluxcli", "curl"))
    basis = f"{ours * 1e3:.0f} ms ÷ {curls * 1e3:.0f} ms, start-up taken off both"
    yield Figure(name="200 MB: bytes ÷ curl's", value=ours / curls, goal=1.3, basis=basis)
    synced = large["curl and sync"].wall - small["curl and sync"].wall
    yield Figure(name="200 MB: bytes ÷ curl's and `sync`", value=ours / synced)
    whole = large["fluxcli"].wall / large["curl"].wall
    yield Figure(name="200 MB: whole command ÷ curl's", value=whole)
    growth = large["fluxcli"].peak - small["fluxcli"].peak
    yield Figure(name="200 MB: growth of memory", value=growth / 1e6, goal=3.0, unit="MB")


def _fetched(bench: Bench, size: int) -> dict[str, Spent]:
    rounds = 3 if bench.quick else 9
    state = f"streaming-{size}"
    with served(Manner(result=str(bench.result(size, "png")))) as service:
        place = ("-f", "-o", "flux.png")
        run(bench.flux("generate", "a cat", "--no-wait", *place, url=service.url, state=state))
        download = bench.flux("download", "@last", *place, url=service.url, state=state)
        # A picture that already exists would be looked at, and not fetched.
        fresh = replace(
            download, words=("sh", "-c", 'rm -f flux.png; exec "$@"', "", *download.words)
        )
        result = f"{service.url}/result/0.png"
        spent = side_by_side(_rivals(bench, result) | {"fluxcli": fresh}, rounds)
        return spent | {"fluxcli": _with_peak(bench, spent["fluxcli"], fresh)}


def _rivals(bench: Bench, result: str) -> dict[str, Command]:
    return {
        "curl": bench.command("curl", "-s", "-o", "curl.png", result),
        "curl and sync": bench.command("sh", "-c", f"curl -s -o curl.png {result}; sync curl.png"),
    }


def _with_peak(bench: Bench, spent: Spent, command: Command) -> Spent:
    return replace(spent, peak=weigh(command, bench.python).peak)
