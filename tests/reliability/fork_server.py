"""Processes that are quickly born: forked from one that has its imports behind it.

Each is a process of its own that runs `main()` on real streams, signals and time, exactly as
`python -m fluxcli` does once its imports are done. It waits at a gate until it is released, so
that a tracer can take hold of it first.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Self


_ROOMS: Final = (
    *(
        "fluxcli.cli",
        "fluxcli.tasks.history",
        "fluxcli.tasks.task_runner",
        "fluxcli.requests.resolve",
    ),
    *("fluxcli.output.output", "fluxcli.client.client", "fluxcli.journal.journal"),
    *("rich.progress", "encodings.idna", "certifi", "h11", "httpx"),
    *("tests.benchmarks.fast_clock",),
)
"""What the commands for pictures import while they run."""


Haste = tuple[float, float]
"""A clock's speed, and the real time when it was right: all who share it agree on the time."""


@dataclass(slots=True)
class _Asked:
    """An order for a child; without a `gate`, its end is waited for."""

    arguments: list[str]
    env: dict[str, str]
    cwd: str
    streams: list[str]
    gate: str | None
    haste: Haste | None
    script: str | None = None


class ForkServer:
    """Forks processes; use it in a `with`."""

    def __enter__(self) -> Self:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.fork_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._parent.communicate()

    def start(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        streams: Sequence[Path],
        gate: Path,
        haste: Haste | None = None,
    ) -> int:
        """Return the number of a process that runs `fluxcli ARGUMENTS` once `gate` is opened.

        `gate` is a FIFO; one byte lets the process go.
        """
        requested = _Asked([*arguments], {**env}, str(cwd), [*map(str, streams)], str(gate), haste)
        return self._order(requested)

    def run(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        streams: Sequence[Path],
        haste: Haste | None = None,
        script: Path | None = None,
    ) -> int:
        """Run `fluxcli ARGUMENTS`, or `script` with them; return the exit status."""
        requested = _Asked([*arguments], {**env}, str(cwd), [*map(str, streams)], None, haste)
        requested.script = str(script) if script else None
        return self._order(requested)

    def _order(self, requested: _Asked) -> int:
        print(json.dumps(asdict(requested)), file=self._parent.stdin, flush=True)
        return int(self._answer())

    def _answer(self) -> str:
        if self._parent.stdout is None:
            raise ValueError("not entered")
        return self._parent.stdout.readline()


def _import_everything() -> None:
    for name in _ROOMS:
        importlib.import_module(name)


def _live(requested: _Asked) -> int:
    """Be the child: take on its streams and environment, wait at the gate, run."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    modes = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number, path in enumerate(requested.streams):
        opened = os.open(path, modes[number > 0] | os.O_NOCTTY, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(requested.env)
    os.chdir(requested.cwd)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(0, encoding="utf-8", closefd=False),
        os.fdopen(1, "w", encoding="utf-8", closefd=False),
        os.fdopen(2, "w", encoding="utf-8", closefd=False, errors="backslashreplace"),
    )
    if requested.gate:
        with open(requested.gate, "rb", buffering=0) as gate:  # noqa: PTH123 - a bare descriptor
            gate.read(1)
    status = (
        _scripted(requested.script, requested.arguments)
        if requested.script
        else _program(requested)
    )
    sys.stdout.flush()
    return status


def _program(requested: _Asked) -> int:
    from fluxcli.cli import main  # noqa: PLC0415 - imported by the parent already
    from fluxcli.context import Context  # noqa: PLC0415
    from tests.benchmarks.fast_clock import FastClock  # noqa: PLC0415

    context = Context.of_process()
    if requested.haste:
        context.clock = FastClock(*requested.haste)
    return main(requested.arguments, context)


def _scripted(script: str, arguments: list[str]) -> int:
    """Run a script as `python SCRIPT` does: what it raises is shown, and is status 1.

    It may have no patience of its own, so that it is ended after a minute.
    """
    signal.alarm(60)
    sys.argv = [script, *arguments]
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception:  # noqa: BLE001 - any failure
        traceback.print_exc()
        return 1
    return 0


def _run() -> None:
    _import_everything()
    # Children are not left as zombies: a dead process must not seem to run.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _tell("ready")
    # Read without a buffer that the children would share.
    with os.fdopen(os.dup(0), "rb", buffering=0) as orders:
        while line := _line(orders):
            requested = _Asked(**json.loads(line))
            _tell(_born(requested) if requested.gate else _seen_through(requested))


def _born(requested: _Asked) -> int:
    child = os.fork()
    if child == 0:
        os._exit(_live(requested))
    return child


def _seen_through(requested: _Asked) -> int:
    """Return how it ended: its exit status, 128 + N for a signal."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = os.waitstatus_to_exitcode(os.waitpid(_born(requested), 0)[1])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    return code if code >= 0 else 128 - code


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
