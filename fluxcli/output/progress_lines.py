"""A run on its way, shown on stderr: as plain lines, or not at all; `live` shows it best.

Reads events and a clock; never sleeps and starts no thread: the caller calls `tick`.
Results and errors are not printed here but by the caller, through `Output`, at any time:
they are written above the live display.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from fluxcli import events
from fluxcli.dataclass import dataclass
from fluxcli.output.progress_state import BAD, DONE, ProgressState, Stage
from fluxcli.output.text import duration, size, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fluxcli.clock import Clock
    from fluxcli.events import Event
    from fluxcli.output.style import Style

_HEARTBEAT: Final = 30.0
"""Seconds without output, at least, before plain lines report that the run is still working."""

_MANY: Final = 10
"""More images than this get a counter instead of lines of their own."""

_COUNTER_SECONDS: Final = 2.0
"""Seconds between two lines of the counter, at least."""

_QUIET_STAGES: Final = frozenset(
    {Stage.PREPARING, Stage.RETRYING, Stage.GENERATING, Stage.RUNNING, *BAD}
)
"""Stages without a plain line: another line reports it (the task's id, the error)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressRun:
    """What every display needs: the number of images (None: not known), and where to print.

    `usual` is how long the service usually takes for one, in seconds. `brief`: no summary.
    `interrupted` returns whether a signal has arrived, so that the run is ending.
    """

    count: int | None
    usual: float | None
    clock: Clock
    print_line: Callable[[str], None]
    style: Style
    brief: bool = False
    interrupted: Callable[[], bool] = lambda: False


class Progress:
    """Shows nothing. The others show more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def through(self, run: Iterable[Event | None]) -> Iterator[Event]:
        """Show a run as it happens and yield its events; None is the clock's tick."""
        for event in run:
            if event is None:
                self.tick()
            else:
                self.see(event)
                yield event

    def see(self, event: Event) -> None:
        """Show what happened."""

    def tick(self) -> None:
        """Let time show. Cheap: call it a few times a second, whether or not anything happened."""

    def close(self) -> None:
        """End the display."""


class ProgressReporter(Progress):
    """What the live display and the plain lines have in common: the permanent lines."""

    def __init__(self, run: ProgressRun) -> None:
        self._run = run
        self._state = ProgressState()
        self._began = run.clock.monotonic()
        self._printed_at = self._began
        self._troubles: dict[str, float] = {}
        self._waiting_printed = False

    @property
    def _several(self) -> bool:
        return self._state.total(self._run.count) > 1

    @property
    def _elapsed(self) -> float:
        return self._run.clock.monotonic() - self._began

    def _result(self) -> str:
        return f"{self._state.tally(self._run.count)}, in {duration(self._elapsed)}"

    def _fold(self, event: Event) -> bool:
        return self._state.fold(event, now=self._run.clock.monotonic(), wall=self._run.clock.wall())

    def _prefix(self, key: str) -> str:
        return self._run.style(visible(key) + ":", "dim") + " " if self._several else ""

    def _announce(self, event: Event) -> None:
        """Print what must outlive the display: above all the ids, which are paid for."""
        line = self._announcement(event)
        if line and not self._is_repeated(event):
            self._print(self._prefix(event.key) + line)

    def _announce_waiting(self) -> None:
        """After Ctrl-C: print that the answer to a submission is still awaited, once."""
        waiting = self._state.count(Stage.SUBMITTING)
        if self._waiting_printed or not waiting or not self._run.interrupted():
            return
        self._waiting_printed = True
        answers, images = (
            ("the answer", "image") if waiting == 1 else (f"{waiting} answers", "images")
        )
        # 79 columns at most, so that it is one line of a terminal.
        self._print(f"waiting up to 5 s for {answers}; Ctrl-C again quits, {images} may be charged")

    def _print(self, line: str) -> None:
        self._printed_at = self._run.clock.monotonic()
        self._run.print_line(line)

    def _is_repeated(self, event: Event) -> bool:
        """Whether this error was printed just now: an outage meets every image, repeatedly."""
        if not isinstance(event, events.Trouble):
            return False
        now, message = self._run.clock.monotonic(), event.error.message
        printed_at = self._troubles.get(message)
        if printed_at is not None and now - printed_at < _HEARTBEAT:
            return True
        self._troubles[message] = now
        return False

    def _announcement(self, event: Event) -> str | None:
        match event:
            case events.Accepted(task_id=task_id):
                return f"task {visible(task_id)} accepted"
            case events.Resumed(task=task):
                name = task.task_id or task.ref
                # Its name may be the key of its lines already.
                named = "" if self._several and event.key == name else f" task {visible(name)}"
                return f"resuming{named}; no extra charge"
            case events.Warned():
                return _warning(event, self._run.style)
            case events.Trouble(error=error, seconds=seconds):
                again = f"; trying again in {duration(seconds + 0.999)}"
                return self._run.style(visible(error.message) + again, "yellow")
            case _:
                return None


class WarningsOnly(ProgressReporter):
    """What `-q` shows: warnings, which are about money or a wrong format."""

    def see(self, event: Event) -> None:
        """Print a warning."""
        self._fold(event)
        if isinstance(event, events.Warned):
            self._announce(event)

    def tick(self) -> None:
        """Print that an answer is awaited before the run ends."""
        self._announce_waiting()


class Lines(ProgressReporter):
    """Plain lines, for a file, a pipe or a CI's log: each change, and a heartbeat.

    For many images, a counter takes the place of the lines about each.
    """

    _counted = 0
    _held_until = 0.0

    def see(self, event: Event) -> None:
        """Print what changed."""
        changed = self._fold(event)
        if self._state.total(self._run.count) > _MANY:
            if isinstance(event, _PRINTED_FOR_MANY):
                self._announce(event)
            elif isinstance(event, events.Held):
                self._show_held(event)
            self._show_counter()
            return
        self._announce(event)
        row = self._state.rows[event.key]
        if changed and row.stage not in _QUIET_STAGES:
            text = _plain(event, row.stage, row.since - row.began)
            self._print(self._prefix(event.key) + text)

    def tick(self) -> None:
        """Print that the run is still working, if nothing was printed for a while."""
        self._announce_waiting()
        if self._run.clock.monotonic() - self._printed_at >= _HEARTBEAT:
            self._print(f"still working after {duration(self._elapsed)}: {self._standing()}")

    def close(self) -> None:
        """Print the summary of several."""
        self._state.end()
        if self._several and not self._run.brief:
            self._print(self._result())

    def _show_held(self, event: events.Held) -> None:
        """Print that the limit of submissions is reached, once for all that wait for it."""
        now = self._run.clock.monotonic()
        if now >= self._held_until:
            self._held_until = now + max(event.seconds, _HEARTBEAT)
            self._print(_plain(event, Stage.HELD, 0.0))

    def _show_counter(self) -> None:
        """Print how many are done, if there are more of them and the last line is old enough."""
        done = self._state.count(*DONE)
        if done == self._counted:
            return
        if self._run.clock.monotonic() - self._printed_at >= _COUNTER_SECONDS:
            self._counted = done
            self._print(self._state.tally(self._run.count))

    def _standing(self) -> str:
        if not self._several:
            return next((str(row.stage) for row in self._state.rows.values()), "preparing")
        waiting = [
            f"{number} {stage}"
            for stage in (Stage.GENERATING, Stage.HELD)
            if (number := self._state.count(stage))
        ]
        return ", ".join([self._state.tally(self._run.count), *waiting])


_PRINTED_FOR_MANY: Final = (events.Warned, events.Trouble)


def _warning(event: events.Warned, style: Style) -> str:
    return style("warning:", "yellow") + " " + visible(event.message)


def _plain(event: Event, stage: Stage, elapsed: float) -> str:
    """A stage in plain words, with what only its event knows."""
    match event:
        case events.AwaitingInput(task_id=task_id):
            return f"waiting for task {visible(task_id)}, the input"
        case events.Uploading():
            return f"uploading {visible(event.name)} ({size(event.bytes)})"
        case events.Held(seconds=seconds):
            return f"waiting for a slot: the account's limit is reached for {duration(seconds)}"
        case events.Finished() if stage is Stage.SAVED:
            return f"saved after {duration(elapsed)}"
        case _:
            return str(stage)
