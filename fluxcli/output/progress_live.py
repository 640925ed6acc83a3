"""A run on its way, on a terminal: a row for each image, drawn again as it changes.

Decides when to draw; `rows` makes what is drawn, `display` puts it on the terminal. Only
imported when there is a terminal to draw on.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, Self

from fluxcli.output.display import Display, handling_stop
from fluxcli.output.progress_lines import ProgressReporter, ProgressRun
from fluxcli.output.progress_rows import RowLayout
from fluxcli.output.progress_state import BAD, DONE, Stage
from fluxcli.output.style import Marks
from fluxcli.output.text import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fluxcli.events import Event
    from fluxcli.output.stream import Stream

_FRAME: Final = 0.25
"""Seconds between two frames, at least: faster is not seen, and costs."""


def on_terminal(
    run: ProgressRun, channel: Stream, env: Mapping[str, str], release: Callable[[], None]
) -> Live:
    """Return a live display on a terminal; `release` is called when it has ended."""
    display = Display(channel, lambda: channel.size(env), env, colored=run.style.colored)
    return Live(run, display, release)


class Live(ProgressReporter):
    """A live display: redrawn when something changed or a second passed."""

    def __init__(
        self, run: ProgressRun, display: Display, release: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(run)
        self.display = display
        self._release = release
        marks = Marks.choose(display.channel.can_show)
        self._layout = RowLayout(marks=marks, shown=display.channel.shown, usual=run.usual)
        self._next_frame = self._began
        self._second = -1
        self._stale = True
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._open.callback(self._release)
        self.display.open()
        self._open.callback(self.display.close)
        self._open.enter_context(handling_stop(self.display.suspended))
        return self

    def see(self, event: Event) -> None:
        """Change the display, and print what must outlive it."""
        self._fold(event)
        self._stale = True
        self._announce(event)
        self.tick()

    def tick(self) -> None:
        """Redraw the display, if anything changed and the last frame is old enough."""
        self._announce_waiting()
        now = self._run.clock.monotonic()
        second = int(now - self._began)
        if now < self._next_frame or not (self._stale or second != self._second):
            return
        self._next_frame = now + _FRAME
        self._second = second
        self._report()
        self._stale = not self.display.show(
            self._layout.rows(
                self._state,
                count=self._run.count,
                elapsed=now - self._began,
                now=now,
                size=self.display.size,
            )
        )

    def _report(self) -> None:
        state = self._state
        over = sum(row.is_over for row in state.rows.values())
        total = state.total(self._run.count)
        self.display.report(over, total, failed=bool(state.count(*BAD)))

    def close(self) -> None:
        """Clear the display; one line is the summary."""
        self._open.close()
        self._state.end()
        line = self._summary()
        if line:
            self._run.print_line(line)

    def _summary(self) -> str | None:
        if self._run.brief:
            return None
        if self._several:
            return f"{self._outcome()} {self._result()}"
        saved = self._state.count(Stage.SAVED)
        return f"{self._outcome()} saved in {duration(self._elapsed)}" if saved else None

    def _outcome(self) -> str:
        """The mark before the summary: all went well, some need attention, or it was cut short."""
        marks, style = self._layout.marks, self._run.style
        if self._state.count(*BAD):
            return style(marks.bad, "red")
        done = self._state.count(*DONE) == self._state.total(self._run.count)
        return style(marks.good, "green") if done else marks.dot
