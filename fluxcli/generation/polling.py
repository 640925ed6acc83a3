"""When to look at a task again: often enough to be quick, seldom enough to be polite.

Pure. Learns from how long pictures like this took at the service: no look before the
quickest would be done, then steps that fit how much they differ. All values are seconds.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Final

from fluxcli.catalog import READS_PER_SECOND, USUAL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

ENOUGH: Final = 5
"""So many earlier pictures are needed before their durations are believed."""

_LOOKS: Final = 9
"""So many steps lead from the quickest pictures to the slowest; half of them are looked at."""

_STEP: Final = (0.5, 5.0)
_TURN: Final = 1.25 / READS_PER_SECOND
_PATIENCE: Final = 4.0
"""After this many times the usual duration, something is odd and looks become rarer."""


class Rhythm:
    """The looks at one task. `interval` is the user's own choice of a fixed step."""

    def __init__(
        self, model: str, durations: Sequence[float], *, interval: float | None = None
    ) -> None:
        known = sorted(durations)
        if len(known) >= ENOUGH:
            self.usual = _quantile(known, 0.5)
            self._start = _quantile(known, 0.05)
            step = (_quantile(known, 0.95) - self._start) / _LOOKS
        else:
            self.usual = USUAL_SECONDS[model]
            self._start = self.usual / 4
            step = self.usual / 12
        self._step = min(max(step, _STEP[0]), _STEP[1])
        self._fixed = interval is not None
        if interval is not None:
            self._start = self._step = interval

    def next(self, age: float) -> float:
        """Return how long to wait before the next look at a task accepted `age` ago."""
        if age < self._start:
            return self._start - age
        if self._fixed or age < self.usual * _PATIENCE:
            return self._step
        return min(max(self._step, age / 20), 15.0)


class Turnstile:
    """Spaces out all looks by one key, so that the service's limit of reads is never met."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._after: dict[int, int] = {}
        """For each moment that is taken, in steps, one not before the next that is free."""

    def turn(self, wanted: float) -> float:
        """Reserve a moment for a look: the first free one that is not before `wanted`."""
        with self._guard:
            moment = math.ceil(wanted / _TURN)
            passed = []
            while moment in self._after:
                passed.append(moment)
                moment = self._after[moment]
            # Whoever asks for one of these again need not walk the same way.
            self._after.update(dict.fromkeys((*passed, moment), moment + 1))
            return max(wanted, moment * _TURN)


def _quantile(known: Sequence[float], share: float) -> float:
    return known[min(int(share * len(known)), len(known) - 1)]
