"""A build of a thousand pictures at the account's limit: one process, and four shards of it.

In the sandbox, which keeps the service's limits; by a clock that runs `_SPEED` times as fast,
so that five hundred seconds need not be waited for. What the machine itself does is not hastened,
and so counts `_SPEED` times as much as it would in earnest.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.running import run, weigh
from tests.benchmarks.table import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.running import Command

_SPEED: Final = 2.0
_LIMIT, _WINDOW = 20, 10.0
_SECONDS: Final = 8.0
_SHARDS: Final = 4
_OWN: Final = ".sandbox"
"""The folder of what is built with the sandbox."""

_ITS_OWN: Final = (
    *("task_id", "submitted_at", "created_at"),
    *("sha256", "original_sha256", "bytes"),
)
"""What two builds of one manifest do not have in common."""

_FAST_CLOCK: Final = Path(__file__).with_name("fast_clock.py")
_HEAD: Final = 'version = 1\noutput_dir = "img"\n[defaults]\noutput_format = "png"\n'
_ASSET: Final = '\n[assets.picture-{n}]\nprompt = "A lighthouse at dawn, number {n}, flat vector"\n'


def figures(bench: Bench) -> Iterator[Figure]:
    """Measure a small build, a large one, and the large one in shards."""
    few, many = (40, 100) if bench.quick else (100, 1000)
    small = weigh(_hastened(bench, _site(bench, "few", few)), bench.python)
    folder = _site(bench, "whole", many)
    spent = weigh(_hastened(bench, folder), bench.python)
    name = f"build of {many:,}, 20 per 10 s"
    yield _wall(f"{name}: wall ÷ floor", many, spent.wall)
    bare = weigh(bench.bare, bench.python).peak
    peak = f"{spent.peak / 1e6:.0f} MB"
    yield Figure(name=f"{name}: peak memory ÷ bare", value=spent.peak / bare, goal=6.0, basis=peak)
    yield Figure(
        name=f"{name}: peak memory ÷ that of {few}", value=spent.peak / small.peak, goal=1.25
    )
    yield from _sharded(bench, many, _lock(folder))


def _sharded(bench: Bench, count: int, whole: dict[str, Any]) -> Iterator[Figure]:
    """Build all shards side by side, and hold the merged lock against that of the whole."""
    folder = _site(bench, "shards", count)
    commands = [
        _hastened(bench, folder, "--shard", f"{number}/{_SHARDS}")
        for number in range(1, _SHARDS + 1)
    ]
    begun = time.perf_counter()
    with ThreadPoolExecutor(_SHARDS) as pool:
        list(pool.map(run, commands))
    wall = time.perf_counter() - begun
    name = f"the same in {_SHARDS} shards side by side"
    yield _wall(f"{name}: wall ÷ floor", count, wall)
    locks = sorted(str(path.relative_to(folder)) for path in (folder / _OWN).glob("*.lock.*"))
    merge = bench.flux("assets", "merge", *locks)
    run(replace(merge, cwd=folder, env={**merge.env, "FLUXCLI_SANDBOX": "1"}))
    merged = _lock(folder)
    different = sum(merged.get(asset) != entry for asset, entry in whole.items())
    basis = f"of {len(whole):,}, merged from {len(locks)} locks"
    yield Figure(name=f"{name}: other entries", value=different, goal=0, unit="", basis=basis)


def _wall(name: str, count: int, seconds: float) -> Figure:
    floor = (count - 1) // _LIMIT * _WINDOW + _SECONDS
    basis = f"{seconds * _SPEED:.1f} s ÷ {floor:g} s, at {_SPEED:g} times the speed"
    return Figure(name=name, value=seconds * _SPEED / floor, goal=1.02, basis=basis)


def _site(bench: Bench, name: str, count: int) -> Path:
    """Declare so many pictures in a folder of their own."""
    folder = bench.root / name
    folder.mkdir()
    assets = "".join(_ASSET.format(n=n) for n in range(count))
    (folder / "assets.toml").write_text(_HEAD + assets, encoding="utf-8")
    return folder


def _hastened(bench: Bench, folder: Path, *words: str) -> Command:
    """Return the command line of a build in `folder`, as its world has it from now on."""
    clock = (str(_SPEED), str(time.time()))
    build = ("build", "--yes", "--quiet", "--sandbox", *words)
    command = bench.command(str(bench.python), str(_FAST_CLOCK), *clock, *build, state=folder.name)
    env = {**command.env, "FLUXCLI_SANDBOX_SECONDS": str(_SECONDS)}
    return replace(command, cwd=folder, env=env)


def _lock(folder: Path) -> dict[str, Any]:
    """Return the entries of a lock by asset, but for what is a build's own."""
    lines = (folder / _OWN / "assets.sandbox.lock").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines[1:]]
    return {
        entry["asset"]: {key: value for key, value in entry.items() if key not in _ITS_OWN}
        for entry in entries
    }
