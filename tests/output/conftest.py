"""An output for tests: a clock that the test sets, streams in memory, a simulated terminal."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyte
import pytest

from fluxcli.output.output import Output
from fluxcli.prices_and_limits import PRO
from fluxcli.task_types import Picture, Request, State, Task

if TYPE_CHECKING:
    import queue
    from collections.abc import Callable, Mapping

T = TypeVar("T")
WALL = 1_795_341_600.0  # 2026-11-22T10:00:00Z


class ManualClock:
    """A clock set by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return WALL + self.now - 1000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def receive(self, box: queue.SimpleQueue[T], seconds: float, *, busy: bool) -> T | None:  # noqa: ARG002 - the shape of a clock
        self.now += seconds
        return None


class Stream(io.TextIOWrapper):
    """A text stream in memory; `terminal`: it reports to be one."""

    def __init__(self, *, terminal: bool, encoding: str = "utf-8", data: bytes = b"") -> None:
        self.memory = io.BytesIO(data)
        super().__init__(self.memory, encoding=encoding, newline="\n")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    @property
    def text(self) -> str:
        return self.memory.getvalue().decode()


class OutputHarness:
    """An output on streams in memory, and what was written to them."""

    def __init__(
        self,
        *,
        terminal: bool = False,
        stdout_terminal: bool | None = None,
        encoding: str = "utf-8",
        env: Mapping[str, str] | None = None,
        typed: bytes = b"",
        columns: int = 80,
        lines: int = 24,
        **flags: Any,
    ) -> None:
        self.clock = ManualClock()
        self.env: dict[str, str] = {
            "TERM": "xterm-256color",
            "COLUMNS": str(columns),
            "LINES": str(lines),
            **(env or {}),
        }
        to_terminal = terminal if stdout_terminal is None else stdout_terminal
        self.stdin = Stream(terminal=terminal, data=typed)
        self.stdout = Stream(terminal=to_terminal, encoding=encoding)
        self.stderr = Stream(terminal=terminal, encoding=encoding)
        self.size = (columns, lines)
        streams: dict[str, Any] = {
            "stdin": self.stdin,
            "stdout": self.stdout,
            "stderr": self.stderr,
            "env": self.env,
            "clock": self.clock,
        }
        self.output = Output(**(streams | flags))

    @property
    def out(self) -> str:
        return self.stdout.text

    @property
    def err(self) -> str:
        return self.stderr.text

    def frame(self) -> list[str]:
        """Return the lines that were drawn last, with their escape sequences."""
        return self.err.rpartition("\x1b[2K")[2].split("\n")

    def screen(self) -> pyte.Screen:
        """Return the screen of a terminal of this size after stderr was written to it."""
        columns, lines = self.size
        screen = pyte.HistoryScreen(columns, lines, history=1000)
        # The terminal's driver turns a line feed into a new line.
        pyte.ByteStream(screen).feed(self.stderr.memory.getvalue().replace(b"\n", b"\r\n"))
        return screen

    def shown(self) -> list[str]:
        """Return the lines of that screen, without the blank ones at its end."""
        lines = [line.rstrip() for line in self.screen().display]
        while lines and not lines[-1]:
            lines.pop()
        return lines


@pytest.fixture
def new_output() -> Callable[..., OutputHarness]:
    """A function that makes an output and its streams."""
    return OutputHarness


@pytest.fixture
def request_for() -> Callable[..., Request]:
    """A function that makes a request."""

    def make(prompt: str = "a lighthouse at dawn", **fields: Any) -> Request:
        given: dict[str, Any] = {
            "mode": "generate",
            "prompt": prompt,
            "model": PRO,
            "aspect_ratio": "16:9",
            "output_format": "png",
            "safety_tolerance": 2,
        }
        return Request(**(given | fields))

    return make


@pytest.fixture
def task_for(request_for: Callable[..., Request]) -> Callable[..., Task]:
    """A function that makes a task: a saved one, if no state is given."""

    def make(state: State = State.SAVED, **fields: Any) -> Task:
        picture = Picture(
            path=Path("out/dawn.png"), bytes=70, width=1392, height=752, sha256="ab", format="png"
        )
        given: dict[str, Any] = {
            "ref": "k7",
            "state": state,
            "request": request_for(),
            "sandbox": False,
            "output": "out/dawn.png",
            "created_at": WALL,
            "task_id": "e730dcfe4e5d59332daf52c08a960085",
            "picture": picture if state is State.SAVED else None,
        }
        return Task(**(given | fields))

    return make
