"""Waiting with a live display: the processor's time for it, for one task and for a hundred."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.batch import driven
from tests.benchmarks.running import run
from tests.benchmarks.service import Manner, served
from tests.benchmarks.table import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.running import Command

_SETTLING: Final = 16.0
"""Seconds until every task was looked at once; there are no looks after that for long."""


def figures(bench: Bench) -> Iterator[Figure]:
    """Measure between two looks: the display, and the waiting itself."""
    seconds = 10.0 if bench.quick else 30.0
    for count in (1, 100):
        with served(Manner(result=str(bench.result(4_000)), seconds=3600.0)) as service:
            words = (str(count), "--lifted", "--no-wait")
            submit = driven(bench, *words, url=service.url)
            run(submit)
            wait = bench.flux("download", "--unsaved", "--interval", "600", url=service.url)
            spent = _waited(wait, dict(submit.env), seconds)
        name = f"waiting, {count} shown: CPU a second"
        yield Figure(name=name, value=spent / seconds * 1e3, goal=3.0, unit="ms")


def _waited(command: Command, env: dict[str, str], seconds: float) -> float:
    """Run a command on a terminal of its own; return its processor seconds while it waits."""
    leader, result_reporter = pty.openpty()
    with subprocess.Popen(
        command.words,
        env=env,
        cwd=command.cwd,
        stdin=result_reporter,
        stdout=result_reporter,
        stderr=result_reporter,
    ) as process:
        os.close(result_reporter)
        threading.Thread(target=_drain, args=(leader,), daemon=True).start()
        time.sleep(_SETTLING)
        before = _cpu(process.pid)
        time.sleep(seconds)
        spent = _cpu(process.pid) - before
        process.send_signal(signal.SIGKILL)
    os.close(leader)
    return spent


def _drain(terminal: int) -> None:
    with suppress(OSError):
        while os.read(terminal, 1 << 16):
            pass


def _cpu(pid: int) -> float:
    """Return the nanoseconds-exact processor time of all of a process's threads, in seconds."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
