"""The work on one asset: its image is made or downloaded, and the lock records every transition.

Runs in the scheduler's workers. Each record is on the disk before the next step: before a
submission is sent, and before an event reports that it was accepted.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fluxcli.build.edit_source import source_of
from fluxcli.build.hashes import sha256_of
from fluxcli.build.lock.entry import (
    LockedImage,
    LockedRequest,
    LockEntry,
    locked_image,
    same_submission,
    with_history,
)
from fluxcli.build.manifest.asset_paths import is_inside
from fluxcli.build.project import asset_fingerprint
from fluxcli.build.steps import PlanStep, locked_request
from fluxcli.build.submissions import REFUSALS, paid_before
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, Status, exhausted
from fluxcli.events import Accepted, Failed, Finished, Resumed, Started, Submitting, Trouble
from fluxcli.files.output_path import OutputTarget
from fluxcli.task_types import State
from fluxcli.tasks.job import PictureJob
from fluxcli.tasks.poll import paid
from fluxcli.tasks.run_options import PictureRequest
from fluxcli.tasks.submit import unsettled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fluxcli.build.lock.lock_file import LockFile
    from fluxcli.build.manifest.asset import Asset, Manifest
    from fluxcli.build.project import TaskRecords
    from fluxcli.journal.runs import Run
    from fluxcli.task_types import Picture, Task
    from fluxcli.tasks.run_options import JobStep, RunOptions, TaskServices

_NOTHING_PAID = frozenset({Status.FAILURE, Status.USAGE})

_DOWNLOAD: Final = re.compile(r"fluxcli download [\w-]+")

_KEPT_SECONDS = 30 * 86400.0
"""A replaced submission is remembered for longer than the service keeps its result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """The settings and services that assets are made with.

    `origin` names the service; `locked`: the lock must not change.
    """

    manifest: Manifest
    lock: LockFile
    records: TaskRecords
    services: TaskServices
    options: RunOptions
    origin: str
    locked: bool = False

    def fingerprint(self, asset: Asset, request: str) -> str:
        """Return what identifies the run for this asset's request on this machine."""
        return asset_fingerprint(asset.name, request, self.origin)


