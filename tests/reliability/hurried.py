"""fluxcli by a clock that runs faster: `python -m tests.reliability.hurried RATE WORD…`.

What lasts two minutes for the user, a time budget or a limit of one call, lasts 120 / RATE seconds.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from fluxcli.cli import main
from fluxcli.client.transport import Transport
from fluxcli.clock import SystemClock
from fluxcli.context import Context

if TYPE_CHECKING:
    import queue

T = TypeVar("T")


class HurriedClock(SystemClock):
    """The system's clock, `rate` times as fast from now on."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._wall, self._begun = super().wall(), super().monotonic()

    def monotonic(self) -> float:
        """Return a reading of this clock."""
        return self._begun + (super().monotonic() - self._begun) * self._rate

    def wall(self) -> float:
        """Return its seconds since the epoch."""
        return self._wall + self.monotonic() - self._begun

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of it."""
        super().sleep(seconds / self._rate)

    def receive(self, box: queue.SimpleQueue[T], seconds: float, *, busy: bool) -> T | None:
        """Wait for the box, at most `seconds` of it."""
        return super().receive(box, seconds / self._rate, busy=busy)


def _run(rate: float, words: list[str]) -> int:
    stream = Transport.stream

    def hurried(*given: Any, seconds: float, silence: float | None = None, **more: Any) -> Any:
        shorter = None if silence is None else silence / rate
        return stream(*given, seconds=seconds / rate, silence=shorter, **more)

    Transport.stream = hurried  # type: ignore[method-assign] # real calls know no other clock
    context = Context.of_process()
    context.clock = HurriedClock(rate)
    return main(words, context)


if __name__ == "__main__":
    status = _run(float(sys.argv[1]), sys.argv[2:])
    sys.stdout.flush()
    os._exit(status)
