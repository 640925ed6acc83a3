"""Submitting: the image to edit is uploaded, and the paid request is sent.

The only place that spends. What may have been accepted is never sent again; what was provably
refused in passing is, at most once a second, within the timeout and two minutes.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fluxcli.client import responses
from fluxcli.errors import Code, FluxError, exhausted
from fluxcli.events import Accepted, Held, Submitting, Warned
from fluxcli.journal.lookup import where_listed
from fluxcli.prices_and_limits import WINDOW_SECONDS
from fluxcli.tasks.input_link import InputLink
from fluxcli.tasks.input_task import finished_source
from fluxcli.tasks.run_options import RetryBudget, Wait

if TYPE_CHECKING:
    from collections.abc import Generator

    from fluxcli.task_types import Request, Task
    from fluxcli.tasks.run_options import JobStep, RunOptions, Source, TaskServices

RESEND_SECONDS: Final = 120.0
"""What was provably not accepted is sent again for at most this long."""

SHORTEST_PAUSE: Final = 1.0
"""The least time between two submissions of a request, even if `Retry-After` is shorter."""


class Submitter:
    """Submits the image `key`."""

    def __init__(self, key: str, services: TaskServices, options: RunOptions) -> None:
        self._key = key
        self._services = services
        self._options = options
        self._seconds = min(options.timeout, RESEND_SECONDS)

    def submit(
        self, task: Task, request: Request, source: Source | None
    ) -> Generator[JobStep, None, Task]:
        """Turn a recorded task into an accepted one.

        Raises:
            FluxError: it was refused, or its outcome is unknown (OUTCOME_UNKNOWN).
        """
        if source is not None:
            source = yield from finished_source(self._key, self._services, self._options, source)
            link = InputLink(self._key, self._services, self._seconds)
            request = replace(request, input_image=(yield from link.resolve(task, source)))
        return (yield from self._submitted(task, request))

    def _submitted(self, task: Task, request: Request) -> Generator[JobStep, None, Task]:
        journal, account = self._services.journal, self._services.account
        budget, refusal = self._budget(), None
        while True:
            slot = yield from self._slot(budget.give_up if refusal else math.inf)
            if refusal is None:
                # The time for retries begins with the first submission.
                budget = self._budget()
            elif not slot:
                raise refusal
            yield Submitting(key=self._key)
            match self._send(task, request, slot):
                case responses.SubmissionAccepted(task_id, wire=wire):
                    accepted = self._accepted(task, task_id, wire)
                    yield Accepted(key=self._key, ref=task.ref, task_id=task_id)
                    return accepted
                case responses.SubmissionUnknown(reason):
                    # Without it the row stays `sending`, which means the same.
                    with suppress(FluxError):
                        journal.unknown(task.ref, reason)
                    raise unsettled(task.ref, reason, journal.origin)
                case responses.SubmissionRefused(error, again, retry_after, switched=switched):
                    journal.refused(task.ref, error)
                    if switched is not None:
                        note = f"{error.message}; submitting through the {switched} API instead"
                        yield Warned(key=self._key, message=note)
                        continue
                    if error.code is Code.RATE_LIMITED:
                        retry_after = retry_after or WINDOW_SECONDS
                        journal.submission_limiter.saturate(account, retry_after)
                    refusal, passing = error, (error.code,) if again else ()
                    pause = None if retry_after is None else max(SHORTEST_PAUSE, retry_after)
                    yield from budget.again(error, *passing, pause=pause)

    def _budget(self) -> RetryBudget:
        return RetryBudget(self._key, self._services.clock, self._seconds)

    def _slot(self, latest: float) -> Generator[JobStep, None, int]:
        """Return a place within the account's limit, or 0 if there is none until `latest`."""
        clock, announced = self._services.clock, False
        while clock.monotonic() <= latest:
            slot, seconds = self._services.journal.submission_limiter.acquire(
                self._services.account
            )
            if not seconds:
                return slot
            if clock.monotonic() + seconds > latest:
                break
            if not announced:
                yield Held(key=self._key, seconds=seconds)
                announced = True
            yield Wait(clock.monotonic() + seconds)
        return 0

    def _send(self, task: Task, request: Request, slot: int) -> responses.SubmissionResult:
        journal = self._services.journal
        left = False

        def mark_sent() -> None:
            nonlocal left
            journal.sending(task.ref, request)
            left = True

        try:
            return self._services.service.submit(request, on_sent=mark_sent)
        except (OSError, RuntimeError, MemoryError) as error:
            lack = exhausted(error, sent=True)
            if lack is None or not left:
                raise
            return responses.SubmissionUnknown(lack.message)
        finally:
            # A place that is not given back ages by itself; an error would hide the result.
            with suppress(FluxError):
                (
                    journal.submission_limiter.answered
                    if left
                    else journal.submission_limiter.release
                )(slot)

    def _accepted(self, task: Task, task_id: str, wire: str) -> Task:
        try:
            sandbox = self._services.service.is_sandbox
            return self._services.journal.accepted(task.ref, task_id, wire=wire, sandbox=sandbox)
        except FluxError as error:
            raise FluxError(
                error.code,
                f"task `{task_id}` is paid for, but {error.message}",
                hint=f"fluxcli download {task_id}",
                task_id=task_id,
            ) from error


def unsettled(ref: str, reason: str | None, origin: str) -> FluxError:
    """Return the error for a submission of unknown outcome to `origin`, with how to find it."""
    return FluxError(
        Code.OUTCOME_UNKNOWN,
        f"it is not known whether submission `{ref}` was accepted, so it may be paid for: "
        f"{reason or 'no answer came'}",
        hint=f"find it {where_listed(origin)}, then "
        f"`fluxcli status {ref} --settle TASKID` or `--settle not-charged`",
        ref=ref,
    )
