"""A build with nothing to do: a thousand declared pictures, all in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.benchmarks.running import run, side_by_side
from tests.benchmarks.table import Figure, ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.bench import Bench

_COUNT: Final = 1000
_HEAD: Final = 'version = 1\n[defaults]\noutput_format = "png"\n'
_ASSET: Final = '\n[assets.picture-{n}]\nprompt = "A lighthouse at dawn, number {n}, flat vector"\n'


def figures(bench: Bench) -> Iterator[Figure]:
    """Measure `build --check` once every picture is there and locked."""
    assets = "".join(_ASSET.format(n=n) for n in range(_COUNT))
    (bench.root / "assets.toml").write_text(_HEAD + assets, encoding="utf-8")
    picture = bench.result(4_000, "png").read_bytes()
    for n in range(_COUNT):
        (bench.root / f"picture-{n}.png").write_bytes(picture)
    run(bench.flux("assets", "adopt", "*"))
    commands = {"bare": bench.bare, "check": bench.flux("build", "--check")}
    spent = side_by_side(commands, min(bench.rounds, 11))
    name = "build --check, 1,000 assets ÷ bare Python"
    yield ratio(name, spent["check"], spent["bare"], 12.0)
