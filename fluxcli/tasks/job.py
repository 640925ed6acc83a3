"""One image from request to file: submitted if needed, polled, downloaded."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from fluxcli.errors import Code, FluxError, exhausted
from fluxcli.events import Failed, Finished, Resumed, Started
from fluxcli.files.output_path import OutputTarget
from fluxcli.files.prove import prove_writable
from fluxcli.task_types import State
from fluxcli.tasks.download import Downloader, holds, is_at_its_place, request_values
from fluxcli.tasks.poll import Poller, paid
from fluxcli.tasks.run_options import Wait
from fluxcli.tasks.submit import Submitter, unsettled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fluxcli.journal.runs import Run
    from fluxcli.task_types import Task
    from fluxcli.tasks.run_options import JobStep, PictureRequest, RunOptions, TaskServices


class PictureJob:
    """The work on the image `key`. Its last event is `Finished` or `Failed`."""

    def __init__(self, key: str, services: TaskServices, options: RunOptions) -> None:
        self.key = key
        self._ref: str | None = None
        self._services = services
        self._options = options

    def make(self, picture: PictureRequest, run: Run) -> Iterator[JobStep]:
        """Submit an image, or resume the task that the run submitted before."""
        return self._guarded(self._make(picture, run))

    def collect(self, task: Task, target: OutputTarget | None = None) -> Iterator[JobStep]:
        """Wait for a task that exists, and save it: where it was meant to go, or to `target`."""
        self._ref = task.ref
        return self._guarded(self._collect(task, target))

    def _collect(self, task: Task, target: OutputTarget | None) -> Iterator[JobStep]:
        unfinished = task.state in {State.RUNNING, State.SUCCEEDED}
        if unfinished and self._options.timeout:
            yield Resumed(key=self.key, task=task)
        yield from self._finish(task, target, young=False)

    def _guarded(self, steps: Iterator[JobStep]) -> Iterator[JobStep]:
        try:
            yield from steps
        except FluxError as error:
            task = None
            with suppress(FluxError):
                task = self._services.journal.get(self._ref) if self._ref else None
            named = error.about(task_id=task.task_id if task else None, ref=self._ref)
            yield Failed(key=self.key, error=named, task=task)
        except (OSError, RuntimeError, MemoryError) as error:
            lack = exhausted(error, sent=False)
            if lack is None:
                raise
            yield self._failed_for(lack)

    def _failed_for(self, lack: FluxError) -> Failed:
        """Return what a lack of memory, files or threads means: what is paid for is not lost."""
        task = None
        with suppress(FluxError, MemoryError):
            task = self._services.journal.get(self._ref) if self._ref else None
        error = lack
        if task is not None and task.state in {State.RUNNING, State.SUCCEEDED, State.SAVED}:
            reason = lack.message.removesuffix("; nothing was sent")
            error = paid(FluxError(Code.DOWNLOAD_FAILED, reason, hint=lack.hint), task)
        named = error.about(task_id=task.task_id if task else None, ref=self._ref)
        return Failed(key=self.key, error=named, task=task)

    def _make(self, picture: PictureRequest, run: Run) -> Iterator[JobStep]:
        task = run.tasks.get(picture.n)
        if task is not None and task.state is State.UNKNOWN:
            self._ref = task.ref
            raise unsettled(task.ref, task.error_message, self._services.journal.origin)
        if task is not None and task.state in {State.RUNNING, State.SUCCEEDED, State.SAVED}:
            self._ref = task.ref
            yield Resumed(key=self.key, task=task)
            yield from self._finish(task, None, young=False, at_place=True)
            return
        prove_writable(picture.target, request_values(picture, self._services.clock.wall()))
        source = picture.source.identity if picture.source else None
        file = picture.source.input.path if picture.source and picture.source.input else None
        same = task is not None and (task.output, task.source) == (picture.target.stored(), source)
        if task is None or task.state is not State.REFUSED or not same:
            task = self._services.journal.begin(
                run,
                picture.request,
                source=source,
                output=picture.target.stored(),
                n=picture.n,
                count=picture.count,
                input_path=None if file is None else str(file),
                metadata=self._options.metadata,
            )
        self._ref = task.ref
        yield Started(key=self.key, ref=task.ref, request=picture.request)
        submitter = Submitter(self.key, self._services, self._options)
        task = yield from submitter.submit(task, picture.request, picture.source)
        yield from self._finish(task, None, young=True)

    def _finish(
        self, task: Task, target: OutputTarget | None, *, young: bool, at_place: bool = False
    ) -> Iterator[JobStep]:
        """Wait for a task and save it. `at_place`: it is to lie where its command meant it."""
        if task.state is State.FAILED:
            code = Code(task.error_code or Code.GENERATION_FAILED)
            raise FluxError(code, task.error_message or "the task failed", hint="fluxcli status")
        if task.state is State.UNKNOWN:
            raise unsettled(task.ref, task.error_message, self._services.journal.origin)
        if self._options.save and task.task_id is None:
            said = f"submission `{task.ref}` was never accepted, so there is nothing to save"
            raise FluxError(Code.TASK_NOT_FOUND, said, hint="fluxcli status")
        place = target or OutputTarget.restore(task.output)
        deadline = self._services.clock.monotonic() + self._options.timeout
        downloader = Downloader(self.key, self._services, self._options, place, deadline)
        if self._options.save:
            downloader.check_place(task)
        if self._options.wait and task.state is State.RUNNING:
            poller = Poller(self.key, self._services, self._options, deadline)
            task = yield from poller.watch(task, new=young)
        at_hand = target is None and _is_kept(task) and (not at_place or is_at_its_place(task))
        if self._options.save and task.state in {State.SUCCEEDED, State.SAVED} and not at_hand:
            # The place among the readers is given back before the download.
            yield Wait(self._services.clock.monotonic())
            task = yield from downloader.save(task)
        yield Finished(key=self.key, task=task)


def _is_kept(task: Task) -> bool:
    """Return whether a saved image is still at its path, unchanged."""
    picture = task.picture
    return (
        task.state is State.SAVED
        and picture is not None
        and picture.path is not None
        and holds(picture.path, picture)
    )
