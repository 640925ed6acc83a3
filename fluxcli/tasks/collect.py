"""From a task to its file: the service is asked until it is done, the picture is fetched.

Free of charge throughout, so everything here may be done again. Only a final answer, a
refused key, or the time that the user gave ends it.
"""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from fluxcli.catalog import EXTENSION, RESULT_DAYS
from fluxcli.client.client import LinkGoneError, failure_of
from fluxcli.errors import Code, FluxError
from fluxcli.events import Downloading, Succeeded, Trouble, Warned
from fluxcli.files.image_check import inspect_file
from fluxcli.files.output_path import NameValues, check_free, resolve
from fluxcli.files.receive import RESUME, Landing, Spool, tidy
from fluxcli.models import Picture
from fluxcli.tasks.options import PASSING, RetryBudget, Wait
from fluxcli.tasks.poll_schedule import PollSchedule

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from fluxcli.client.client import Record
    from fluxcli.files.image_check import Inspected
    from fluxcli.files.output_path import OutputTarget
    from fluxcli.models import Task
    from fluxcli.tasks.options import JobStep, RunOptions, TaskServices

YOUNG_SECONDS: Final = 60.0
"""For so long after its creation the service may not know a task yet."""

LATE_SECONDS: Final = 0.1
"""A look that comes later than this has missed its turn: all workers were at work."""

SAVE_SECONDS: Final = 120.0
"""A finished picture gets at least so long to be fetched, whatever the waiting took."""

_FETCH_SECONDS: Final = 600.0
_LASTING: Final = frozenset({Code.AUTH_REFUSED, Code.AUTH_MISSING_KEY, Code.ENVIRONMENT_INVALID})


