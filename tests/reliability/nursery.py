"""Processes that are quickly born: forked from one that has its imports behind it.

Each is a process of its own that runs `main()` on real streams, signals and time, exactly as
`python -m fluxcli` does once its imports are done. It waits at a gate until it is let go, so
that a tracer can take hold of it first.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self


_ROOMS: Final = (
    *("fluxcli.cli", "fluxcli.history", "fluxcli.making", "fluxcli.ordering.order"),
    *("fluxcli.output.streams", "fluxcli.service.client", "fluxcli.journal.ledger"),
    *("rich.progress", "encodings.idna", "certifi", "h11", "tests.worlds"),
)
"""What the commands for pictures import while they run."""


class Nursery:
    """Gives birth to processes; use it in a `with`."""

    def __enter__(self) -> Self:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._told()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._parent.communicate()

    def birth(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        streams: Sequence[Path],
        gate: Path,
        swift: bool = False,
    ) -> int:
        """Return the number of a process that runs `fluxcli ARGUMENTS` once `gate` is opened.

        `gate` is a FIFO; one byte lets the process go. A `swift` one's time passes at once.
        """
        asked = {
            "arguments": list(arguments),
            "env": dict(env),
            "cwd": str(cwd),
            "streams": [str(path) for path in streams],
            "gate": str(gate),
            "swift": swift,
        }
        print(json.dumps(asked), file=self._parent.stdin, flush=True)
        return int(self._told())

    def _told(self) -> str:
        if self._parent.stdout is None:
            raise ValueError("not entered")
        return self._parent.stdout.readline()


def _import_everything() -> None:
    for name in _ROOMS:
        importlib.import_module(name)


def _live(asked: dict[str, Any]) -> int:
    """Be the child: take on its streams and environment, wait at the gate, run."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    modes = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number, path in enumerate(asked["streams"]):
        opened = os.open(path, modes[number > 0] | os.O_NOCTTY, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(0, encoding="utf-8", closefd=False),
        os.fdopen(1, "w", encoding="utf-8", closefd=False),
        os.fdopen(2, "w", encoding="utf-8", closefd=False, errors="backslashreplace"),
    )
    from fluxcli.cli import main  # noqa: PLC0415 - imported by the parent already
    from fluxcli.session import Session  # noqa: PLC0415
    from tests.worlds import SwiftClock  # noqa: PLC0415

    with open(asked["gate"], "rb", buffering=0) as gate:  # noqa: PTH123 - a bare descriptor
        gate.read(1)
    session = Session.of_process()
    if asked["swift"]:
        session.clock = SwiftClock(time.time())
    status = main(asked["arguments"], session)
    sys.stdout.flush()
    return status


def _run() -> None:
    _import_everything()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _tell("ready")
    # Read without a buffer that the children would share.
    with os.fdopen(os.dup(0), "rb", buffering=0) as orders:
        while line := _line(orders):
            child = os.fork()
            if child == 0:
                os._exit(_live(json.loads(line)))
            _tell(child)


def _tell(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def _line(orders: Any) -> bytes:
    line = b""
    while not line.endswith(b"\n") and (byte := orders.read(1)):
        line += byte
    return line


if __name__ == "__main__":
    _run()
