"""When to read a task again: soon enough to notice its end, with few reads.

Pure. Learns from how long images like this took at the service: few reads before the quickest
would be done, then steps that fit how much they differ. All values are seconds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from fluxcli.prices_and_limits import USUAL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

ENOUGH: Final = 5
"""The number of earlier images that is needed before their durations are used."""

_READS: Final = 13
"""The number of steps from the quickest images to the slowest; half of them are used."""

_EARLY: Final = 0.2
"""Without history, one read comes at once: some services, and all rehearsals, are quick."""

_AHEAD: Final = 1.3
"""The most time between two reads before an image is expected: the service may have become quicker
than it ever was, and an end is to be noticed within 1.5 s, the read itself included."""

_STEP: Final = (0.3, 1.2)
"""The least and the most time between two reads while an image may be done at any moment."""

_OVERDUE: Final = 4.0
"""After this many times the usual duration, and two minutes, reads become rarer."""

_OVERDUE_LEAST: Final = 120.0
_SLOWEST: Final = 15.0


class PollSchedule:
    """The reads of one task. `interval` is the user's own fixed step."""

    def __init__(
        self, model: str, durations: Sequence[float], *, interval: float | None = None
    ) -> None:
        known = sorted(durations)
        self._fixed = interval is not None
        self.is_learning = len(known) < ENOUGH
        """Whether too little is known yet; durations may be looked up again later."""
        if self.is_learning:
            self.usual = USUAL_SECONDS[model]
            self._start = self.usual / 3
            step = self.usual / 20
        else:
            self.usual = _quantile(known, 0.5)
            self._start = _quantile(known, 0.1)
            step = (_quantile(known, 0.95) - self._start) / _READS
        self._step = min(max(step, _STEP[0]), _STEP[1])
        self.first = _EARLY if self.is_learning else self._ahead(0.0)
        """How long after its acceptance a task is read for the first time."""
        if interval is not None:
            self._start = self._step = self.first = interval

    def next(self, age: float) -> float:
        """Return how long to wait before the next read of a task accepted `age` ago."""
        if self._fixed:
            return self._step
        if age < self._start - _STEP[0] / 2:
            return self._ahead(age)
        if age > max(self.usual * _OVERDUE, _OVERDUE_LEAST):
            return min(max(self._step, age / 60), _SLOWEST)
        return min(max(self._step, age / 14), _STEP[1]) if self.is_learning else self._step

    def _ahead(self, age: float) -> float:
        """Return a step such that equal ones lead from `age` to the first expected end."""
        left = self._start - age
        return left / max(1, math.ceil(left / _AHEAD))


def _quantile(known: Sequence[float], share: float) -> float:
    return known[min(int(share * len(known)), len(known) - 1)]
