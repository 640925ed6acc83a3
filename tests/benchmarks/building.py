"""A build with nothing to do: declared images, all in place, beside Python itself and git."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.benchmarks.running import run, side_by_side, weigh
from tests.benchmarks.table import Figure, ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.running import Command

_HEAD: Final = 'version = 1\noutput_dir = "img"\n[defaults]\noutput_format = "png"\n'
_ASSET: Final = '\n[assets.picture-{n}]\nprompt = "A lighthouse at dawn, number {n}, flat vector"\n'
_SETTLED: Final = 2.5
"""In seconds. A check reads every file again that was changed within two seconds before."""

_ROUNDS: Final = 11


def figures(bench: Bench) -> Iterator[Figure]:
    """Measure `build --check` once every image is there and locked: 1,000 and 10,000 of them."""
    small = 4_000 if bench.quick else 500_000
    check = _project(bench, 1_000, small)
    large = _project(bench, 10_000, 4_000)
    git = _committed(bench, check)
    first = {"bare": bench.bare, "check": _without_cache(check)}
    rounds = min(bench.rounds, _ROUNDS)
    spent = side_by_side(first, min(rounds, 5))
    size = f"{small // 1000} KB"
    name = f"first build --check, 1,000 images of {size} ÷ bare Python"
    yield ratio(name, spent["check"], spent["bare"], None)
    for command in (check, large):
        run(command)
    time.sleep(_SETTLED)
    commands = {"bare": bench.bare, "check": check, "git": git, "large": large}
    spent = side_by_side(commands, rounds)
    name = f"build --check, 1,000 images of {size} ÷ "
    yield ratio(f"{name}bare Python", spent["check"], spent["bare"], 10.0)
    yield ratio(f"{name}`git status` of the same tree", spent["check"], spent["git"], None)
    name = "build --check, 10,000 images ÷ 1,000"
    yield ratio(name, spent["large"], spent["check"], 2.0)
    peaks = [weigh(command, bench.python).peak for command in (large, check)]
    basis = f"{peaks[0] / 1e6:.1f} MB ÷ {peaks[1] / 1e6:.1f} MB"
    yield Figure(name=f"peak memory, {name}", value=peaks[0] / peaks[1], goal=1.5, basis=basis)


def _project(bench: Bench, count: int, size: int) -> Command:
    """Make a project of that many images; return its check."""
    folder = bench.root / f"project-{count}"
    (folder / "img").mkdir(parents=True)
    assets = "".join(_ASSET.format(n=n) for n in range(count))
    (folder / "assets.toml").write_text(_HEAD + assets, encoding="utf-8")
    image = bench.result(size, "png").read_bytes()
    for n in range(count):
        (folder / "img" / f"picture-{n}.png").write_bytes(image)
    run(replace(bench.flux("assets", "adopt", "*"), cwd=folder))
    return replace(bench.flux("build", "--check"), cwd=folder)


def _committed(bench: Bench, check: Command) -> Command:
    """Commit a project; return `git status` in it."""
    who = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
    for words in (("init", "-q"), ("add", "-A"), (*who, "commit", "-q", "-m", "all")):
        run(replace(bench.command("git", *words), cwd=check.cwd))
    return replace(bench.command("git", "status", "--porcelain"), cwd=check.cwd)


def _without_cache(check: Command) -> Command:
    """Return a check that every time finds what a fresh checkout does: no cache."""
    return replace(check, env={**check.env, "FLUXCLI_CACHE_DIR": "/dev/null/none"})
