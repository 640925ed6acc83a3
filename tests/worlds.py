"""One user's machine for tests: folders, environment, streams and a simulated clock.

`World.run` calls `main()` as the process does, and returns the output. Nothing of the
real machine is reached: no home folder, no terminal, no time.
"""

from __future__ import annotations

import io
import json
import os
import queue
import signal
import threading
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from fluxcli.cli import main
from fluxcli.context import Context
from tests.hints import unusable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

T = TypeVar("T")

KEY = "c0ffee00c0ffee00c0ffee00c0ffee00"
"""The key that every world's user has."""

NOON = 1_795_341_600.0  # 2026-11-22T10:00:00Z
STUCK_SECONDS = 60.0
"""A worker that is busy for so long, in real seconds, never ends."""


class SwiftClock:
    """A simulated clock: time passes at once, and only while no thread works."""

    def __init__(self, wall: float = NOON) -> None:
        self._passed = 0.0
        self._begin = wall
        self._guard = threading.Lock()

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment."""
        return 1000.0 + self._passed

    def wall(self) -> float:
        """Seconds since the epoch."""
        return self._begin + self._passed

    def step(self, seconds: float) -> None:
        """Set the wall clock forward, or back, without time passing."""
        self._begin += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        with self._guard:
            self._passed += max(0.0, seconds)

    def receive(self, box: queue.SimpleQueue[T], seconds: float, *, busy: bool) -> T | None:
        """Wait for busy threads in real time; let time pass when none is busy."""
        if busy:
            try:
                return box.get(timeout=STUCK_SECONDS)
            except queue.Empty:
                raise AssertionError("a worker hangs") from None
        with suppress(queue.Empty):
            return box.get_nowait()
        self.sleep(seconds)
        return None


class InterruptingClock(SwiftClock):
    """A clock that sends SIGINT to this process once its time has come."""

    def __init__(self) -> None:
        super().__init__()
        self.alarm: float | None = None

    def receive(self, box: queue.SimpleQueue[T], seconds: float, *, busy: bool) -> T | None:
        """Wait as usual; interrupt at `alarm`."""
        if not busy and self.alarm is not None and self.monotonic() >= self.alarm:
            self.alarm = None
            os.kill(os.getpid(), signal.SIGINT)
        return super().receive(box, seconds, busy=busy)


class Stream(io.TextIOWrapper):
    """A text stream over memory; `terminal` makes it pass for one."""

    def __init__(
        self, data: bytes = b"", *, terminal: bool = False, memory: io.BytesIO | None = None
    ) -> None:
        self.memory = memory or io.BytesIO(data)
        super().__init__(self.memory, encoding="utf-8", newline="\n", write_through=True)
        self.terminal = terminal

    def isatty(self) -> bool:
        """Return whether this counts as a terminal."""
        return self.terminal


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of one command line."""

    status: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of stdout."""
        return self.out.decode().splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        """The JSON records on stdout, one a line."""
        return [json.loads(line) for line in self.lines]

    @property
    def record(self) -> dict[str, Any]:
        """The only JSON record on stdout."""
        (only,) = self.records
        return only

    @property
    def code(self) -> str | None:
        """The word in `error.code` of the last record; None if that is no failure."""
        error = self.records[-1].get("error")
        return error["code"] if error else None


@dataclass
class World:
    """One user's machine below `root`. `env` and `clock` may be changed between runs."""

    root: Path
    clock: SwiftClock = field(default_factory=SwiftClock)
    env: dict[str, str] = field(default_factory=dict)
    cwd: Path = field(init=False)

    def __post_init__(self) -> None:
        """Set up the machine: a home folder, a working folder, a key."""
        self.cwd = self.root / "work"
        self.cwd.mkdir(parents=True, exist_ok=True)
        usual = {
            "HOME": str(self.root / "home"),
            "PATH": "/usr/bin:/bin",
            "TERM": "dumb",
            "COLUMNS": "100",
            "LANG": "C.UTF-8",
            "FLUXCLI_CONFIG": str(self.root / "config" / "config.toml"),
            "FLUXCLI_STATE_DIR": str(self.state),
            "FLUXCLI_CACHE_DIR": str(self.root / "cache"),
            "FLUXCLI_API_KEY": KEY,
        }
        self.env = usual | self.env

    @property
    def state(self) -> Path:
        """Where the journal lies."""
        return self.root / "state"

    def ask(self, url: str, uploads: str | None = None) -> None:
        """Make `url` the service of this world, and take uploads there too, or at `uploads`."""
        self.env |= {"FLUXCLI_BASE_URL": url, "FLUXCLI_UPLOAD_URL": uploads or url}

    def context(
        self,
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        terminal: bool = False,
    ) -> Context:
        """Return a run's world, its streams in memory."""
        return Context(
            env=self.env | dict(env or {}),
            stdin=Stream(stdin, terminal=terminal),
            stdout=Stream(terminal=terminal),
            stderr=Stream(terminal=terminal),
            cwd=self.cwd,
            clock=self.clock,
        )

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        terminal: bool = False,
    ) -> Ran:
        """Run one command line through `main()`; `env` holds for this run alone."""
        context = self.context(stdin=stdin, env=env, terminal=terminal)
        # Typer and rich, unlike us, print to the process's own streams.
        with redirect_stdout(context.stdout), redirect_stderr(context.stderr):
            status = main(arguments, context)
        ran = Ran(int(status), written(context.stdout), written(context.stderr).decode())
        for line in ran.err.splitlines():
            if line.startswith("hint: "):
                assert unusable(line.removeprefix("hint: ")) is None
        return ran


def written(stream: object) -> bytes:
    """Return what was written to a stream in memory."""
    return stream.memory.getvalue() if isinstance(stream, Stream) else b""
