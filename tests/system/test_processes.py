"""Whether a process runs, and the end of this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fluxcli.system.processes import alive

ROOT = Path(__file__).parents[2]


def test_this_process_runs_and_one_that_ended_does_not() -> None:
    assert alive(os.getpid())
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(30)
    assert not alive(process.pid)


def test_asking_leaves_the_process_alone() -> None:
    """On Windows, signal 0 is Ctrl-C."""
    program = "import sys; print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert alive(process.pid)
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.parametrize("number", [0, -1, 1 << 40, 1 << 80])
def test_a_number_that_no_process_can_have(number: int) -> None:
    """A damaged lock file may hold any number; 0 and -1 would name groups of processes."""
    assert not alive(number)


def test_the_end_by_a_signal_is_seen_by_the_parent() -> None:
    program = "import signal; from fluxcli.system.processes import end_by_signal; "
    ran = subprocess.run(
        [sys.executable, "-c", program + "end_by_signal(signal.SIGTERM)"],
        cwd=ROOT,
        timeout=30,
        check=False,
    )
    assert ran.returncode == (128 + signal.SIGTERM if os.name == "nt" else -signal.SIGTERM)
