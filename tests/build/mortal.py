"""Builds that are killed in their tracks: forked from one process, struck by SIGKILL at a call.

Run as a program, it takes one JSON object a line: what to run and where, how many seconds after
noon, and at which call of our own functions, counted over all threads, the process is to die
(0: never). It answers with the process's status and the number of calls.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.worlds import NOON, SwiftClock, World

if TYPE_CHECKING:
    from types import FrameType

_OURS: Final = tuple(
    f"{os.sep}fluxcli{os.sep}{room}"
    for room in ("lockfile", "journal", "builder", "generation", "saving", "sandbox", "service")
)


class Fate:
    """Counts calls, and strikes at one of them."""

    def __init__(self, strike: int) -> None:
        self.calls = 0
        self._strike = strike

    def see(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Count a call of ours."""
        if event == "call" and any(room in frame.f_code.co_filename for room in _OURS):
            self.calls += 1
            if self.calls == self._strike:
                os.kill(os.getpid(), signal.SIGKILL)


def _live(asked: dict[str, Any], answer: int) -> int:
    fate = Fate(asked["strike"])
    world = World(Path(asked["root"]), clock=SwiftClock(NOON + asked["age"]))
    threading.setprofile(fate.see)
    sys.setprofile(fate.see)
    ran = world.run(*asked["arguments"])
    sys.setprofile(None)
    threading.setprofile(None)
    said = {"status": ran.status, "calls": fate.calls, "out": ran.out.decode(), "err": ran.err}
    os.write(answer, json.dumps(said).encode())
    return 0


def _born(asked: dict[str, Any]) -> dict[str, Any]:
    """Run one process from birth to death."""
    out, inn = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        try:
            os._exit(_live(asked, inn))
        finally:
            os._exit(99)
    os.close(inn)
    with os.fdopen(out, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    if not data:
        return {"status": -os.WTERMSIG(status) if os.WIFSIGNALED(status) else 99}
    return dict(json.loads(data))


def main() -> None:
    """Serve requests from stdin until it ends."""
    for name in ("build.run", "sandbox.in_process", "client.client", "output.display"):
        importlib.import_module(f"fluxcli.{name}")  # once, for all children
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_born(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
