"""Builds that are killed: forked from one process, each ended by SIGKILL at a given call.

Run as a program, it takes one JSON object a line: what to run and where, how many seconds after
noon, and at which call of our own functions, counted over all threads, the process is killed
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
    f"{os.sep}fluxcli{os.sep}{package}{os.sep}"
    for package in ("build", "journal", "tasks", "files", "sandbox", "client")
)


class CallCounter:
    """Counts calls, and kills the process at one of them."""

    def __init__(self, kill_at: int) -> None:
        self.calls = 0
        self._kill_at = kill_at

    def count(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Count a call of ours."""
        if event == "call" and any(part in frame.f_code.co_filename for part in _OURS):
            self.calls += 1
            if self.calls == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def _run(job: dict[str, Any], answer: int) -> int:
    counter = CallCounter(job["kill_at"])
    world = World(Path(job["root"]), clock=SwiftClock(NOON + job["age"]))
    threading.setprofile(counter.count)
    sys.setprofile(counter.count)
    ran = world.run(*job["arguments"])
    sys.setprofile(None)
    threading.setprofile(None)
    result = {"status": ran.status, "calls": counter.calls, "out": ran.out.decode(), "err": ran.err}
    os.write(answer, json.dumps(result).encode())
    return 0


def _forked(job: dict[str, Any]) -> dict[str, Any]:
    """Run one process from its start to its end."""
    out, inn = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        try:
            os._exit(_run(job, inn))
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
    for module in ("build.build_run", "sandbox.in_process", "client.client", "output.display"):
        importlib.import_module(f"fluxcli.{module}")  # once, for all children
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_forked(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
