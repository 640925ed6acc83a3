"""The state of every image of a run, computed from its events. Pure; draws nothing."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fluxcli import events
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code
from fluxcli.task_types import State

if TYPE_CHECKING:
    from fluxcli.events import Event
    from fluxcli.task_types import Task


class Stage(StrEnum):
    """The stage of an image, in the words that people read."""

    PREPARING = "preparing"
    AWAITING = "waiting for input"
    UPLOADING = "uploading"
    HELD = "waiting for a slot"
    SUBMITTING = "submitting"
    RETRYING = "retrying"
    GENERATING = "generating"
    DOWNLOADING = "downloading"
    SUBMITTED = "submitted"
    READY = "ready"
    SAVED = "saved"
    RUNNING = "still running"
    UNSAVED = "not saved"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    NOT_SENT = "not sent"
    FAILED = "failed"


DONE: Final = (Stage.SAVED, Stage.READY, Stage.SUBMITTED)
"""The successful stages, by how far the command goes. The first that occurs is counted first."""

BAD: Final = frozenset({Stage.UNSAVED, Stage.UNKNOWN, Stage.REFUSED, Stage.NOT_SENT, Stage.FAILED})
"""The ends that need attention."""

OVER: Final = frozenset({*DONE, *BAD, Stage.RUNNING})
"""The stages in which nothing more will happen in this run."""

_SUMMARY: Final = {
    Stage.READY: "ready",
    Stage.SUBMITTED: "submitted",
    Stage.RUNNING: "still running (already paid)",
    Stage.UNSAVED: "not saved (already paid)",
    Stage.UNKNOWN: "unknown (may be paid)",
    Stage.REFUSED: "refused",
    Stage.NOT_SENT: "not sent",
    Stage.FAILED: "failed",
}
"""How the ends are counted beside the first one, in this order."""

_STAGES: Final[dict[type[Event], Stage]] = {
    events.Started: Stage.PREPARING,
    events.AwaitingInput: Stage.AWAITING,
    events.Uploading: Stage.UPLOADING,
    events.Uploaded: Stage.PREPARING,
    events.Held: Stage.HELD,
    events.Submitting: Stage.SUBMITTING,
    events.Accepted: Stage.GENERATING,
    events.Succeeded: Stage.DOWNLOADING,
    events.Downloading: Stage.DOWNLOADING,
}
_TRIED: Final = frozenset({Stage.UPLOADING, Stage.SUBMITTING})
"""The stages that begin again after a passing failure, with the event that began them."""

_ENDS: Final = {
    State.SUCCEEDED: Stage.READY,
    State.SAVED: Stage.SAVED,
    State.UNKNOWN: Stage.UNKNOWN,
    State.REFUSED: Stage.REFUSED,
    State.FAILED: Stage.FAILED,
}
_FAILED_ENDS: Final = {
    State.SENDING: Stage.NOT_SENT,
    State.RUNNING: Stage.RUNNING,
    State.SUCCEEDED: Stage.UNSAVED,
    State.SAVED: Stage.UNSAVED,
    State.UNKNOWN: Stage.UNKNOWN,
    State.REFUSED: Stage.REFUSED,
    State.FAILED: Stage.FAILED,
}


@dataclass(slots=True)
class ProgressRow:
    """One image. Times are readings of the monotonic clock, in seconds."""

    key: str
    label: str
    """What it is called beside its key: its prompt, or a task's name."""
    stage: Stage
    began: float
    """When work on it began; for an earlier run's task, when that was accepted."""
    since: float
    """When its stage began."""
    waits_until: float = 0.0
    """When a step that is held back, or failed in passing, is tried (again)."""
    accepted: bool = False
    """Whether its task exists, and so is paid for."""
    submitted: bool = False
    """Whether it was this run that submitted it."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.stage in OVER


class ProgressState:
    """The rows of a run: numbered ones by their number, others in the order of appearance."""

    def __init__(self) -> None:
        self.rows: dict[str, ProgressRow] = {}
        self._counts: Counter[Stage] = Counter()
        """How many rows stand in each stage: counting them at each event takes quadratic time."""

    def fold(self, event: Event, *, now: float, wall: float) -> bool:
        """Apply `event` at `now` (monotonic) and `wall` (epoch); True for a new stage."""
        row = self.rows.get(event.key)
        before = row.stage if row else None
        if row is None:
            row = self._add(event.key, now)
        self._update(row, event, now, wall)
        stage = _stage(event, row) or row.stage
        if stage is not row.stage:
            self._enter(row, stage)
            if not isinstance(event, events.Resumed):
                row.since = now
        return stage is not before

    def end(self) -> None:
        """Give every interrupted image the stage that shows whether it is paid for."""
        for row in self.rows.values():
            if row.is_over:
                continue
            if row.accepted:
                downloading = row.stage is Stage.DOWNLOADING
                self._enter(row, Stage.UNSAVED if downloading else Stage.RUNNING)
            elif row.stage is Stage.SUBMITTING:
                self._enter(row, Stage.UNKNOWN)

    def _add(self, key: str, now: float) -> ProgressRow:
        row = ProgressRow(key, "", Stage.PREPARING, now, now)
        last = next(reversed(self.rows), "")
        self.rows[key] = row
        self._counts[row.stage] += 1
        # The workers begin the images in any order.
        if key.isdecimal() and _position(key) < _position(last):
            self.rows = dict(sorted(self.rows.items(), key=lambda item: _position(item[0])))
        return row

    def _enter(self, row: ProgressRow, stage: Stage) -> None:
        self._counts[row.stage] -= 1
        self._counts[stage] += 1
        row.stage = stage

    def count(self, *stages: Stage) -> int:
        """Return how many images stand in one of `stages`."""
        return sum(self._counts[stage] for stage in stages)

    def total(self, count: int | None) -> int:
        """Return how many images there are in all, if `count` were asked for."""
        return max(count or 0, len(self.rows))

    def tally(self, count: int | None) -> str:
        """Return how many are done, of how many, and what became of the others.

        `1 of 3 saved, 1 still running (already paid), 1 failed`. A task that is alive is never
        counted as failed.
        """
        first = next((stage for stage in DONE if self.count(stage)), Stage.SAVED)
        counted = [f"{self.count(first)} of {self.total(count)} {first}"]
        for stage, text in _SUMMARY.items():
            number = self.count(stage)
            if number and stage is not first:
                counted.append(f"{number} {text}")
        return ", ".join(counted)

    @staticmethod
    def _update(row: ProgressRow, event: Event, now: float, wall: float) -> None:
        match event:
            case events.Started():
                row.label = event.request.prompt if event.request else event.ref
            case events.Resumed(task=task):
                row.label = task.request.prompt
                row.accepted = task.task_id is not None
                passed = max(0.0, wall - (task.accepted_at or task.created_at))
                row.began = row.since = now - passed
            case events.Accepted():
                row.accepted = row.submitted = True
            case events.Held(seconds=seconds) | events.Trouble(seconds=seconds):
                row.waits_until = now + seconds
            case _:
                pass


def _position(key: str) -> str:
    """Return what orders keys: numbers by their value."""
    return key.zfill(9)


def _stage(event: Event, row: ProgressRow) -> Stage | None:
    """The stage that `event` leads to; None if it changes nothing."""
    match event:
        case events.Resumed(task=task):
            return _resumed(task)
        case events.Finished(task=task):
            running = Stage.SUBMITTED if row.submitted else Stage.RUNNING
            return _ENDS.get(task.state, running)
        case events.Failed(error=error, task=task):
            if error.code is Code.OUTCOME_UNKNOWN:
                return Stage.UNKNOWN
            return Stage.FAILED if task is None else _FAILED_ENDS[task.state]
        case events.Trouble():
            # The answer has come: nothing is awaited until the next try.
            return Stage.RETRYING if row.stage in _TRIED else None
        case _:
            return _STAGES.get(type(event))


def _resumed(task: Task) -> Stage:
    if task.state is State.SUCCEEDED:
        return Stage.DOWNLOADING
    return Stage.GENERATING if task.task_id else Stage.PREPARING
