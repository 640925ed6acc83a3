"""What everybody writes (`baseline.py`), struck just as our program is: to stand beside it."""

from __future__ import annotations

import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.reliability import matrix, power
from tests.reliability.fault_server import FaultServer
from tests.reliability.figures import Figure
from tests.reliability.fork_server import ForkServer
from tests.reliability.strikes import room
from tests.reliability.tracing import CONNECT, Strike, Tracer
from tests.worlds import World

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.reliability.figures import Size
    from tests.reliability.matrix import Case

SCRIPT: Final = Path(__file__).with_name("baseline.py")
AT_ONCE: Final = 4
"""It sleeps more than it works."""

RUNS: Final = 4
"""So often it is run until it says that it is done; after the first run nothing is struck."""


def baseline(size: Size) -> Figure:
    """Kill the twelve-line script at each of its system calls, and run it again."""
    figure = Figure("the twelve-line script, killed likewise", "(beside ours)")
    at = 1
    while True:
        with room() as root, FaultServer() as server:
            env = World(root).env | {"FLUXCLI_BASE_URL": server.api_url}
            out = root / "out.png"
            argv = [sys.executable, str(SCRIPT), "a lighthouse", str(out)]
            streams = [Path("/dev/null"), root / "1", root / "2"]
            killed = Tracer(CONNECT, Strike(at=at, signal=9)).run(argv, env=env, streams=streams)
            if killed.struck is None:
                break
            for _ in range(RUNS - 1):
                again = subprocess.run(argv, env=env, capture_output=True, check=False)
                if again.returncode == 0:
                    break
            figure.trials += 1
            figure.found["paid twice"] += server.charges > 1
        at += size.step
    return figure


def baseline_power(size: Size) -> Figure:
    """Cut the power at each moment of the twelve-line script; run it again unless it was done.

    Done means that the image is there as a whole: that its user sees.
    """
    figure = Figure("power lost in the twelve-line script, rerun", "(beside ours)")
    with power.scene() as at, ForkServer() as fork_server:
        out = at.world.cwd / "out.png"
        arguments = ["a lighthouse", str(out)]
        power.recorded(at, [sys.executable, str(SCRIPT), *arguments])
        with room() as outside:
            for moment in at.moments(step=size.step, seed=size.seed):
                at.restore(moment)
                for _ in range(RUNS):
                    if is_whole(out, at.server):
                        break
                    fork_server.run(
                        arguments,
                        env=at.world.env,
                        cwd=at.world.cwd,
                        streams=[Path("/dev/null"), outside / "1", outside / "2"],
                        script=SCRIPT,
                    )
                figure.trials += 1
                figure.found["paid twice"] += at.server.charges > 1
                figure.found["lost"] += not is_whole(out, at.server)
        power.note(figure, "script", at)
    return figure


def is_whole(file: Path, server: FaultServer) -> bool:
    """Return whether a file holds an image that the service made."""
    return file.exists() and file.read_bytes() in {made.picture for made in server.tasks.values()}


def baseline_faults(size: Size) -> Figure:
    """Strike the twelve-line script with the single faults of `faults`, at the stages it has."""
    figure = Figure("the twelve-line script, single faults x stages", "(beside ours)")
    stages = {"submit", "poll", "result"}
    cases = [case for case in matrix.sampled(size.step) if case.stage in stages]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        shares = pool.map(_share, [cases[number::AT_ONCE] for number in range(AT_ONCE)])
        for flaws in itertools.chain.from_iterable(shares):
            figure.trials += 1
            figure.found["any of these"] += bool(flaws)
            figure.found.update(flaws)
    return figure


def _share(cases: Iterable[Case]) -> list[set[str]]:
    flaws = []
    with ForkServer() as fork_server:
        for case in cases:
            with room() as root:
                flaws.append(scripted(case, fork_server, root))
    return flaws


def scripted(case: Case, fork_server: ForkServer, root: Path) -> set[str]:
    """Let one case happen to the script below `root`, and run it again; return what it did."""
    out = root / "out.png"
    with FaultServer() as server:
        server.strike(case.stage, case.fault, when=case.when, times=case.times)
        for _ in range(RUNS):
            status = fork_server.run(
                ["a lighthouse", str(out)],
                env=World(root).env | {"FLUXCLI_BASE_URL": server.api_url},
                cwd=root,
                streams=[Path("/dev/null"), root / "1", root / "2"],
                script=SCRIPT,
            )
            server.heal()
            if status == 0:
                break
        whole = tuple(made.picture for made in server.tasks.values())
        kept = out.read_bytes() if out.exists() else None
        good = kept is not None and kept.startswith(whole)
        flaws = {
            "paid twice": server.charges > 1,
            "picture lost": server.charges > 0 and not good,
            "wrong file kept": kept is not None and not good,
            "status 0 without a whole picture": status == 0 and not good,
        }
    return {name for name, found in flaws.items() if found}