class Collector:
    """Collects the picture `key` into `target`."""

    def __init__(
        self, key: str, tools: TaskServices, terms: RunOptions, target: OutputTarget
    ) -> None:
        self._key = key
        self._tools = tools
        self._terms = terms
        self._target = target
        self._deadline = tools.clock.monotonic() + terms.timeout

    def watch(self, task: Task, *, young: bool) -> Generator[JobStep, None, Task]:
        """Look at the task until the service calls it final, or the time is up.

        A `young` task was accepted just now: the first look waits until it may be done.
        """
        clock = self._tools.clock
        rhythm = self._rhythm(task)
        begun = clock.monotonic()
        pause = rhythm.first if young else 0.0
        while True:
            yield from self._turn(min(clock.monotonic() + pause, self._deadline))
            if rhythm.is_learning:
                rhythm = self._rhythm(task)
            pause = rhythm.next(clock.monotonic() - begun)
            try:
                record = self._tools.service.read(task.task_id or "")
            except FluxError as error:
                if error.code in _LASTING or self._is_missing(error, task):
                    raise
                if error.code is not Code.TASK_NOT_FOUND:
                    yield Trouble(key=self._key, error=error, seconds=pause)
            else:
                if record.state != "running":
                    done = self._final(task, record)
                    yield Succeeded(key=self._key, seconds=done.seconds)
                    return done
            if clock.monotonic() >= self._deadline:
                raise FluxError(
                    Code.TIMED_OUT,
                    f"task `{task.task_id}` is not finished yet; it runs on and is paid for",
                    hint=f"fluxcli download {task.task_id}",
                )

    def _turn(self, wanted: float) -> Iterator[JobStep]:
        """Wait for a turn to look; one that was missed is not made up for in a rush."""
        due = self._reserved(wanted)
        yield Wait(due)
        now = self._tools.clock.monotonic()
        if now > due + LATE_SECONDS and (again := self._reserved(now)) > now:
            yield Wait(again)

    def _reserved(self, wanted: float) -> float:
        # Nobody is kept from his picture because a courtesy could not be written down.
        with suppress(FluxError):
            return self._tools.journal.read_limiter.take(self._tools.account, wanted)
        return wanted

    def save(self, task: Task) -> Generator[JobStep, None, Task]:
        """Fetch the picture, check it, and put it in its place."""
        path = self._path(task)
        if path is not None and task.picture is not None and holds(path, task.picture):
            # An earlier run was cut short between the last step and its record.
            tidy(path, token=task.ref)
            return self._tools.journal.saved(task.ref, replace(task.picture, path=path))
        if path is not None and self._terms.existing in {"skip", "refuse"}:
            skip = self._terms.existing == "skip"
            if not check_free([path], force=False, skip_existing=skip):
                yield Warned(key=self._key, message=f"`{path}` is there already and was kept")
                return task
        yield Downloading(key=self._key)
        picture = yield from self._fetched(task, path)
        if path is not None and picture.path != path:
            note = f"`{path}` appeared meanwhile and was kept; saved beside it"
            yield Warned(key=self._key, message=note)
        if picture.format != task.request.output_format:
            note = f"the service sent {picture.format}, not {task.request.output_format}"
            yield Warned(key=self._key, message=note)
        return self._tools.journal.saved(task.ref, picture)

    def _fetched(self, task: Task, path: Path | None) -> Generator[JobStep, None, Picture]:
        """Fetch it; before it is given up, the service is asked whether it lies elsewhere."""
        try:
            return (yield from self._fetched_from(task, path))
        except FluxError as error:
            if error.code not in {Code.DOWNLOAD_FAILED, Code.NOT_AN_IMAGE}:
                raise
            corrected = self._corrected(task)
            if corrected is None:
                raise
        return (yield from self._fetched_from(corrected, path))

    def _fetched_from(self, task: Task, path: Path | None) -> Generator[JobStep, None, Picture]:
        """Fetch until it is here; a dead link is renewed once."""
        clock = self._tools.clock
        seconds = max(self._deadline - clock.monotonic(), SAVE_SECONDS)
        patience = RetryBudget(self._key, clock, seconds)
        url, renewed, last = task.url or "", False, ""
        while True:
            try:
                url = url or self._renewed(task)
                return self._land(task, url, path, patience.give_up - clock.monotonic())
            except LinkGoneError as gone:
                self._give_up_if_expired(task)
                if renewed:
                    raise FluxError(gone.code, gone.message, hint=RESUME) from gone
                url, renewed = "", True
            except FluxError as error:
                if error.code is Code.NOT_AN_IMAGE and error.message == last:
                    raise  # The same twice is what the service has, not what the network did.
                last = error.message
                yield from patience.again(error, Code.DOWNLOAD_FAILED, Code.NOT_AN_IMAGE)

    def _rhythm(self, task: Task) -> PollSchedule:
        known = self._tools.journal.durations(task.request.model, task.request.mode)
        alone = task.count == 1
        return PollSchedule(task.request.model, known, interval=self._terms.interval, alone=alone)

    def _final(self, task: Task, record: Record) -> Task:
        journal = self._tools.journal
        if record.state == "failed":
            error = failure_of(record)
            journal.failed(task.ref, error)
            raise error
        begun, ended = record.created_at, record.completed_at
        return journal.succeeded(
            task.ref,
            url=record.url or "",
            completed_at=ended or self._tools.clock.wall(),
            seconds=round(ended - begun, 3) if begun and ended and ended >= begun else None,
        )

    def _is_missing(self, error: FluxError, task: Task) -> bool:
        """Tell a task that is not there from one that is not there *yet*."""
        age = self._tools.clock.wall() - (task.accepted_at or task.created_at)
        return error.code is Code.TASK_NOT_FOUND and age > YOUNG_SECONDS

    def _land(self, task: Task, url: str, path: Path | None, seconds: float) -> Picture:
        """Fetch `url` once, into its place or to stdout."""
        seconds = min(max(seconds, 1.0), _FETCH_SECONDS)
        if path is None:
            with Spool() as spool:
                self._pour(url, spool, seconds)
                if self._terms.deliver is not None:
                    self._terms.deliver(spool.reader())
                return spool.picture()
        with Landing(path, token=task.ref) as landing:
            picture = _picture(self._pour(url, landing, seconds), path)
            if self._terms.check is not None:
                self._terms.check(picture)
            self._tools.journal.landing(task.ref, picture)
            return landing.commit(replace=self._terms.existing == "replace")

    def _pour(self, url: str, sink: Landing | Spool, seconds: float) -> Inspected:
        try:
            download = self._tools.service.fetch(url, seconds=seconds)
            with closing(download.chunks):
                for chunk in download.chunks:
                    sink.write(chunk)
        except LinkGoneError:
            raise
        except FluxError as error:
            if error.code not in {Code.NETWORK, Code.DOWNLOAD_FAILED}:
                raise
            said = f"the picture could not be fetched: {error.message}"
            raise FluxError(Code.DOWNLOAD_FAILED, said, hint=RESUME) from error
        return sink.check(download.length)

    def _renewed(self, task: Task) -> str:
        """Ask for a new link to a result whose own one is dead."""
        try:
            return self._tools.service.relink(task.url or "")
        except FluxError as error:
            if error.code in _LASTING:
                raise
            said = f"the result's link is dead and was not renewed: {error.message}"
            kind = FluxError if error.code in PASSING else LinkGoneError
            raise kind(Code.DOWNLOAD_FAILED, said, hint=RESUME) from error

    def _corrected(self, task: Task) -> Task | None:
        """Read the task once more; None if its result is still said to be where it was."""
        with suppress(FluxError):
            record = self._tools.service.read(task.task_id or "")
            if record.state == "succeeded" and record.url not in {None, task.url}:
                return self._final(task, record)
        return None

    def _give_up_if_expired(self, task: Task) -> None:
        finished = task.completed_at or task.accepted_at or task.created_at
        if self._tools.clock.wall() - finished < RESULT_DAYS * 86400:
            return
        error = FluxError(
            Code.EXPIRED,
            f"the service keeps results for {RESULT_DAYS} days, and this one is gone",
            hint="fluxcli status",
        )
        self._tools.journal.failed(task.ref, error)
        raise error

    def _path(self, task: Task) -> Path | None:
        """Return where the picture goes; None for stdout."""
        return None if self._target.kind == "stdout" else resolve(self._target, facts_of(task))


def facts_of(task: Task) -> NameValues:
    """Return what a file name can be made of."""
    request = task.request
    return NameValues(
        id=task.task_id,
        prompt=request.prompt,
        n=task.n,
        count=task.count,
        date=datetime.fromtimestamp(task.created_at).astimezone().date().isoformat(),
        model=request.model,
        ratio=request.aspect_ratio,
        ext=EXTENSION[request.output_format],
    )


def holds(path: Path, picture: Picture) -> bool:
    """Tell whether the file at `path` is exactly this picture."""
    try:
        return path.stat().st_size == picture.bytes and inspect_file(path).sha256 == picture.sha256
    except (OSError, FluxError):
        return False


def _picture(found: Inspected, path: Path) -> Picture:
    return Picture(
        path=path,
        bytes=found.bytes,
        width=found.width,
        height=found.height,
        sha256=found.sha256,
        format=found.format,
    )
