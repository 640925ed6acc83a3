"""What is known of every picture of a run, folded from its events. Pure; draws nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fluxcli import events
from fluxcli.models import State

if TYPE_CHECKING:
    from fluxcli.events import Event
    from fluxcli.models import Task


class Stage(StrEnum):
    """Where a picture stands, in the words that people read."""

    PREPARING = "preparing"
    UPLOADING = "uploading"
    HELD = "waiting for a slot"
    SUBMITTING = "submitting"
    GENERATING = "generating"
    DOWNLOADING = "downloading"
    SUBMITTED = "submitted"
    READY = "ready"
    SAVED = "saved"
    FAILED = "failed"


DONE: Final = (Stage.SUBMITTED, Stage.READY, Stage.SAVED)
"""The good ends: as far as a picture was asked to go."""

OVER: Final = frozenset({*DONE, Stage.FAILED})
"""The stages in which nothing more will happen."""

_STAGES: Final[dict[type[Event], Stage]] = {
    events.Started: Stage.PREPARING,
    events.Uploading: Stage.UPLOADING,
    events.Uploaded: Stage.PREPARING,
    events.Held: Stage.HELD,
    events.Submitting: Stage.SUBMITTING,
    events.Accepted: Stage.GENERATING,
    events.Succeeded: Stage.DOWNLOADING,
    events.Downloading: Stage.DOWNLOADING,
    events.Failed: Stage.FAILED,
}
_ENDS: Final = {
    State.SENDING: Stage.SUBMITTED,
    State.RUNNING: Stage.SUBMITTED,
    State.SUCCEEDED: Stage.READY,
    State.SAVED: Stage.SAVED,
}


@dataclass(slots=True)
class ProgressRow:
    """One picture. Times are readings of the monotonic clock, in seconds."""

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

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.stage in OVER


class Board:
    """The rows of a run: numbered ones by their number, others in the order of appearance."""

    def __init__(self) -> None:
        self.rows: dict[str, ProgressRow] = {}

    def fold(self, event: Event, *, now: float, wall: float) -> bool:
        """Take note of `event` at `now` (monotonic) and `wall` (epoch); True for a new stage."""
        row = self.rows.get(event.key)
        before = row.stage if row else None
        if row is None:
            row = self.rows[event.key] = ProgressRow(event.key, "", Stage.PREPARING, now, now)
            if event.key.isdecimal():
                # The workers begin them in any order; sorting is stable and cheap.
                self.rows = dict(sorted(self.rows.items(), key=lambda item: item[0].zfill(9)))
        stage = _stage(event) or row.stage
        if stage is not row.stage:
            row.stage, row.since = stage, now
        self._particulars(row, event, now, wall)
        return stage is not before

    def count(self, *stages: Stage) -> int:
        """Return how many pictures stand in one of `stages`."""
        return sum(row.stage in stages for row in self.rows.values())

    def total(self, count: int | None) -> int:
        """Return how many pictures there are in all, if `count` were asked for."""
        return max(count or 0, len(self.rows))

    def tally(self, count: int | None) -> str:
        """Return how many are done, of how many, in one phrase: `3 of 20 saved, 1 failed`."""
        stage = next((stage for stage in DONE if self.count(stage)), Stage.SAVED)
        failed = self.count(Stage.FAILED)
        done = f"{self.count(*DONE)} of {self.total(count)} {stage}"
        return f"{done}, {failed} failed" if failed else done

    @staticmethod
    def _particulars(row: ProgressRow, event: Event, now: float, wall: float) -> None:
        match event:
            case events.Started():
                row.label = event.request.prompt if event.request else event.ref
            case events.Resumed(task=task):
                row.label = task.request.prompt
                passed = max(0.0, wall - (task.accepted_at or task.created_at))
                row.began = row.since = now - passed
            case events.Held(seconds=seconds) | events.Trouble(seconds=seconds):
                row.waits_until = now + seconds
            case _:
                pass


def _stage(event: Event) -> Stage | None:
    """The stage that `event` leads to; None if it changes nothing."""
    match event:
        case events.Resumed(task=task):
            return _resumed(task)
        case events.Finished(task=task):
            return _ENDS.get(task.state, Stage.FAILED)
        case _:
            return _STAGES.get(type(event))


def _resumed(task: Task) -> Stage:
    if task.state is State.SUCCEEDED:
        return Stage.DOWNLOADING
    return Stage.GENERATING if task.task_id else Stage.PREPARING
