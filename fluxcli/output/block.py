"""A few lines at the bottom of a terminal that are drawn over and over, and leave no trace.

Knows escape codes and nothing of what the lines say. Written by hand because a frame of 20
rows through a general library costs a hundred times as much, and a run may wait for an hour.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fluxcli.output.channel import Channel

_HIDE_CURSOR: Final = "\x1b[?25l"
_SHOW_CURSOR: Final = "\x1b[?25h"
_CLEAR_LINE: Final = "\x1b[K"
_CLEAR_BELOW: Final = "\x1b[J"


class Line(NamedTuple):
    """A line as it is written, colours included, and how many columns it takes."""

    text: str
    width: int


class Block:
    """The lines that stand below everything else that is written to one terminal.

    Between frames the cursor rests at the end of the last line. Every method may be called
    from any thread. A terminal that is gone is no failure: nothing is shown, nothing raised.
    """

    def __init__(self, channel: Channel, size: Callable[[], tuple[int, int]]) -> None:
        self._channel = channel
        self.size = size
        """Columns and lines of the terminal, as they are now."""
        self._lock = threading.RLock()
        self._open = False
        self._wanted: Sequence[Line] = ()
        self._drawn: Sequence[Line] = ()

    def shown(self, text: str) -> str:
        """Return `text` as this terminal can show it, harmless and without secrets."""
        return self._channel.shown(text)

    def can_show(self, text: str) -> bool:
        """Whether this terminal's encoding has these characters."""
        return self._channel.can_show(text)

    def open(self) -> None:
        """Begin: hide the cursor, which would only flicker."""
        with self._lock:
            self._open = True
            self._write(_HIDE_CURSOR)

    def show(self, lines: Sequence[Line]) -> None:
        """Let `lines` stand in place of the last ones; only what changed is written.

        No line may be wider than the terminal, nor may there be more of them than fit.
        """
        with self._lock:
            frame = self._changes(lines)
            self._wanted = lines
            self._write(frame)
            self._drawn = lines

    def above(self, line: str) -> None:
        """Write a permanent line, above the block if there is one."""
        with self._lock:
            standing = self._drawn
            self._write(self._erasure() + line + "\n" + _joined(standing))

    def close(self, *, at_once: bool = False) -> None:
        """End: the lines vanish, the cursor comes back. Harmless when nothing was begun.

        `at_once` is for a signal's handler.
        """
        with self._lock, contextlib.suppress(OSError):
            if self._open:
                write = self._channel.write_at_once if at_once else self._channel.write
                write(self._erasure() + _SHOW_CURSOR)
            self._open, self._wanted, self._drawn = False, (), ()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Take the lines away, and give the cursor back, while something else has the terminal."""
        with self._lock:
            if not self._open:
                yield
                return
            self._write(self._erasure() + _SHOW_CURSOR)
            self._drawn = ()
            try:
                yield
            finally:
                self._write(_HIDE_CURSOR + _joined(self._wanted))
                self._drawn = self._wanted

    def _changes(self, lines: Sequence[Line]) -> str:
        """What turns the lines that stand into `lines`."""
        width, _ = self.size()
        if any(line.width > width for line in self._drawn):
            # The terminal became narrower and has folded them: line numbers mean nothing now.
            return self._erasure() + _joined(lines)
        if not self._drawn:
            return _joined(lines)
        if lines == self._drawn:
            return ""
        parts = [_to_first(len(self._drawn))]
        for index, line in enumerate(lines):
            parts.append("\n" if index else "")
            if index >= len(self._drawn) or line != self._drawn[index]:
                parts.append(line.text + _CLEAR_LINE)
        return "".join(parts) + self._ending(lines)

    def _ending(self, lines: Sequence[Line]) -> str:
        """Go to the end of the last line, and clear what an earlier, longer block left."""
        if not lines:
            return _CLEAR_BELOW
        column = f"\r\x1b[{lines[-1].width}C" if lines[-1].width else "\r"
        return column + (_CLEAR_BELOW if len(lines) < len(self._drawn) else "")

    def _erasure(self) -> str:
        """What takes the drawn lines away, leaving the cursor where they began."""
        if not self._drawn:
            return ""
        width = max(1, self.size()[0])
        folded = sum(max(1, -(-line.width // width)) for line in self._drawn)
        return _to_first(folded) + _CLEAR_BELOW

    def _write(self, text: str) -> None:
        # RuntimeError: a signal's handler writes amid a write; that frame is not missed.
        with contextlib.suppress(OSError, RuntimeError):
            if text:
                self._channel.write(text)


def _to_first(rows: int) -> str:
    """From the last of `rows` rows to the beginning of the first."""
    return f"\r\x1b[{rows - 1}A" if rows > 1 else "\r"


def _joined(lines: Sequence[Line]) -> str:
    return "\n".join(line.text for line in lines)
