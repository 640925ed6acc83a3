"""The program with a clock that runs many times as fast as the real one.

Usage: fast_clock.py SPEED EPOCH ARGUMENT…, run with the program's Python. All processes that are
given one `EPOCH` (real seconds since the epoch) agree on what time it is, so that they can share
an account's limit. The processor keeps its own time: the work of a program seems
`SPEED` times as slow. On the last line of stderr stands how many seconds went by.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from fluxcli.cli import main as run
from fluxcli.clock import SystemClock
from fluxcli.context import Context

if TYPE_CHECKING:
    import queue

T = TypeVar("T")


class FastClock(SystemClock):
    """Time since `epoch`, `speed` times as fast."""

    def __init__(self, speed: float, epoch: float) -> None:
        self._speed = speed
        self._epoch = epoch

    def monotonic(self) -> float:
        """Return seconds since the epoch; this machine's time is not set meanwhile."""
        return (time.time() - self._epoch) * self._speed

    def wall(self) -> float:
        """Return seconds since 1970, right at the epoch and ever further ahead after it."""
        return self._epoch + self.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep for less."""
        super().sleep(seconds / self._speed)

    def receive(self, box: queue.SimpleQueue[T], seconds: float, *, busy: bool) -> T | None:
        """Wait for the box, for less."""
        return super().receive(box, seconds / self._speed, busy=busy)


def main() -> None:
    """Run one command line; print how long it took by its own clock."""
    clock = FastClock(float(sys.argv[1]), float(sys.argv[2]))
    begun = clock.monotonic()
    context = replace(Context.of_process(), clock=clock)
    status = run(sys.argv[3:], context)
    sys.stderr.write(f"{clock.monotonic() - begun:.3f}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
