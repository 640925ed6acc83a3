"""A run on its way, shown on stderr: as plain lines, or not at all; `live` shows it best.

Reads events and a clock; never sleeps, and starts no thread: somebody calls `tick`.
Answers and the reasons of failures are not told here, but by whoever runs the command,
who may do so at any time through `Output`: it is written above the live display.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from fluxcli import events
from fluxcli.output.progress_state import Board, Stage
from fluxcli.output.text import duration, size, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from fluxcli.clock import Clock
    from fluxcli.events import Event
    from fluxcli.output.style import Style

_HEARTBEAT: Final = 30.0
"""Seconds of silence, at least, before plain lines say that the run is still alive."""

_QUIET_STAGES: Final = frozenset({Stage.PREPARING, Stage.GENERATING, Stage.FAILED})
"""Stages without a plain line: said by another (the task's id, the error), or not worth one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressRun:
    """What every display is made for: so many pictures (None: not known), and how to speak.

    `usual` is how long the service usually takes for one, in seconds.
    """

    count: int | None
    usual: float | None
    clock: Clock
    say: Callable[[str], None]
    style: Style


class Progress:
    """Shows nothing: what `-q` asks for. The others say more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def through(self, run: Iterable[Event | None]) -> Iterator[Event]:
        """Show a run as it happens, and yield what happened; None is the clock's tick."""
        for event in run:
            if event is None:
                self.tick()
            else:
                self.see(event)
                yield event

    def see(self, event: Event) -> None:
        """Take note of what happened."""

    def tick(self) -> None:
        """Let time show. Cheap: call it a few times a second, whether or not anything happened."""

    def close(self) -> None:
        """End the display."""


class ProgressReporter(Progress):
    """What the live display and the plain lines have in common: the permanent lines."""

    def __init__(self, run: ProgressRun) -> None:
        self._run = run
        self._board = Board()
        self._began = run.clock.monotonic()
        self._said = self._began
        self._troubles: dict[str, float] = {}

    @property
    def _several(self) -> bool:
        return self._board.total(self._run.count) > 1

    @property
    def _elapsed(self) -> float:
        return self._run.clock.monotonic() - self._began

    def _result(self) -> str:
        return f"{self._board.tally(self._run.count)}, in {duration(self._elapsed)}"

    def _fold(self, event: Event) -> bool:
        return self._board.fold(event, now=self._run.clock.monotonic(), wall=self._run.clock.wall())

    def _prefix(self, key: str) -> str:
        return self._run.style(visible(key) + ":", "dim") + " " if self._several else ""

    def _announce(self, event: Event) -> None:
        """Say for good what must outlive the display: above all the ids, which are money."""
        line = self._announcement(event)
        if line and not self._is_repeated(event):
            self._tell(self._prefix(event.key) + line)

    def _tell(self, line: str) -> None:
        self._said = self._run.clock.monotonic()
        self._run.say(line)

    def _is_repeated(self, event: Event) -> bool:
        """Whether this trouble was told of late: an outage meets every picture, over and over."""
        if not isinstance(event, events.Trouble):
            return False
        now, message = self._run.clock.monotonic(), event.error.message
        told = self._troubles.get(message)
        if told is not None and now - told < _HEARTBEAT:
            return True
        self._troubles[message] = now
        return False

    def _announcement(self, event: Event) -> str | None:
        match event:
            case events.Accepted(task_id=task_id):
                return f"task {visible(task_id)} accepted"
            case events.Resumed(task=task):
                return f"task {visible(task.task_id or task.ref)} taken up again, at no cost"
            case events.Warned(message=message):
                return self._run.style("warning:", "yellow") + " " + visible(message)
            case events.Trouble(error=error, seconds=seconds):
                again = f"; trying again in {duration(seconds + 0.999)}"
                return self._run.style(visible(error.message) + again, "yellow")
            case _:
                return None


class Lines(ProgressReporter):
    """Plain lines, for a file, a pipe or a CI's log: each change, and a sign of life."""

    def see(self, event: Event) -> None:
        """Say what changed."""
        changed = self._fold(event)
        self._announce(event)
        row = self._board.rows[event.key]
        if changed and row.stage not in _QUIET_STAGES:
            text = _plain(event, row.stage, row.since - row.began)
            self._tell(self._prefix(event.key) + text)

    def tick(self) -> None:
        """Say that the run is alive, if nothing has been said for a while."""
        if self._run.clock.monotonic() - self._said >= _HEARTBEAT:
            self._tell(f"still at work after {duration(self._elapsed)}: {self._standing()}")

    def close(self) -> None:
        """Say how several came out."""
        if self._several:
            self._tell(self._result())

    def _standing(self) -> str:
        if not self._several:
            return next((str(row.stage) for row in self._board.rows.values()), "preparing")
        waiting = [
            f"{number} {stage}"
            for stage in (Stage.GENERATING, Stage.HELD)
            if (number := self._board.count(stage))
        ]
        return ", ".join([self._board.tally(self._run.count), *waiting])


def _plain(event: Event, stage: Stage, elapsed: float) -> str:
    """A stage in plain words, with what only its event knows."""
    match event:
        case events.Uploading():
            return f"uploading {visible(event.name)} ({size(event.bytes)})"
        case events.Held(seconds=seconds):
            return f"waiting for a slot: the account's limit is reached for {duration(seconds)}"
        case events.Finished() if stage is Stage.SAVED:
            return f"saved after {duration(elapsed)}"
        case _:
            return str(stage)