class AssetJob:
    """The work on one asset that is to be made or collected."""

    def __init__(self, context: BuildContext, step: PlanStep, asset: Asset) -> None:
        self._context = context
        self._step = step
        self._asset = asset
        self._path = context.manifest.place(asset)
        self._request: LockedRequest | None = None
        self._collects = step.collects
        self._ref: str | None = None
        self._is_open = False

    def steps(self) -> Iterator[JobStep]:
        """Carry it out and yield what happens; the last event is `Finished` or `Failed`."""
        run = None
        try:
            job = self._job()
            run, steps = (
                self._collecting(job, self._collects)
                if self._collects is not None
                else self._making(job)
            )
            for event in steps:
                self._note(event)
                yield self._in_build(event) if isinstance(event, Failed) else event
        except (FluxError, OSError, RuntimeError, MemoryError) as error:
            stopped = self._stopped_by(error)
            yield self._in_build(Failed(key=self._step.name, error=stopped, task=None))
        finally:
            if run is not None:
                self._context.services.journal.release(run)

    def _stopped_by(self, error: Exception) -> FluxError:
        """Return the error that ends the work; if its task is accepted, that it is paid for.

        The lock may then be what could not be written: the journal has the task.
        """
        found = error if isinstance(error, FluxError) else exhausted(error, sent=True)
        if found is None:
            raise error
        request = self._request
        if request is None or request.task_id is None or found.status not in _NOTHING_PAID:
            return found
        ref = self._ref or request.ref
        with suppress(FluxError, MemoryError):
            task = self._context.services.journal.get(ref or "")
            return paid(FluxError(Code.DOWNLOAD_FAILED, found.message, hint=found.hint), task)
        return found.about(task_id=request.task_id, ref=ref)

    def _in_build(self, event: Failed) -> Failed:
        """Return a failure whose hint collects the image by the build, which knows its place."""
        error, again = event.error, self._context.manifest.command("build")
        if error.code is Code.OUTPUT_UNWRITABLE:
            return replace(event, error=error.hinting(f"make room for it, then {again}"))
        if error.hint is None or error.code is Code.UNACCEPTABLE:
            return event
        return replace(event, error=error.hinting(_DOWNLOAD.sub(again, error.hint)))

    def _job(self) -> PictureJob:
        options = replace(self._context.options, existing="replace", check=self._check)
        return PictureJob(self._step.name, self._context.services, options)

    def _making(self, job: PictureJob) -> tuple[Run, Iterator[JobStep]]:
        """Submit it, unless the same request was submitted before."""
        context, asset = self._context, self._asset
        source, identity = source_of(asset, context.manifest, context.lock)
        now = context.services.clock.wall()
        request = locked_request(asset, identity, now=now)
        self._request = request = replace(request, origin=context.origin, reroll=self._step.reroll)
        journal = context.services.journal
        run = journal.open_run(context.fingerprint(asset, request.hash), new=self._step.reroll)
        if not self._step.reroll:
            # Read again now that the run is held, and the parent's image is known.
            known = (
                *self._entry().submissions(),
                *context.records.submitted_now(asset.name, request.hash),
            )
            known = tuple(one for one in known if one.origin in {None, context.origin})
            found = paid_before(known, asset=asset, identity=identity)
            if found is not None and found.task_id is None:
                journal.release(run)
                raise unsettled(found.ref or "", None, context.origin)
            if found is not None and self._is_other(run, found):
                journal.release(run)
                self._collects = found
                return self._collecting(job, found)
        wanted = PictureRequest(request=asset.request, target=self._target(), source=source)
        return run, job.make(wanted, run)

    def _is_other(self, run: Run, found: LockedRequest) -> bool:
        """Whether a submission differs from the one that the run would resume at this output."""
        task = run.tasks.get(1)
        same = task is not None and task.task_id == found.task_id
        return not same or (task is not None and task.output != self._target().stored())

    def _collecting(self, job: PictureJob, request: LockedRequest) -> tuple[Run, Iterator[JobStep]]:
        """Download what is paid for; another machine's task is recorded in this one's journal."""
        self._request = self._own(request)
        journal, task_id = self._context.services.journal, request.task_id or ""
        task = journal.find(task_id)
        if task is not None and task.task_id == task_id:
            run = journal.claim(task, {})
        else:
            run = journal.open_run(f"collect:{task_id}", new=False)
            task = run.tasks.get(1) or journal.adopt(
                run, task_id, self._asset.request, output=self._target().stored()
            )
        return run, job.collect(task, self._target())

    def _own(self, request: LockedRequest) -> LockedRequest:
        """Return a submission with the short form that the journal does not know."""
        if request.made_from or self._step.request is None:
            return request
        mine = self._step.request
        return replace(
            request, made_from=mine.made_from, input=mine.input, input_sha256=mine.input_sha256
        )

    def _target(self) -> OutputTarget:
        return OutputTarget("file", str(self._path))

    # -- records ---------------------------------------------------------------

    def _note(self, event: object) -> None:
        """Record what an event means for the lock, before the event is passed on."""
        match event:
            case Started(ref=ref):
                self._ref = ref
            case Submitting():
                self._is_open = True
                self._pend(ref=self._ref)
            case Accepted(task_id=task_id):
                self._is_open = False
                self._mark(self._context.services.service.is_sandbox)
                self._pend(task_id=task_id)
            case Resumed(task=task) if self._collects is None:
                self._mark(task.sandbox)
                self._pend(ref=task.ref, task_id=task.task_id, submitted_at=task.created_at)
            case Trouble() if self._is_open:
                # Provably refused: it may be submitted again.
                self._is_open = False
                self._drop()
            case Finished(task=task) if task.state is State.SAVED and task.picture:
                self._made(task, task.picture)
                self._context.services.journal.close_if_complete(task)
            case Failed(error=error, task=task):
                self._failed(error, task)
            case _:
                pass

    def _mark(self, is_sandbox: bool) -> None:  # noqa: FBT001 - what is recorded
        """Record whether the service that took the submission identified itself as a sandbox."""
        if self._request is not None:
            self._request = replace(self._request, sandbox=is_sandbox)

    def _pend(
        self,
        *,
        ref: str | None = None,
        task_id: str | None = None,
        landing: str | None = None,
        submitted_at: float | None = None,
    ) -> None:
        """Record the submission; arguments that are None stay as they were."""
        if self._request is None:
            raise ValueError(self._step.name)
        request = replace(
            self._request,
            ref=ref or self._request.ref,
            task_id=task_id or self._request.task_id,
            landing=landing or self._request.landing,
            submitted_at=submitted_at or self._request.submitted_at,
        )
        self._request = request
        entry, before = self._entry(), self._entry().pending
        history = entry.history
        if before is not None and not same_submission(before, request):
            history = with_history(entry, before)
        # With an id, the journal's name is no longer needed.
        pending = replace(request, ref=None) if request.task_id else request
        self._record(replace(entry, pending=pending, history=history))

    def _drop(self, error: FluxError | None = None) -> None:
        """Remove the pending submission; if the service ended it, it stays in the history."""
        entry, request, pending = self._entry(), self._request, self._entry().pending
        if pending is not None and request is not None and self._is_mine(pending, request):
            pending = None
        history = entry.history
        if error is not None and request is not None:
            ended = replace(request, error=error.code.value, landing=None)
            if ended.task_id is not None or ended.error in REFUSALS:
                kept = tuple(one for one in history if not same_submission(one, ended))
                history = with_history(replace(entry, history=kept), ended)
        if (pending, history) != (entry.pending, entry.history):
            self._record(replace(entry, pending=pending, history=history))

    def _is_mine(self, pending: LockedRequest, request: LockedRequest) -> bool:
        return same_submission(pending, request) or pending.ref == self._ref

    def _failed(self, error: FluxError, task: Task | None) -> None:
        """Remove a pending submission that failed; keep it if it is, or may be, paid for."""
        if error.code is Code.OUTCOME_UNKNOWN:
            return
        if task is not None and task.state in {State.FAILED, State.REFUSED}:
            self._drop(error)
        elif (
            task is None
            and not self._is_open
            and self._request is not None
            and self._request.task_id is None
        ):
            self._drop()

    def _made(self, task: Task, image: Picture) -> None:
        entry = self._entry()
        before, request = entry.made, self._request
        if request is None or (before is not None and self._is_same(before, image)):
            return
        request = replace(
            request, task_id=task.task_id, ref=None, landing=None, reroll=False,
            origin=request.origin or self._context.origin, sandbox=task.sandbox,
        )  # fmt: skip
        now = self._context.services.clock.wall()
        pending = entry.pending
        replaced = (before.request if before else None, *(one.request for one in entry.rivals))
        if pending is not None and not same_submission(pending, request):
            replaced = (*replaced, pending)
        history = tuple(
            one
            for one in with_history(entry, *replaced)
            if not same_submission(one, request)
            and (one.error is not None or now - one.submitted_at < _KEPT_SECONDS)
        )
        made = locked_image(image, request, self._asset.output, created_at=task.completed_at or now)
        self._record(LockEntry(made, None, history))
        if before is not None and before.output != self._asset.output:
            self._clear(before)

    def _is_same(self, made: LockedImage, image: Picture) -> bool:
        """Whether the downloaded image is the one in the lock, which then need not change."""
        again = self._collects is not None and self._collects == made.request
        return again and (made.sha256, made.output) == (image.sha256, self._asset.output)

    def _clear(self, made: LockedImage) -> None:
        """Remove the image's former file, if it is still the one that was made here."""
        former = self._context.manifest.root / made.output
        inside = is_inside(self._context.manifest.folder, former)
        if inside and not former.is_symlink() and sha256_of(former) == made.sha256:
            with suppress(OSError):
                former.unlink()

    def _entry(self) -> LockEntry:
        return self._context.lock.get(self._asset.name) or LockEntry()

    def _record(self, entry: LockEntry) -> None:
        if self._context.locked:
            raise FluxError(Code.DRIFT, f"the lock would change for `{self._asset.name}`")
        if self._context.lock.get(self._asset.name) != entry:
            self._context.lock.record({self._asset.name: entry})

    # -- checks before a file is replaced ----------------------------------------------------

    def _check(self, image: Picture) -> None:
        """Check a whole image before it replaces anything.

        Raises:
            FluxError: it is not acceptable, or the file at its output is not the one planned for.
        """
        manifest, name = self._context.manifest, self._asset.name
        objections = self._asset.accept.objections(
            size=image.bytes, width=image.width, height=image.height
        )
        if objections:
            task = (self._request.task_id if self._request else None) or "@last"
            raise FluxError(
                Code.UNACCEPTABLE,
                f"the image {' and '.join(objections)}; it is paid for, the old file stays",
                hint=f"{manifest.task_command('download', task, '-o', '{id}.{ext}')} shows it; "
                f"then relax `accept`, or {manifest.command('build', '--reroll', name)}",
            )
        if not is_inside(manifest.root, self._path):
            reason = f"`{self._asset.output}` leads out of the manifest's folder"
            raise FluxError(Code.OUTPUT_UNWRITABLE, reason)
        landed = self._request.landing if self._request else None
        found = sha256_of(self._path)
        if found not in {self._step.seen, landed, image.sha256}:
            raise FluxError(
                Code.WOULD_OVERWRITE,
                f"`{self._asset.output}` was changed meanwhile and is kept; the task is paid for",
                hint=manifest.command("build", name, "--force"),
            )
        if self._collects is None or self._step.is_fresh:
            self._pend(landing=image.sha256)
        elif self._context.locked:
            self._check_locked(image)

    def _check_locked(self, image: Picture) -> None:
        made = self._entry().made
        if made is not None and made.sha256 != image.sha256:
            message = f"the service's image of `{self._asset.name}` is not the locked one"
            hint = self._context.manifest.command("build", self._asset.name)
            raise FluxError(Code.DRIFT, message, hint=hint)
