"""The rows of a live display in a given number of columns and lines. Pure: writes nothing.

What comes from outside is never read as rich's markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from fluxcli.dataclass import dataclass
from fluxcli.output.progress_state import BAD, DONE, Stage
from fluxcli.output.text import cells, duration, pad, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fluxcli.output.progress_state import ProgressRow, ProgressState
    from fluxcli.output.style import Marks

_SPARE_LINES: Final = 4
"""Lines of the terminal that the rows leave free: the last words before them stay in sight."""

_NARROW: Final = 60
_STAGE_WIDTH: Final = max(map(len, Stage))
_NARROW_STAGE_WIDTH: Final = 11
_TIME_WIDTH: Final = len("59 s of about 59 s")
_BRIEF_TIME_WIDTH: Final = len("59 m 59 s")
_SHORTEST_LABEL: Final = 6
_NARROW_WORDS: Final = {Stage.AWAITING: "waiting", Stage.HELD: "waiting", Stage.RUNNING: "running"}
# The kinds: 0 is working, 1 waits, 2 needs attention, 3 is done.
_KINDS: Final = {
    **dict.fromkeys(
        (Stage.PREPARING, Stage.AWAITING, Stage.HELD, Stage.RETRYING, Stage.RUNNING), 1
    ),
    **dict.fromkeys(BAD, 2),
    **dict.fromkeys(DONE, 3),
}
_STYLES: Final = ("cyan", "dim", "bold red", "green")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLayout:
    """How one display is drawn: its marks, how text is escaped, the usual time."""

    marks: Marks
    shown: Callable[[str], str]
    usual: float | None

    def rows(
        self,
        state: ProgressState,
        *,
        count: int | None,
        elapsed: float,
        now: float,
        size: tuple[int, int],
    ) -> list[Text]:
        """Return the display at `now`: a row for each image that fits, and the total."""
        width, height = size
        several = state.total(count) > 1
        rows = _chosen(list(state.rows.values()), max(0 if several else 1, height - _SPARE_LINES))
        keys = _key_width(rows, width, self.shown) if several else 0
        texts = [self._row(row, keys, now, width) for row in rows]
        if several:
            texts.append(self._total(state, count, len(state.rows) - len(rows), elapsed, width))
        return texts

    def _row(self, row: ProgressRow, keys: int, now: float, width: int) -> Text:
        narrow = width < _NARROW
        stage = _NARROW_WORDS.get(row.stage, str(row.stage)) if narrow else str(row.stage)
        stage = pad(stage, _NARROW_STAGE_WIDTH if narrow else _STAGE_WIDTH)
        key = pad(self._cut(row.key, keys), keys, right=row.key.isdecimal()) + "  " if keys else ""
        # Of several in a narrow terminal, only the time that has passed is shown.
        brief = narrow and keys > 0
        time = _time(row, now, None if brief else self.usual)
        tail = f"{stage}  {pad(time, _BRIEF_TIME_WIDTH if brief else _TIME_WIDTH)}"
        label = self._label(row.label, width - 2 - cells(key) - cells(tail))
        kind = _KINDS.get(row.stage, 0)
        mark, style = self.marks[kind] + " ", _STYLES[kind]
        return _text(
            width, (mark, style), (key, "dim"), label, (stage + "  ", style), (time, "dim")
        )

    def _label(self, text: str, width: int) -> str:
        """The label and the gap behind it, or nothing where too little of it would be left."""
        space = width - 2
        return pad(self._cut(text, space), width) if space >= _SHORTEST_LABEL else ""

    def _total(
        self, state: ProgressState, count: int | None, hidden: int, elapsed: float, width: int
    ) -> Text:
        more = f"{hidden} more" if width < _NARROW else f"{self.marks.ellipsis} {hidden} more"
        total = _text(width, (state.tally(count), "bold"))
        for extra in (more if hidden else "", duration(elapsed)):
            part = f" {self.marks.dot} {extra}"
            if extra and total.cell_len + cells(part) <= width:
                total.append(part, "dim")
        return total

    def _cut(self, text: str, width: int) -> str:
        return shorten(self.shown(text), width, ellipsis=self.marks.ellipsis)


def _text(width: int, *parts: str | tuple[str, str]) -> Text:
    """A line of parts, some with their style, cut to `width`."""
    # Wrapping costs rich more than all else, and there is nothing to wrap.
    text = Text.assemble(*parts, no_wrap=True, overflow="ignore")
    text.truncate(width, overflow="crop")
    return text


def _chosen(rows: list[ProgressRow], space: int) -> list[ProgressRow]:
    """The most important rows, in their own order, if not all fit."""
    if len(rows) <= space:
        return rows
    # What needs attention is never hidden, but leaves at least half of the lines to the rest.
    # The sort is stable, so a row keeps its place until something happens to it.
    bad = [index for index, row in enumerate(rows) if row.stage in BAD]
    kept = bad[: max(1, space // 2)]
    rest = [index for index in range(len(rows)) if index not in set(kept)]
    ranked = kept + sorted(rest, key=lambda i: _KINDS.get(rows[i].stage, 0))
    return [rows[index] for index in sorted(ranked[:space])]


def _key_width(rows: Sequence[ProgressRow], width: int, shown: Callable[[str], str]) -> int:
    longest = max((cells(shown(row.key)) for row in rows), default=1)
    return min(longest, max(1, width // 4))


def _time(row: ProgressRow, now: float, usual: float | None) -> str:
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
