"""The lower end of a terminal, where rich draws lines over and over that leave no trace.

Knows rich and what signals need, and nothing of what the lines say. Only what draws may
import this file: rich is slow to load, and most runs have nothing to draw on.
"""

from __future__ import annotations

import contextlib
import io
import threading
from typing import IO, TYPE_CHECKING, Final, cast

from rich.console import Console, Group
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fluxcli.output.stream import Stream

_HIDE_CURSOR: Final = str(Control.show_cursor(False))
_SHOW_CURSOR: Final = str(Control.show_cursor(True))
_ERASE: Final = (ControlType.ERASE_IN_LINE, 2)
_UP: Final = (ControlType.CURSOR_UP, 1)


class Display:
    """The rows that stand below everything else that is written to one terminal.

    A terminal that is gone is no failure. The methods may be called from any thread, but
    `vanish` and `given_away` are for signals' handlers: these may interrupt rich amid a frame,
    so they write past it, and leave the terminal as rich believes it to be.
    """

    def __init__(
        self,
        channel: Stream,
        size: Callable[[], tuple[int, int]],
        env: Mapping[str, str],
        *,
        colored: bool,
    ) -> None:
        self.channel = channel
        self._terminal = size
        self._lock = threading.RLock()
        self._console = Console(
            file=cast("IO[str]", _Paper(channel)),
            # Decided already, by the flags too, which rich's own rules do not know.
            force_terminal=True,
            force_interactive=True,
            color_system="standard" if colored else None,
            no_color=False,
            _environ=env,
        )
        self._live: Live | None = None
        self._rows: Sequence[Text] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines to draw in: some terminals fold a line that fills their last column."""
        columns, lines = self._terminal()
        return max(1, columns - 1), lines

    def open(self) -> None:
        """Begin: hide the cursor, which would only flicker."""
        with self._lock:
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def show(self, rows: Sequence[Text]) -> None:
        """Let `rows` stand in place of the last ones; they fit `size`."""
        with self._lock:
            if self._live is not None:
                self._follow_size()
                self._rows = rows
                self._live.update(Group(*rows), refresh=True)

    def above(self, line: str) -> None:
        """Write a permanent line, above the rows if there are any; colours in it are kept."""
        with self._lock:
            self._follow_size()
            self._console.print(Text.from_ansi(line), soft_wrap=True)

    def close(self) -> None:
        """End: the rows vanish, the cursor comes back. Harmless when nothing was begun."""
        with self._lock:
            if self._live is not None:
                self._follow_size()
                # Rich draws once more before it ends, which would only flicker.
                self._live.update("")
                self._live.stop()
            self._live, self._rows = None, ()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Take the rows away, and give the cursor back, while something else has the terminal."""
        with self._lock:
            if self._live is None:
                yield
                return
            rows = self._rows
            self.close()
            try:
                yield
            finally:
                self.open()
                self.show(rows)

    def vanish(self) -> None:
        """Take the rows away for good, from a signal's handler: the process is ending."""
        self._console.quiet = True
        self._take_away()

    @contextlib.contextmanager
    def given_away(self) -> Iterator[None]:
        """Take the rows away, from a signal's handler; they come back with the next frame."""
        self._take_away()
        yield
        if self._live is not None:
            # As many lines as rich left, for it goes back to the first; but nothing is in them.
            self._rows = [Text()] * len(self._rows)
            self.channel.write_at_once(_HIDE_CURSOR + "\n" * (len(self._rows) - 1))

    def _follow_size(self) -> None:
        """Tell rich the size as it is now; take away what a narrower terminal has folded."""
        self._console.size = self.size
        if folded := self._standing() - len(self._rows):
            self._console.control(Control(*[_ERASE, _UP] * folded))
            for row in self._rows:
                row.truncate(self._console.width, overflow="crop")

    def _take_away(self) -> None:
        if self._live is not None:
            above = [_UP, _ERASE] * (self._standing() - 1)
            erasure = Control(ControlType.CARRIAGE_RETURN, _ERASE, *above)
            self.channel.write_at_once(str(erasure) + _SHOW_CURSOR)

    def _standing(self) -> int:
        """How many lines the drawn rows take: more than one each, if the terminal shrank."""
        columns, _ = self._terminal()
        return sum(max(1, -(-row.cell_len // max(1, columns))) for row in self._rows)


class _Paper(io.TextIOBase):
    """What rich writes on: the channel; where that fails, rich would end the program."""

    def __init__(self, channel: Stream) -> None:
        self._channel = channel

    def write(self, text: str, /) -> int:
        with contextlib.suppress(OSError):
            self._channel.write(text)
        return len(text)
