"""What everybody writes (`baseline.py`), struck just as our program is: to stand beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.reliability.fault_server import FaultServer
from tests.reliability.figures import Figure
from tests.reliability.strikes import room
from tests.reliability.tracing import Strike, Tracer
from tests.worlds import World

if TYPE_CHECKING:
    from tests.reliability.figures import Size


def baseline(size: Size) -> Figure:
    """Kill the twelve-line script at each of its system calls, and run it again."""
    figure = Figure("the twelve-line script, killed likewise", "(beside ours)")
    script = str(Path(__file__).with_name("baseline.py"))
    at = 1
    while True:
        with room() as root, FaultServer() as server:
            env = World(root).env | {"FLUXCLI_BASE_URL": server.api_url}
            out = root / "out.png"
            argv = [sys.executable, script, "a lighthouse", str(out)]
            streams = [Path("/dev/null"), root / "1", root / "2"]
            killed = Tracer(None, Strike(at=at, signal=9)).run(argv, env=env, streams=streams)
            if killed.struck is None:
                break
            for _ in range(3):
                again = subprocess.run(argv, env=env, capture_output=True, check=False)
                if again.returncode == 0:
                    break
            figure.trials += 1
            figure.found["paid twice"] += server.charges > 1
        at += size.step
    return figure
