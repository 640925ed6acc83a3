"""The table of figures: what was measured, the goal, and whether it was reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.running import Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value and its goal: so much, or less. None: it is there to compare with.

    `basis` says what it was made of: medians, counts.
    """

    name: str
    value: float
    goal: float | None = None
    unit: str = "x"
    basis: str = ""

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The figure as a row of the table."""
        if self.goal is None:
            return (self.name, self._shown(self.value), "", "", self.basis)
        result = "met" if self.value <= self.goal else "MISSED"
        return (self.name, self._shown(self.value), self._shown(self.goal), result, self.basis)

    def _shown(self, value: float) -> str:
        digits = f"{value:.3f}" if value < 2 else f"{value:.2f}" if value < 10 else f"{value:.1f}"
        text = digits.rstrip("0").rstrip(".")
        return f"{text} {self.unit}" if self.unit else text


def ratio(name: str, spent: Spent, floor: Spent, goal: float | None) -> Figure:
    """Return how many times as long as `floor` something took by the clock.

    The processor's time is shown as well: on a busy machine it is the steadier of the two.
    """
    walls = f"{spent.wall * 1e3:.1f} ms ÷ {floor.wall * 1e3:.1f} ms"
    basis = f"{walls}; CPU {spent.cpu / floor.cpu:.1f} x"
    return Figure(name=name, value=spent.wall / floor.wall, goal=goal, basis=basis)


def text(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as Markdown, padded so that they can be read as they are."""
    heads = ("figure", "measured", "goal", "result", "from")
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [_line(row, widths) for row in (heads, tuple("-" * w for w in widths), *rows)]
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(map(str.ljust, row, widths)) + " |"
