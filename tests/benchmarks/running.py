"""Programs run and measured: wall time, CPU time, peak memory; several side by side."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_LAUNCHER: Final = """
import os, sys, time
begun = time.perf_counter()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
wall = time.perf_counter() - begun
print(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=open(sys.argv[1], "w"))
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line in its world. `status` is what it must end with, or nothing was measured."""

    words: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    status: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run took: seconds by the clock, and of the processor; `peak` bytes of memory."""

    wall: float
    cpu: float
    peak: int = 0


def run(command: Command) -> Spent:
    """Run a command, its streams thrown away.

    Raises:
        RuntimeError: it ended with another status than it should.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(
        command.words,
        env=dict(command.env),
        cwd=command.cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != command.status:
        raise RuntimeError(f"{' '.join(command.words)} ended with {process.returncode}")
    return Spent(wall, usage.ru_utime + usage.ru_stime)


def side_by_side(commands: Mapping[str, Command], rounds: int) -> dict[str, Spent]:
    """Run all commands in turn, `rounds` times over and once to warm up; return the medians."""
    spent: dict[str, list[Spent]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            one = run(command)
            if number:
                spent[name].append(one)
    return {
        name: Spent(median(one.wall for one in many), median(one.cpu for one in many))
        for name, many in spent.items()
    }


def weigh(command: Command, python: Path) -> Spent:
    """Run a command once; return what it took, its peak of memory included.

    A program inherits the mark of its parent, so a bare Python starts it, which is
    the floor of all that is measured here.
    """
    note = command.cwd / ".weighed"
    words = (str(python), "-I", "-S", "-c", _LAUNCHER, str(note), *command.words)
    run(replace(command, words=words))
    wall, cpu, kilobytes = note.read_text().split()
    note.unlink()
    return Spent(float(wall), float(cpu), int(kilobytes) * 1024)
