"""Polling: read a task until the service reports a final state. Free of charge.

Only a final answer, a refused key or the time budget ends it, never a number of tries and never
one odd answer: what the service does not know now it may know in a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.client.responses import failure_of
from fluxcli.errors import Code, FluxError
from fluxcli.events import Succeeded, Trouble
from fluxcli.tasks.poll_schedule import PollSchedule
from fluxcli.tasks.run_options import Wait

if TYPE_CHECKING:
    from collections.abc import Generator

    from fluxcli.client.wire import Record
    from fluxcli.task_types import Task
    from fluxcli.tasks.run_options import JobStep, RunOptions, TaskServices

NEW_SECONDS: Final = 90.0
"""For so long after its creation the service may not know a task yet; that is not reported."""

UNCERTAIN_SECONDS: Final = 60.0
"""For so long a failure that only the envelope's code reports must be all that is read."""

LASTING: Final = frozenset({Code.AUTH_REFUSED, Code.AUTH_MISSING_KEY, Code.ENVIRONMENT_INVALID})
"""Errors that do not pass by waiting."""

_READ_GAP: Final = 0.12
"""The least time between two reads of one task: the service allows 10 in a second."""

_PAUSES: Final = (0.0, 0.5, 1.0, 2.0, 4.0)
_LONGEST_PAUSE: Final = 15.0


class Poller:
    """Polls the task of the image `key` until `deadline`, by the monotonic clock."""

    def __init__(
        self, key: str, services: TaskServices, options: RunOptions, deadline: float
    ) -> None:
        self._key = key
        self._services = services
        self._options = options
        self._deadline = deadline

    def watch(self, task: Task, *, new: bool) -> Generator[JobStep, None, Task]:
        """Poll until the task is final; return it as the journal has it then.

        The first read of a `new` task, accepted just now, waits until it may be done.

        Raises:
            FluxError: the task failed; the key was refused; TIMED_OUT.
        """
        clock = self._services.clock
        schedule = self._schedule(task)
        begun = clock.monotonic()
        due = begun + (schedule.first if new else 0.0)
        slowed = _Backoff()
        while True:
            yield Wait(min(due, self._deadline), is_read=True)
            if schedule.is_learning:
                schedule = self._schedule(task)
            started = clock.monotonic()
            pause = schedule.next(started - begun)
            try:
                record = self._read(task)
            except FluxError as error:
                if error.code in LASTING:
                    raise paid(error, task) from error
                slowed.failed(error)
                pause = max(pause, slowed.seconds)
                if not (new and _is_missing(error) and started - begun < NEW_SECONDS):
                    yield Trouble(key=self._key, error=_own(error, task), seconds=pause)
            else:
                slowed.passed()
                if slowed.confirms(record, started):
                    done = finalize(self._services, task, record)
                    yield Succeeded(key=self._key, seconds=done.seconds)
                    return done
            due = max(started + max(pause, slowed.seconds), clock.monotonic() + _READ_GAP)
            if clock.monotonic() >= self._deadline:
                raise _timed_out(task, slowed.last)

    def _read(self, task: Task) -> Record:
        record = self._services.service.read(task.task_id or "", form=task.wire)
        if self._services.service.is_foreign(record, task):
            raise FluxError(
                Code.SERVICE_ERROR,
                f"the service answered with the record of another task than `{task.task_id}`",
            )
        return record

    def _schedule(self, task: Task) -> PollSchedule:
        known = self._services.journal.durations(task.request.model, task.request.mode)
        return PollSchedule(task.request.model, known, interval=self._options.interval)


class _Backoff:
    """How much slower than planned a task is read, after failures. Recovers with each success."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.last: FluxError | None = None
        self._failures = 0
        self._uncertain_since: float | None = None

    def failed(self, error: FluxError) -> None:
        self.last = error
        if error.code is Code.RATE_LIMITED:
            asked = error.retry_after or 0.0
            self.seconds = min(max(1.0, 2 * self.seconds, asked), _LONGEST_PAUSE)
            return
        self.seconds = max(self.seconds / 2, _PAUSES[min(self._failures, len(_PAUSES) - 1)])
        self._failures += 1

    def passed(self) -> None:
        self.last, self._failures = None, 0
        self.seconds = self.seconds / 2 if self.seconds > 1 else 0.0

    def confirms(self, record: Record, now: float) -> bool:
        """Return whether a record ends the task, at the moment `now`.

        A failure that is not certain counts once no other record was read for a while: a code in
        the envelope alone may be a failure of the read, and a failed task is paid for again.
        """
        if record.state == "running":
            self._uncertain_since = None
            return False
        if self._uncertain_since is None:
            self._uncertain_since = now
        return record.is_certain or now - self._uncertain_since >= UNCERTAIN_SECONDS


def finalize(services: TaskServices, task: Task, record: Record) -> Task:
    """Write a final record into the journal; return the task.

    Raises:
        FluxError: the record is of a failure.
    """
    journal = services.journal
    if record.state == "failed":
        error = failure_of(record)
        journal.failed(task.ref, error)
        raise error
    begun, ended = record.created_at, record.completed_at
    return journal.succeeded(
        task.ref,
        url=record.url or "",
        completed_at=ended or services.clock.wall(),
        seconds=round(ended - begun, 3) if begun and ended and ended >= begun else None,
        credits=record.credits,
    )


def paid(error: FluxError, task: Task) -> FluxError:
    """Return an error that stops the work on a paid task, naming the task and the way back."""
    resume = f"fluxcli download {task.task_id}"
    return FluxError(
        error.code,
        f"{error.message}; task `{task.task_id}` is already paid",
        hint=f"{error.hint}, then `{resume}`" if error.hint else resume,
        task_id=task.task_id,
        ref=task.ref,
    )


def _is_missing(error: FluxError) -> bool:
    return error.code is Code.TASK_NOT_FOUND


def _own(error: FluxError, task: Task) -> FluxError:
    """Return `error` for a task of our own: that the service does not know it may pass."""
    if not _is_missing(error):
        return error
    message = f"the service does not know task `{task.task_id}` at the moment; it is already paid"
    return FluxError(Code.TIMED_OUT, message, hint=f"fluxcli download {task.task_id}")


def _timed_out(task: Task, last: FluxError | None) -> FluxError:
    detail = f"; the last answer: {last.message}" if last else ""
    return FluxError(
        Code.TIMED_OUT,
        f"task `{task.task_id}` is still running; already paid{detail}",
        hint=f"fluxcli download {task.task_id}",
    )
