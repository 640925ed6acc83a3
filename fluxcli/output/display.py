"""The rows at the bottom of a terminal that rich redraws and that leave no trace.

Handles rich and the signals, not the content of the rows. Only code that draws may
import this file: rich is slow to load, and most runs have nothing to draw on.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import threading
from typing import IO, TYPE_CHECKING, Final, cast

from rich.console import Console, Group
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

from fluxcli.output.terminal_status import TerminalStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from types import FrameType

    from fluxcli.output.stream import Stream

_HIDE_CURSOR: Final = str(Control.show_cursor(False))
_SHOW_CURSOR: Final = str(Control.show_cursor(True))
_ERASE: Final = (ControlType.ERASE_IN_LINE, 2)
_UP: Final = (ControlType.CURSOR_UP, 1)


class Display:
    """The rows that stand below everything else that is written to one terminal.

    A terminal that is gone is not a failure. The methods may be called from any thread, but
    `restore` and `suspended` are for signals' handlers: these may interrupt rich while it
    draws, so they write past it, and leave the terminal as rich believes it to be.
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
            file=cast("IO[str]", _StreamFile(channel)),
            # Decided already, by the flags too, which rich's own rules do not know.
            force_terminal=True,
            force_interactive=True,
            color_system="standard" if colored else None,
            no_color=False,
            legacy_windows=False,
            _environ=env,
        )
        self._status = TerminalStatus(env)
        self._reported = ""
        self._live: Live | None = None
        self._rows: Sequence[Text] = ()
        self._skipped = False

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines to draw in: some terminals fold a line that fills their last column."""
        columns, lines = self._terminal()
        return max(1, columns - 1), lines

    def open(self) -> None:
        """Start: hide the cursor, which would only flicker."""
        with self._lock:
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
            self._write_status(self._status.begin)

    def show(self, rows: Sequence[Text]) -> bool:
        """Replace the rows by `rows`, which fit `size`; return whether they were drawn."""
        with self._lock:
            if self._skipped:
                self._skipped = False
                return False
            if self._live is not None:
                self._follow_size()
                self._rows = rows
                self._live.update(Group(*rows), refresh=True)
            return True

    def report(self, done: int, total: int, *, failed: bool) -> None:
        """Show progress outside the text too, where the terminal can."""
        with self._lock:
            text = self._status.at(done, total, failed=failed)
            if self._live is not None and text != self._reported:
                self._reported = text
                self._write_status(text)

    def _write_status(self, text: str) -> None:
        if text:
            with contextlib.suppress(OSError):
                self.channel.write(text)

    def print_above(self, line: str) -> None:
        """Write a permanent line, above the rows if there are any; colours in it are kept."""
        with self._lock:
            self._follow_size()
            self._console.print(Text.from_ansi(line), soft_wrap=True)

    def close(self) -> None:
        """Clear the rows and show the cursor. Does nothing when nothing was opened."""
        with self._lock:
            if self._live is not None:
                self._follow_size()
                # Rich draws once more before it ends, which would only flicker.
                self._live.update("")
                self._live.stop()
                self._write_status(self._status.end)
                self._reported = ""
            self._live, self._rows = None, ()

    @contextlib.contextmanager
    def cleared(self, *, redraw: bool = True) -> Iterator[None]:
        """Clear the rows and show the cursor while something else writes to the terminal.

        Without `redraw` they come back only with the frame after the next one.
        """
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
                if redraw:
                    self.show(rows)
                self._skipped = not redraw

    def restore(self) -> None:
        """Clear the rows for good, from a signal's handler: the process is ending."""
        self._console.quiet = True
        self._take_away()

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Clear the rows, from a signal's handler; they come back with the next frame."""
        self._take_away()
        yield
        if self._live is not None:
            # As many lines as rich left, for it goes back to the first; but nothing is in them.
            self._rows = [Text()] * len(self._rows)
            self.channel.write_at_once(
                self._status.begin + _HIDE_CURSOR + "\n" * (len(self._rows) - 1)
            )

    def _follow_size(self) -> None:
        """Set rich's size to the terminal's; clear what a narrower terminal has folded."""
        self._console.size = self.size
        if folded := self._standing() - len(self._rows):
            self._console.control(Control(*[_ERASE, _UP] * folded))
            for row in self._rows:
                row.truncate(self._console.width, overflow="crop")

    def _take_away(self) -> None:
        if self._live is not None:
            lines_above = [_UP, _ERASE] * (self._standing() - 1)
            erasure = Control(ControlType.CARRIAGE_RETURN, _ERASE, *lines_above)
            self.channel.write_at_once(str(erasure) + _SHOW_CURSOR + self._status.end)

    def _standing(self) -> int:
        """How many lines the drawn rows take: more than one each, if the terminal shrank."""
        columns, _ = self._terminal()
        return sum(max(1, -(-row.cell_len // max(1, columns))) for row in self._rows)


@contextlib.contextmanager
def handling_stop(suspended: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """Stop the process (Ctrl-Z) only within `suspended()`, which the signal's handler enters.

    Does nothing where there is no job control, outside the main thread, or where another
    handler is installed.
    """
    number: int | None = getattr(signal, "SIGTSTP", None)
    in_main = threading.current_thread() is threading.main_thread()
    if number is None or not in_main or signal.getsignal(number) is not signal.SIG_DFL:
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        with suspended():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            # Here the process sleeps, until the shell wakes it.
            signal.signal(number, stop)

    signal.signal(number, stop)
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL)


class _StreamFile(io.TextIOBase):
    """The file that rich writes to; an error of the stream must not end the program."""

    def __init__(self, channel: Stream) -> None:
        self._channel = channel

    def write(self, text: str, /) -> int:
        with contextlib.suppress(OSError):
            self._channel.write(text)
        return len(text)
