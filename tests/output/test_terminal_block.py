"""Lines that are drawn over and over on a drawn terminal, and leave no trace."""

from __future__ import annotations

import pyte
import pytest

from fluxcli.output.block import Block, Line
from fluxcli.output.channel import Channel
from fluxcli.output.text import cells


class Terminal:
    """A block on a terminal of 20 columns and 8 lines; its width can be changed."""

    def __init__(self) -> None:
        self.columns = 20
        self.screen = pyte.Screen(20, 8)
        self.feed = pyte.Stream(self.screen)
        self.written: list[str] = []
        self.block = Block(Channel(self, str), lambda: (self.columns, 8))  # type: ignore[arg-type] # a stream as far as it is used
        self.encoding = "utf-8"
        self.closed = False

    def write(self, text: str) -> None:
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


def lines(*texts: str) -> list[Line]:
    return [Line(text, cells(text)) for text in texts]


def test_a_block_follows_what_it_is_told(terminal: Terminal) -> None:
    """Growing, shrinking, changing, vanishing; what stands above is never touched."""
    terminal.write("prompt\n")
    for frame in (["a"], ["a", "b"], ["a", "long b", "灯台"], ["z"], [], ["x", "y"]):
        terminal.block.show(lines(*frame))
        assert terminal.shown == ["prompt", *frame]
    terminal.block.close()


def test_only_what_changed_is_written(terminal: Terminal) -> None:
    terminal.block.show(lines("first", "second", "third"))
    terminal.written.clear()
    terminal.block.show(lines("first", "2", "third"))
    assert "first" not in "".join(terminal.written)
    terminal.written.clear()
    terminal.block.show(lines("first", "2", "third"))
    assert terminal.written == []


def test_an_empty_last_line_is_a_line(terminal: Terminal) -> None:
    terminal.block.show(lines("a", "b"))
    terminal.block.show(lines("a", ""))
    terminal.block.show(lines("c", ""))
    assert terminal.shown == ["c"]


def test_permanent_lines_stand_above(terminal: Terminal) -> None:
    terminal.block.show(lines("row 1", "row 2"))
    terminal.block.above("task accepted")
    assert terminal.shown == ["task accepted", "row 1", "row 2"]
    terminal.block.above("a permanent line may be folded")
    assert terminal.shown[1:3] == ["a permanent line may", " be folded"]
    terminal.block.show(lines("row 1"))
    assert terminal.shown[-1] == "row 1"


def test_the_cursor_is_hidden_meanwhile_and_comes_back(terminal: Terminal) -> None:
    terminal.block.open()
    assert terminal.cursor == "hidden"
    terminal.block.show(lines("a", "b"))
    terminal.block.close()
    assert terminal.cursor == "visible"
    assert terminal.shown == []
    assert (terminal.screen.cursor.y, terminal.screen.cursor.x) == (0, 0)


def test_what_was_never_opened_writes_nothing(terminal: Terminal) -> None:
    terminal.block.close()
    with terminal.block.aside():
        pass
    assert terminal.written == []


def test_something_else_may_have_the_terminal(terminal: Terminal) -> None:
    terminal.block.open()
    terminal.block.show(lines("row"))
    with terminal.block.aside():
        assert terminal.cursor == "visible"
        assert terminal.shown == []
        terminal.write("an answer\n")
    assert terminal.shown == ["an answer", "row"]
    assert terminal.cursor == "hidden"


def test_a_terminal_that_became_narrower_is_cleaned(terminal: Terminal) -> None:
    """A folded row takes two lines, and both are taken away."""
    terminal.write("prompt\n")
    terminal.block.show(lines("x" * 15, "y" * 15))
    # The terminal folds what stands to its new width.
    terminal.columns = 10
    terminal.screen.reset()
    terminal.screen.resize(8, 10)
    terminal.write("prompt\n" + "x" * 10 + "\n" + "x" * 5 + "\n" + "y" * 10 + "\n" + "y" * 5)
    terminal.block.show(lines("x" * 9, "y" * 9))
    assert terminal.shown == ["prompt", "x" * 9, "y" * 9]
