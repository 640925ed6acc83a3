"""How a board looks in so many columns and lines. Pure: makes lines, writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fluxcli.output.block import Line
from fluxcli.output.board import DONE, Stage
from fluxcli.output.text import cells, duration, pad, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fluxcli.output.board import Board, Row
    from fluxcli.output.style import Ink, Style

_SPARE_LINES: Final = 4
"""Lines of the terminal that the rows leave free: the last words before them stay in sight."""

_NARROW: Final = 60
_STAGE_WIDTH: Final = max(map(len, Stage))
_NARROW_STAGE_WIDTH: Final = 11
_TIME_WIDTH: Final = len("59 s of about 59 s")
_BRIEF_TIME_WIDTH: Final = len("59 m 59 s")
_SHORTEST_LABEL: Final = 6
_NARROW_WORDS: Final = {Stage.HELD: "waiting"}
_INKS: Final[dict[Stage, Ink]] = {
    Stage.PREPARING: "dim",
    Stage.HELD: "dim",
    Stage.SAVED: "green",
    Stage.READY: "green",
    Stage.SUBMITTED: "green",
    Stage.FAILED: "red",
}
# What is at work is shown before what waits, and that before what is over.
_RANKS: Final = {
    Stage.PREPARING: 1,
    Stage.HELD: 1,
    Stage.FAILED: 2,
    Stage.SUBMITTED: 3,
    Stage.READY: 3,
    Stage.SAVED: 3,
}


@dataclass(frozen=True, slots=True)
class Marks:
    """The signs of a display, in characters that its encoding has."""

    active: str
    good: str
    bad: str
    dot: str
    ellipsis: str

    @classmethod
    def choose(cls, can_show: Callable[[str], bool]) -> Marks:
        """Return the fair ones, or plain ones where the encoding lacks them."""
        if can_show("●✓✗·…"):
            return cls("●", "✓", "✗", "·", "…")
        return cls("*", "+", "x", "-", "...")

    def of(self, stage: Stage) -> str:
        """Return the sign of a stage."""
        if stage is Stage.FAILED:
            return self.bad
        if stage in DONE:
            return self.good
        return self.dot if stage in {Stage.PREPARING, Stage.HELD} else self.active


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one display draws: its colours, its signs, what it may say, the usual time."""

    style: Style
    marks: Marks
    shown: Callable[[str], str]
    usual: float | None

    def lines(
        self, board: Board, *, count: int | None, began: float, now: float, size: tuple[int, int]
    ) -> list[Line]:
        """Return the display at `now`: a row for each picture that fits, and the total."""
        # Some terminals fold a line that fills their last column.
        width, height = max(1, size[0] - 1), size[1]
        several = board.total(count) > 1
        rows = _chosen(list(board.rows.values()), max(0 if several else 1, height - _SPARE_LINES))
        keys = _key_width(rows, width, self.shown) if several else 0
        lines = [self._row(row, keys, now, width) for row in rows]
        if several:
            folded = len(board.rows) - len(rows)
            lines.append(self._total(board, count, folded, now - began, width))
        return lines

    def _row(self, row: Row, keys: int, now: float, width: int) -> Line:
        narrow = width < _NARROW
        stage = _NARROW_WORDS.get(row.stage, str(row.stage)) if narrow else str(row.stage)
        stage = pad(stage, _NARROW_STAGE_WIDTH if narrow else _STAGE_WIDTH)
        key = pad(self._cut(row.key, keys), keys, right=row.key.isdecimal()) + "  " if keys else ""
        # Of several in little room, only the time that has passed is told.
        brief = narrow and keys > 0
        time = _time(row, now, None if brief else self.usual)
        tail = f"{stage}  {pad(time, _BRIEF_TIME_WIDTH if brief else _TIME_WIDTH)}"
        label = self._label(row.label, width - 2 - cells(key) - cells(tail))
        ink = _INKS.get(row.stage, "cyan")
        return self._line(
            [
                (self.marks.of(row.stage) + " ", ink),
                (key, "dim"),
                (label, None),
                (stage + "  ", ink),
                (time, "dim"),
            ],
            width,
        )

    def _label(self, text: str, width: int) -> str:
        """The label and the gap behind it, or nothing where too little of it would be left."""
        room = width - 2
        return pad(self._cut(text, room), width) if room >= _SHORTEST_LABEL else ""

    def _total(
        self, board: Board, count: int | None, folded: int, elapsed: float, width: int
    ) -> Line:
        summary = tally(board, count)
        more = f"{folded} more" if width < _NARROW else f"{self.marks.ellipsis} and {folded} more"
        dot = f" {self.marks.dot} "
        parts: list[tuple[str, Ink | None]] = [(summary, "bold")]
        for extra in (more if folded else "", duration(elapsed)):
            taken = sum(cells(text) for text, _ in parts)
            if extra and taken + len(dot) + cells(extra) <= width:
                parts.append((dot + extra, "dim"))
        return self._line(parts, width)

    def _cut(self, text: str, width: int) -> str:
        return shorten(self.shown(text), width, ellipsis=self.marks.ellipsis)

    def _line(self, parts: Sequence[tuple[str, Ink | None]], width: int) -> Line:
        """Ink the parts, never beyond `width`: the last one that still has room is cut."""
        texts: list[str] = []
        taken = 0
        for text, ink in parts:
            part = shorten(text, width - taken, ellipsis=self.marks.ellipsis)
            taken += cells(part)
            texts.append(self.style(part, ink) if ink else part)
        return Line("".join(texts), taken)


def tally(board: Board, count: int | None) -> str:
    """Return how many are done, of how many, in one phrase: `3 of 20 saved, 1 failed`."""
    stage = next((stage for stage in DONE if board.count(stage)), Stage.SAVED)
    failed = board.count(Stage.FAILED)
    return f"{board.count(*DONE)} of {board.total(count)} {stage}" + (
        f", {failed} failed" if failed else ""
    )


def _chosen(rows: list[Row], room: int) -> list[Row]:
    """The rows that matter most, in their own order, if there is no room for all."""
    if len(rows) <= room:
        return rows
    # The sort is stable, so a row keeps its place until something happens to it.
    ranked = sorted(range(len(rows)), key=lambda i: _RANKS.get(rows[i].stage, 0))
    return [rows[index] for index in sorted(ranked[:room])]


def _key_width(rows: Sequence[Row], width: int, shown: Callable[[str], str]) -> int:
    longest = max((cells(shown(row.key)) for row in rows), default=1)
    return min(longest, max(1, width // 4))


def _time(row: Row, now: float, usual: float | None) -> str:
    """How long the stage lasts; a wait that was announced counts down."""
    if row.is_over:
        return duration(row.since - row.began)
    if now < row.waits_until:
        verb = "in" if row.stage is Stage.HELD else "again in"
        return f"{verb} {duration(row.waits_until - now + 0.999)}"
    elapsed = now - row.since
    if row.stage is not Stage.GENERATING or not usual:
        return duration(elapsed)
    if int(elapsed) <= usual:
        return f"{duration(elapsed)} of about {duration(usual)}"
    return f"{duration(elapsed)}, usually {duration(usual)}"
