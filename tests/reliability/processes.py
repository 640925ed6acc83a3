"""The program as its user starts it, `python -m fluxcli`, killed anywhere from `execve` on.

The other kills strike processes whose imports are done. Here nothing is prepared: the kills are
spread over the whole life of the process, the interpreter's start and all imports included.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.reliability.aftermath import Aftermath, finish
from tests.reliability.figures import Figure
from tests.reliability.strikes import PLANS, scene
from tests.reliability.tracing import EXEC, Strike, Traced, Tracer
from tests.worlds import Ran

if TYPE_CHECKING:
    from tests.reliability.figures import Size

POINTS: Final = 90


@dataclass(frozen=True, slots=True)
class Killed:
    """One process, whether its task had been charged by its end, and what a user made of it."""

    traced: Traced
    charged: bool
    after: Aftermath


def processes(size: Size) -> Figure:
    """Kill it at so many points, evenly spread, and run it again until it is done."""
    figure = Figure(
        "`python -m fluxcli generate` killed, from `execve` on, rerun", "0 paid twice, 0 lost"
    )
    calls = killed(None).traced.calls
    every = max(1, len(calls) // POINTS) * size.step
    for at in range(1, len(calls) + 1, every):
        one = killed(Strike(at=at, signal=9))
        figure.trials += one.traced.struck is not None
        figure.found["paid for by then"] += one.charged
        figure.found["unknown"] += bool(one.after.unknown)
        for wrong in one.after.wrong:
            figure.found[wrong.split(":")[0]] += 1
            figure.fail(f"call {at}, {one.traced.struck}: {wrong}")
    figure.notes.append(f"{len(calls):,} system calls in a life that nothing strikes")
    return figure


def killed(strike: Strike | None) -> Killed:
    """Start the program, strike it, and see the aftermath through."""
    plan = PLANS[0]
    with scene(plan) as (world, server):
        file = world.cwd / plan.files[0]
        arguments = ("generate", plan.prompt, "-o", str(file), "--interval", "0.1")
        streams = [Path("/dev/null"), world.root / "out", world.root / "err"]
        traced = Tracer(EXEC, strike).run(
            [sys.executable, "-m", "fluxcli", *arguments],
            env=world.env | {"PYTHONPATH": str(Path(__file__).parents[2])},
            streams=streams,
            gate=world.root / "gate",
        )
        charged = server.charges > 0
        message = streams[2].read_text()
        ended = (
            Ran(traced.status, streams[1].read_bytes(), message) if traced.status < 128 else None
        )
        after = finish(world, server, arguments, files=[file], prompt=plan.prompt, before=ended)
    return Killed(traced, charged, after)
