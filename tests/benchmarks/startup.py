"""Start-up: how long a command takes that has little or nothing to do, beside its peers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.benchmarks.installed import ROOT
from tests.benchmarks.running import Spent, run, side_by_side
from tests.benchmarks.service import Manner, served
from tests.benchmarks.table import Figure, ratio

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.running import Command

_FAST: Final = ("--version", "--help", "generate --help", "help exit-codes", "completion bash")
"""Beside bare Python: they import next to nothing."""

_TYPED: Final = ("usage error", "status --offline", "config list")
"""Beside `import typer`: what reads the command line cannot do without it."""

_FAST_GOAL, _TYPED_GOAL = 1.15, 1.05
_NAMES: Final = (*_FAST, *_TYPED)
_WRONG_STATUS: Final = {"http": 1, "hf": 2, "comfy": 2, "llm": 2}
_TABS: Final = 100
_TAB: Final = """
source {script}
COMP_WORDS=(fluxcli {words}) COMP_CWORD={cursor} COMP_LINE='fluxcli {line}'
for ((n = 0; n < {times}; n++)); do _fluxcli fluxcli '{typed}' '{before}'; done
[[ ${{#COMPREPLY[@]}} -ge {least} ]]
"""


def figures(bench: Bench) -> Iterator[Figure]:
    """Measure every word that needs no network."""
    with served(Manner(result=str(bench.result(2_000_000)))) as service:
        submit = bench.flux("generate", "a cat", "-n", "20", "--no-wait", "--yes", url=service.url)
        run(submit)
    own = _own(bench, service.url) | _tabs(bench, service.url)
    spent = side_by_side(_floors(bench) | own | _peers(bench), bench.rounds)
    bare = spent["bare"]
    for floor in ("import typer", "import httpx", "curl --version"):
        yield ratio(f"{floor} ÷ bare Python", spent[floor], bare, None)
    for name in _FAST:
        yield ratio(f"{name} ÷ bare Python", spent[name], bare, _FAST_GOAL)
    for name in _TYPED:
        yield ratio(f"{name} ÷ import typer", spent[name], spent["import typer"], _TYPED_GOAL)
    tab = Spent(spent["tab"].wall / _TABS, spent["tab"].cpu / _TABS)
    yield ratio("TAB, words and flags ÷ bare Python", tab, bare, _FAST_GOAL)
    yield ratio("TAB, task ids ÷ bare Python", spent["tab ids"], bare, 6.0)
    for name in (*_NAMES, "tab ids"):
        yield against_peers(name, spent[name].wall, spent, bench.peers)


def against_peers(
    name: str, wall: float, spent: Mapping[str, Spent], peers: Mapping[str, str]
) -> Figure:
    """Return `wall` seconds ÷ what the quickest peer takes for the same.

    Where they have nothing of the kind, it is their `--version`: the least they ever take.
    """
    same = {peer: spent.get(f"{peer} {name}", spent[f"{peer} --version"]).wall for peer in peers}
    factors = ", ".join(f"{peer} {peers_wall / wall:.1f} x" for peer, peers_wall in same.items())
    return Figure(
        name=f"{name} ÷ the quickest peer", value=wall / min(same.values()), goal=1.0, basis=factors
    )


def versions(bench: Bench) -> dict[str, Command]:
    """Return the least that each peer can be asked for."""
    return {
        f"{name} --version": bench.command(path, "--version") for name, path in bench.peers.items()
    }


def _floors(bench: Bench) -> dict[str, Command]:
    python = str(bench.python)
    return {
        "bare": bench.bare,
        "import typer": bench.command(python, "-c", "import typer"),
        "import httpx": bench.command(python, "-c", "import httpx"),
        "curl --version": bench.command("curl", "--version"),
    }


def _own(bench: Bench, url: str) -> dict[str, Command]:
    own = {name: bench.flux(*name.split(), url=url) for name in _NAMES if name != "usage error"}
    return own | {"usage error": bench.flux("generat", status=2)}


def _peers(bench: Bench) -> dict[str, Command]:
    helped = {f"{name} --help": bench.command(path, "--help") for name, path in bench.peers.items()}
    wrong = {
        f"{name} usage error": bench.command(path, "--nosuch", status=_WRONG_STATUS[name])
        for name, path in bench.peers.items()
    }
    return versions(bench) | helped | wrong


def _tabs(bench: Bench, url: str) -> dict[str, Command]:
    flags = {"words": "generate --o", "cursor": 2, "typed": "--o", "before": "generate"}
    ids = {"words": "download ''", "cursor": 2, "typed": "", "before": "download"}
    return {
        "tab": _tab(bench, url, **flags, line="generate --o", times=_TABS, least=2),
        "tab ids": _tab(bench, url, **ids, line="download ", times=1, least=20),
    }


def _tab(bench: Bench, url: str, **values: object) -> Command:
    script = _TAB.format(script=ROOT / "completions" / "fluxcli.bash", **values)
    return bench.command("bash", "--norc", "-c", script, url=url)
