"""When to look at a task again: often enough to be quick, seldom enough to be polite.

Pure. Learns from how long pictures like this took at the service: no look before the
quickest would be done, then steps that fit how much they differ. All values are seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.catalog import USUAL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

ENOUGH: Final = 5
"""So many earlier pictures are needed before their durations are believed."""

_LOOKS: Final = {True: 13, False: 9}
"""So many steps lead from the quickest pictures to the slowest; half of them are looked at.

A picture that somebody waits for alone gets more; of many, each gets by with fewer.
"""

_EARLY: Final = 0.2
"""Without history, one look comes at once: some services, and all rehearsals, are quick."""

_STEP: Final = (0.3, 5.0)
_PATIENCE: Final = 4.0
"""After this many times the usual duration, something is odd and looks become rarer."""


class PollSchedule:
    """The looks at one task, `alone` or of many. `interval` is the user's own fixed step."""

    def __init__(
        self,
        model: str,
        durations: Sequence[float],
        *,
        interval: float | None = None,
        alone: bool = True,
    ) -> None:
        known = sorted(durations)
        self._fixed = interval is not None
        self.is_learning = len(known) < ENOUGH
        """Whether nothing is known yet; what is learnt meanwhile may be asked for again."""
        if self.is_learning:
            self.usual = USUAL_SECONDS[model]
            self._start = self.usual / 3
            step = self.usual / 20
        else:
            self.usual = _quantile(known, 0.5)
            self._start = _quantile(known, 0.1)
            step = (_quantile(known, 0.95) - self._start) / _LOOKS[alone]
        self._step = min(max(step, _STEP[0]), _STEP[1])
        self.first = _EARLY if self.is_learning else self._start
        """How long after its acceptance a task is looked at for the first time."""
        if interval is not None:
            self._start = self._step = self.first = interval

    def next(self, age: float) -> float:
        """Return how long to wait before the next look at a task accepted `age` ago."""
        if age < self._start:
            return self._start - age
        if self._fixed:
            return self._step
        if age > self.usual * _PATIENCE:
            return min(max(self._step, age / 20), 15.0)
        return max(self._step, age / 14) if self.is_learning else self._step


def _quantile(known: Sequence[float], share: float) -> float:
    return known[min(int(share * len(known)), len(known) - 1)]
