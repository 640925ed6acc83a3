"""Submitting: the image to edit is uploaded, and the paid request is sent.

The only place that spends. What may have been accepted is never sent again; what was provably
refused in passing is, at most once a second, within the timeout and two minutes.
"""

from __future__ import annotations

import math
from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fluxcli.catalog import EXTENSION, LOGS_PAGE, WINDOW_SECONDS
from fluxcli.client import responses
from fluxcli.client.transport import is_loopback
from fluxcli.errors import Code, FluxError
from fluxcli.events import Accepted, Held, Submitting, Uploaded, Uploading, Warned
from fluxcli.files.image_check import OpenInput
from fluxcli.tasks.run_options import PASSING, RetryBudget, Wait

if TYPE_CHECKING:
    from collections.abc import Generator

    from fluxcli.files.image_check import Input
    from fluxcli.models import Request, Task
    from fluxcli.tasks.run_options import JobStep, RunOptions, Source, TaskServices

RESEND_SECONDS: Final = 120.0
"""What was provably not accepted is sent again for at most this long."""

SHORTEST_PAUSE: Final = 1.0
"""The least time between two submissions of a request, whatever `Retry-After` says."""

SMALL_BYTES: Final = 1_000_000
"""The service advises against its upload in one call for more."""


class Submitter:
    """Submits the image `key`."""

    def __init__(self, key: str, services: TaskServices, options: RunOptions) -> None:
        self._key = key
        self._services = services
        self._seconds = min(options.timeout, RESEND_SECONDS)

    def ask(
        self, task: Task, request: Request, source: Source | None
    ) -> Generator[JobStep, None, Task]:
        """Turn a recorded task into an accepted one.

        Raises:
            FluxError: it was refused, or (OUTCOME_UNKNOWN) nobody can tell.
        """
        if source is not None:
            if source.url is not None:
                self._check_link(source.url)
            url = source.url or (yield from self._uploaded(task, source))
            request = replace(request, input_image=url)
        return (yield from self._submitted(task, request))

    def _check_link(self, url: str) -> None:
        """Raise for an address of this machine, which the service cannot read."""
        if is_loopback(url) and not self._services.service.is_local:
            raise FluxError(
                Code.INVALID_REQUEST,
                f"the service cannot read `{url}`, an address of this machine; nothing was sent",
                hint="download the image and name the file",
            )

    def _uploaded(self, task: Task, source: Source) -> Generator[JobStep, None, str]:
        picture, journal = source.input, self._services.journal
        if picture is None:
            raise ValueError(source)
        url = journal.uploads.find(self._services.account, picture.sha256)
        if url is not None:
            yield Uploaded(key=self._key, reused=True)
            return url
        retries = self._retries()
        while True:
            name = picture.path.name if picture.path else "stdin"
            yield Uploading(key=self._key, name=name, bytes=picture.bytes)
            try:
                url = self._upload(task, picture)
            except FluxError as error:
                yield from retries.again(error, *PASSING)
            else:
                yield Uploaded(key=self._key, reused=False)
                return url

    def _upload(self, task: Task, picture: Input) -> str:
        """Upload an image once for all its edits."""
        services = self._services
        with services.uploading:
            url = services.journal.uploads.find(services.account, picture.sha256)
            if url is None:
                # A name that was used before would overwrite, and may serve stale bytes.
                ending = EXTENSION.get(picture.format, picture.format)
                url = self._sent_up(picture, f"{picture.sha256[:16]}-{task.ref}.{ending}")
                services.journal.uploads.keep(services.account, picture.sha256, url)
            return url

    def _sent_up(self, picture: Input, name: str) -> str:
        """Upload a file as a stream; what was piped in and is small, in one call."""
        service = self._services.service
        if picture.data is not None and picture.bytes <= SMALL_BYTES:
            return service.upload_text(picture.data, name=name, mime=picture.mime)
        with closing(OpenInput(picture)) as file:
            url = service.upload(file, name=name, mime=picture.mime)
            file.check()
            return url

    def _submitted(self, task: Task, request: Request) -> Generator[JobStep, None, Task]:
        journal, account = self._services.journal, self._services.account
        retries, refusal = self._retries(), None
        while True:
            slot = yield from self._slot(retries.give_up if refusal else math.inf)
            if refusal is None:
                # The time for retries begins with the first submission.
                retries = self._retries()
            elif not slot:
                raise refusal
            yield Submitting(key=self._key)
            match self._send(task, request, slot):
                case responses.SubmissionAccepted(task_id, wire=wire):
                    accepted = self._accepted(task, task_id, wire)
                    yield Accepted(key=self._key, ref=task.ref, task_id=task_id)
                    return accepted
                case responses.SubmissionUnknown(reason):
                    # Without it the row says `sending`, which comes to the same.
                    with suppress(FluxError):
                        journal.unknown(task.ref, reason)
                    raise unsettled(task.ref, reason)
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
                    yield from retries.again(error, *passing, pause=pause)

    def _retries(self) -> RetryBudget:
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

        def leaves() -> None:
            nonlocal left
            journal.sending(task.ref, request)
            left = True

        try:
            return self._services.service.submit(request, on_sent=leaves)
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


def unsettled(ref: str, reason: str | None) -> FluxError:
    """Return the error for a submission of unknown outcome, with how to find it out."""
    return FluxError(
        Code.OUTCOME_UNKNOWN,
        f"it is not known whether submission `{ref}` was accepted, so it may be paid for: "
        f"{reason or 'no answer came'}",
        hint=f"look for it at {LOGS_PAGE}, then "
        f"`fluxcli status {ref} --settle TASKID` or `--settle not-charged`",
        ref=ref,
    )
