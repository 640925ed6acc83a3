"""Rows that are redrawn in place on a simulated terminal, and removed at the end."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

import pyte
import pytest
from rich.text import Text

from fluxcli.output.display import Display
from fluxcli.output.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Clearing = Callable[[Display], AbstractContextManager[None]]


class Terminal:
    """A display on a terminal of 20 columns and 8 lines; its width can be changed."""

    def __init__(self) -> None:
        self.columns = 20
        self.screen = pyte.Screen(20, 8)
        self.feed = pyte.Stream(self.screen)
        self.written: list[str] = []
        self.gone = False
        self.display = Display(Stream(self, str), lambda: (self.columns, 8), {}, colored=True)  # type: ignore[arg-type] # a stream as far as it is used
        self.encoding = "utf-8"
        self.closed = False

    def write(self, text: str) -> None:
        if self.gone:
            raise OSError(errno.EPIPE, os.strerror(errno.EPIPE))
        self.written.append(text)
        self.feed.feed(text.replace("\n", "\r\n"))

    def flush(self) -> None:
        """Nothing is held back."""

    @property
    def cursor(self) -> str:
        return "hidden" if self.screen.cursor.hidden else "visible"

    @property
    def shown(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display if line.strip()]


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def opened(terminal: Terminal) -> Terminal:
    terminal.display.open()
    return terminal


def rows(*texts: str) -> list[Text]:
    return [Text(text) for text in texts]


def test_shown_rows_replace_the_earlier_ones(terminal: Terminal) -> None:
    """More rows, fewer, others, none; the lines above stay unchanged."""
    terminal.write("prompt\n")
    terminal.display.open()
    for frame in (["a"], ["a", "b"], ["a", "long b", "灯台"], ["z"], [], ["x", "y"]):
        terminal.display.show(rows(*frame))
        assert terminal.shown == ["prompt", *frame]
    terminal.display.close()
    assert terminal.shown == ["prompt"]


def test_an_empty_last_row_is_cleared_too(opened: Terminal) -> None:
    opened.display.show(rows("a", "b"))
    opened.display.show(rows("a", ""))
    opened.display.show(rows("c", ""))
    assert opened.shown == ["c"]


def test_permanent_lines_are_printed_above_the_rows(opened: Terminal) -> None:
    opened.display.show(rows("row 1", "row 2"))
    opened.display.print_above("task accepted")
    assert opened.shown == ["task accepted", "row 1", "row 2"]
    opened.display.print_above("a permanent line may be folded")
    assert opened.shown[1:3] == ["a permanent line may", " be folded"]
    opened.display.show(rows("row 1"))
    assert opened.shown[-1] == "row 1"


def test_a_permanent_line_is_not_read_as_markup(terminal: Terminal) -> None:
    """Its colours are kept, with and without rows below it."""
    line = "\x1b[1;31m[bold]\x1b[0m [/] :tada: 'x' 12"
    terminal.display.print_above(line)
    terminal.display.open()
    terminal.display.print_above(line)
    assert "".join(terminal.written).count(line + "\n") == 2


def test_the_cursor_is_hidden_until_the_display_is_closed(opened: Terminal) -> None:
    assert opened.cursor == "hidden"
    opened.display.show(rows("a", "b"))
    opened.written.clear()
    opened.display.close()
    assert not {"a", "b"} & set("".join(opened.written))
    assert opened.cursor == "visible"
    assert opened.shown == []
    assert (opened.screen.cursor.y, opened.screen.cursor.x) == (0, 0)


def test_the_display_does_not_replace_the_process_s_streams(terminal: Terminal) -> None:
    """Secrets are redacted in what is written to them."""
    before = sys.stdout, sys.stderr
    terminal.display.open()
    assert (sys.stdout, sys.stderr) == before
    terminal.display.close()


def test_a_display_that_was_not_opened_writes_nothing(terminal: Terminal) -> None:
    terminal.display.show(rows("a"))
    terminal.display.close()
    with terminal.display.cleared(), terminal.display.suspended():
        pass
    terminal.display.restore()
    assert terminal.written == []


@pytest.mark.parametrize("way", [Display.cleared, Display.suspended])
def test_the_rows_are_cleared_while_something_else_writes(opened: Terminal, way: Clearing) -> None:
    """An answer, a question, a shell; afterwards the rows are drawn below what it has written."""
    opened.display.show(rows("row", "total"))
    with way(opened.display):
        assert opened.cursor == "visible"
        assert opened.shown == []
        opened.write("an answer\n")
    assert opened.cursor == "hidden"
    opened.display.show(rows("row", "total"))
    assert opened.shown == ["an answer", "row", "total"]


def test_a_cleared_display_may_be_cleared_again(opened: Terminal) -> None:
    opened.display.show(rows("row"))
    with opened.display.cleared():
        opened.display.print_above("a note")
        with opened.display.cleared():
            opened.write("an answer\n")
        assert opened.cursor == "visible"
    assert opened.shown == ["a note", "an answer", "row"]


def test_clear_at_once_removes_the_rows_for_good(opened: Terminal) -> None:
    """Rows that the interrupted code shows afterwards are not drawn."""
    opened.write("prompt\n")
    opened.display.show(rows("row", "total"))
    opened.display.restore()
    assert opened.cursor == "visible"
    assert opened.shown == ["prompt"]
    opened.display.show(rows("row", "total"))
    opened.display.close()
    assert opened.shown == ["prompt"]


@pytest.mark.parametrize("woken", [False, True])
def test_rows_folded_by_a_narrower_terminal_are_cleared(
    terminal: Terminal,
    woken: bool,  # noqa: FBT001 - both ways
) -> None:
    """A folded row takes two lines, and both are cleared."""
    terminal.write("prompt\n")
    terminal.display.open()
    terminal.display.show(rows("x" * 15, "y" * 15))
    if woken:
        with terminal.display.suspended():
            pass
    # The terminal folds what stands to its new width.
    terminal.columns = 10
    terminal.screen.reset()
    terminal.screen.resize(8, 10)
    folded = "" if woken else "x" * 10 + "\n" + "x" * 5 + "\n" + "y" * 10
    terminal.write("prompt\n" + folded + "\n" + ("" if woken else "y" * 5))
    terminal.display.print_above("a note")
    terminal.display.show(rows("x" * 9, "y" * 9))
    assert terminal.shown == ["prompt", "a note", "x" * 9, "y" * 9]


def test_a_closed_terminal_is_not_an_error(opened: Terminal) -> None:
    """The run is paid for, and goes on without a display."""
    opened.gone = True
    opened.display.show(rows("row"))
    opened.display.print_above("a note")
    with opened.display.cleared(), opened.display.suspended():
        pass
    opened.display.restore()
    opened.display.close()
    assert opened.written == ["\x1b[?25l"]
