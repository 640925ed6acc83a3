"""Which terminal this is and whether it draws Sixel, by its own answer, and the size of a cell.

The variables of the environment do not reach through ssh, and many terminals call themselves
xterm. XTVERSION asks for the name; DA1, which every terminal answers, ends the wait. On Windows
nothing is asked.
"""

from __future__ import annotations

import contextlib
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from fluxcli.dataclass import dataclass

if sys.platform != "win32":
    import fcntl
    import os
    import select
    import struct
    import termios

if TYPE_CHECKING:
    from collections.abc import Callable

QUERY: Final = b"\x1b[>q\x1b[c"
"""XTVERSION, then DA1."""

ANSWER_SECONDS: Final = 2.0
"""How long an answer is waited for: ssh from the other side of the earth takes half a second."""

_LONGEST: Final = 4096
_DA1: Final = re.compile(rb"\x1b\[\?([\d;]*)c")
_XTVERSION: Final = re.compile(rb"\x1bP>\|([\x20-\x7e]*)(?:\x1b\\|\x9c)")
_SIXEL: Final = b"4"
_CELL_WIDTHS: Final = range(4, 65)
_CELL_HEIGHTS: Final = range(6, 129)


@dataclass(frozen=True, slots=True)
class Terminal:
    """What a terminal has reported: its `name`, empty if unknown, and whether it draws Sixel."""

    name: str = ""
    sixel: bool = False


def parsed(answer: bytes) -> Terminal | None:
    """Return what an answer reports, or None if it is not complete; anything else is skipped."""
    attributes = _DA1.search(answer)
    if attributes is None:
        return None
    # The first parameter is the level of the terminal; 4 means Sixel only after it.
    sixel = _SIXEL in attributes[1].split(b";")[1:]
    name = _XTVERSION.search(answer)
    return Terminal(name=name[1].decode("ascii") if name else "", sixel=sixel)


class TerminalQuery:
    """One query of the terminal at `handle`, whose modes are changed until it is answered."""

    def __init__(self, handle: int | None, monotonic: Callable[[], float]) -> None:
        self._handle = handle
        self._monotonic = monotonic
        self._changed: tuple[int, list[Any]] | None = None
        self._terminal: Terminal | None = None

    def ask(self) -> Terminal:
        """Return what the terminal reports within `ANSWER_SECONDS`; it is asked once.

        Nothing is sent by a process in the background, or when something was typed already:
        it would be mixed with the answer, and lost. Then nothing is known of the terminal.
        """
        if self._terminal is None:
            self._terminal = Terminal() if self._handle is None else self._asked(self._handle)
        return self._terminal

    def _asked(self, handle: int) -> Terminal:
        if sys.platform != "win32":
            try:
                own = os.open(os.ttyname(handle), os.O_RDWR | os.O_NOCTTY)
            except OSError:
                return Terminal()
            try:
                if os.tcgetpgrp(own) == os.getpgrp():
                    return self._answered(own)
            except (OSError, termios.error):
                pass
            finally:
                self.restore()
                os.close(own)
        return Terminal()

    def restore(self, *, flush: bool = True) -> None:
        """Restore the terminal's modes; a signal's handler may call this, too.

        `flush` discards what has come of an answer, which the shell would take as typed.
        """
        changed, self._changed = self._changed, None
        if sys.platform != "win32" and changed is not None:
            own, modes = changed
            with contextlib.suppress(OSError, termios.error):
                if flush:
                    termios.tcflush(own, termios.TCIFLUSH)
                termios.tcsetattr(own, termios.TCSANOW, modes)

    def _answered(self, own: int) -> Terminal:
        if sys.platform != "win32":
            before = termios.tcgetattr(own)
            raw = [*before[:6], [*before[6]]]
            raw[3] &= ~(termios.ECHO | termios.ICANON)
            raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
            self._changed = own, before
            termios.tcsetattr(own, termios.TCSANOW, raw)
            if select.select([own], [], [], 0)[0]:
                self.restore(flush=False)
                return Terminal()
            os.write(own, QUERY)
            deadline = self._monotonic() + ANSWER_SECONDS
            data = b""
            while len(data) < _LONGEST and (left := deadline - self._monotonic()) > 0:
                if not select.select([own], [], [], left)[0]:
                    break
                data += os.read(own, _LONGEST)
                if (terminal := parsed(data)) is not None:
                    self.restore(flush=False)
                    return terminal
        return Terminal()


def cell_size(handle: int | None) -> tuple[int, int] | None:
    """Return the width and height of a cell in pixels, if the terminal has set them."""
    if sys.platform != "win32" and handle is not None:
        try:
            packed = fcntl.ioctl(handle, termios.TIOCGWINSZ, b"\0" * 8)
        except OSError:
            return None
        lines, columns, width, height = struct.unpack("HHHH", packed)
        if lines and columns:
            cell = width // columns, height // lines
            return cell if cell[0] in _CELL_WIDTHS and cell[1] in _CELL_HEIGHTS else None
    return None
