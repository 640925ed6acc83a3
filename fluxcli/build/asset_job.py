"""One asset's picture, made or collected; the lock is told of every transition as it happens.

Runs in the scheduler's workers: what it records is on the disk before the next step is
taken, so before a submission leaves, and before anybody hears that it was accepted.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fluxcli.build.hashes import sha256_of
from fluxcli.build.lock.entry import LockedImage, LockedRequest, LockEntry
from fluxcli.build.manifest.asset_paths import is_inside
from fluxcli.build.steps import PlanStep, ask_of
from fluxcli.errors import Code, FluxError
from fluxcli.events import Accepted, Failed, Finished, Resumed, Started, Submitting, Trouble
from fluxcli.files.image_check import read_input
from fluxcli.files.output_path import OutputTarget
from fluxcli.models import State
from fluxcli.tasks.job import PictureJob
from fluxcli.tasks.options import PictureRequest, Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fluxcli.build.lock.lock_file import LockFile
    from fluxcli.build.manifest.asset import Asset, Manifest
    from fluxcli.journal.journal import Run
    from fluxcli.models import Picture, Task
    from fluxcli.tasks.options import JobStep, RunOptions, TaskServices


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """What assets are made with. `origin` names the service; `locked`: the lock must not change."""

    manifest: Manifest
    lock: LockFile
    tools: TaskServices
    terms: RunOptions
    origin: str
    sandbox: bool
    locked: bool = False

    def fingerprint(self, asset: Asset, request: str) -> str:
        """Return what tells this asset's request from every other one of this machine."""
        parts = ("build", str(self.manifest.path), asset.name, request, self.origin)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class AssetJob:
    """The work on one asset that is to be made or collected."""

    def __init__(self, bench: BuildContext, step: PlanStep, asset: Asset) -> None:
        self._bench = bench
        self._step = step
        self._asset = asset
        self._path = bench.manifest.place(asset)
        self._ask: LockedRequest | None = None
        self._ref: str | None = None
        self._open = False

    def read_limiter(self) -> Iterator[JobStep]:
        """Do it, telling what happens; the last event is `Finished` or `Failed`."""
        run = None
        try:
            work = self._work()
            run, read_limiter = (
                self._collecting(work, self._step.collects)
                if self._step.collects is not None
                else self._making(work)
            )
            for turn in read_limiter:
                self._note(turn)
                yield turn
        except FluxError as error:
            yield Failed(key=self._step.name, error=error, task=None)
        finally:
            if run is not None:
                self._bench.tools.journal.let_go(run)

    def _work(self) -> PictureJob:
        terms = replace(self._bench.terms, existing="replace", check=self._check)
        return PictureJob(self._step.name, self._bench.tools, terms)

    def _making(self, work: PictureJob) -> tuple[Run, Iterator[JobStep]]:
        """Ask for it, or take up what this machine asked for in an earlier run."""
        bench, asset = self._bench, self._asset
        source, identity = self._source()
        now = bench.tools.clock.wall()
        self._ask = ask_of(asset, identity, now=now, sandbox=bench.sandbox)
        wish = PictureRequest(request=asset.request, target=self._target(), source=source)
        journal = bench.tools.journal
        run = journal.open_run(bench.fingerprint(asset, self._ask.request), new=False)
        return run, work.make(wish, run)

    def _collecting(self, work: PictureJob, ask: LockedRequest) -> tuple[Run, Iterator[JobStep]]:
        """Fetch what is paid for; a task of another machine is taken into this one's journal."""
        self._ask = ask
        journal, task_id = self._bench.tools.journal, ask.task_id or ""
        task = journal.find(task_id)
        if task is not None and task.task_id == task_id:
            run = journal.claim(task, {})
        else:
            run = journal.open_run(f"collect:{task_id}", new=False)
            task = run.tasks.get(1) or journal.adopt(
                run, task_id, self._asset.request, output=self._target().stored()
            )
        return run, work.collect(task, self._target())

    def _target(self) -> OutputTarget:
        return OutputTarget("file", str(self._path))

    def _source(self) -> tuple[Source | None, str | None]:
        """Return the picture to edit, as it is now, and its identity."""
        original, manifest = self._asset.original, self._bench.manifest
        if original is None:
            return None, None
        if original.kind == "url":
            return Source(identity=original.text, url=original.text), original.text
        path, expected = manifest.input(self._asset), None
        if original.kind == "asset":
            path, expected = self._parents_picture(original.text)
        picture = read_input(path or self._path)
        if expected not in {None, picture.sha256}:
            raise FluxError(
                Code.INPUT_UNREADABLE,
                f"`{original.text}` was edited by hand, so nothing is made from it",
                hint=f"fluxcli build --adopt '{original.text}'",
            )
        return Source(identity=f"sha256:{picture.sha256}", input=picture), picture.sha256

    def _parents_picture(self, name: str) -> tuple[Path, str]:
        entry = self._bench.lock.get(name)
        if entry is None or entry.made is None:
            raise FluxError(Code.INPUT_UNREADABLE, f"`{name}`, to be edited, is not there")
        return self._bench.manifest.folder / entry.made.output, entry.made.sha256

    # -- what is written down -----------------------------------------------------------

    def _note(self, turn: object) -> None:
        """Write down what an event means for the lock, before anybody else hears of it."""
        match turn:
            case Started(ref=ref):
                self._ref = ref
            case Submitting():
                self._open = True
                self._pend(ref=self._ref)
            case Accepted(task_id=task_id):
                self._open = False
                self._pend(task_id=task_id)
            case Resumed(task=task) if self._step.collects is None:
                self._pend(ref=task.ref, task_id=task.task_id, asked_at=task.created_at)
            case Trouble() if self._open:
                # Provably refused: whoever comes next may ask again.
                self._open = False
                self._drop()
            case Finished(task=task) if task.state is State.SAVED and task.picture:
                self._made(task, task.picture)
                self._bench.tools.journal.close_if_complete(task)
            case Failed(error=error, task=task):
                self._failed(error, task)
            case _:
                pass

    def _pend(
        self,
        *,
        ref: str | None = None,
        task_id: str | None = None,
        landing: str | None = None,
        asked_at: float | None = None,
    ) -> None:
        """Record what is asked for; what is None stays as it was."""
        if self._ask is None:
            raise ValueError(self._step.name)
        given = {"ref": ref, "task_id": task_id, "landing": landing, "asked_at": asked_at}
        news = {key: value for key, value in given.items() if value is not None}
        self._ask = replace(self._ask, **news)  # type: ignore[arg-type] # each is its field's
        # With an id, nobody needs the name any more that stood in for it.
        told = replace(self._ask, ref=None) if self._ask.task_id else self._ask
        self._record(replace(self._entry(), pending=told))

    def _drop(self) -> None:
        entry = self._entry()
        if entry.pending is not None:
            self._record(replace(entry, pending=None))

    def _failed(self, error: FluxError, task: Task | None) -> None:
        """Forget what came to nothing; keep what is, or may be, paid for."""
        never_sent = task is None and self._ask is not None and self._ask.task_id is None
        over = task is not None and task.state in {State.FAILED, State.REFUSED}
        if error.code is not Code.OUTCOME_UNKNOWN and (over or (never_sent and not self._open)):
            self._drop()

    def _made(self, task: Task, picture: Picture) -> None:
        before = self._entry().made
        if self._ask is None or (before is not None and self._is_same(before, picture)):
            return
        ask = replace(self._ask, task_id=task.task_id, ref=None, landing=None)
        self._record(
            LockEntry(
                LockedImage(
                    ask=ask,
                    output=self._asset.output,
                    sha256=picture.sha256,
                    bytes=picture.bytes,
                    width=picture.width,
                    height=picture.height,
                    format=picture.format,
                    made_at=task.completed_at or self._bench.tools.clock.wall(),
                )
            )
        )
        if before is not None and before.output != self._asset.output:
            self._clear(before)

    def _is_same(self, made: LockedImage, picture: Picture) -> bool:
        """Tell whether what was fetched is what the lock says, so that it need not change."""
        again = self._step.collects is not None and self._step.collects == made.ask
        return again and (made.sha256, made.output) == (picture.sha256, self._asset.output)

    def _clear(self, made: LockedImage) -> None:
        """Remove the picture's former file, if it is still the one that we made."""
        former = self._bench.manifest.folder / made.output
        if is_inside(self._bench.manifest.folder, former) and sha256_of(former) == made.sha256:
            with suppress(OSError):
                former.unlink()

    def _entry(self) -> LockEntry:
        return self._bench.lock.get(self._asset.name) or LockEntry()

    def _record(self, entry: LockEntry) -> None:
        if self._bench.locked:
            raise FluxError(Code.DRIFT, f"the lock would change for `{self._asset.name}`")
        if self._bench.lock.get(self._asset.name) != entry:
            self._bench.lock.record({self._asset.name: entry})

    # -- before it takes its place ------------------------------------------------------

    def _check(self, picture: Picture) -> None:
        """Judge a whole picture before it replaces anything.

        Raises:
            FluxError: it is not acceptable, or what lies in its place is not what we saw.
        """
        objections = self._asset.accept.objections(
            size=picture.bytes, width=picture.width, height=picture.height
        )
        if objections:
            raise FluxError(
                Code.UNACCEPTABLE,
                f"the picture {' and '.join(objections)}; what was there stays",
                hint="raise `rev` for another roll, or relax `accept`",
            )
        if not is_inside(self._bench.manifest.folder, self._path):
            said = f"`{self._asset.output}` leads out of the manifest's folder"
            raise FluxError(Code.OUTPUT_UNWRITABLE, said)
        landed = self._ask.landing if self._ask else None
        if sha256_of(self._path) not in {self._step.seen, landed, picture.sha256}:
            raise FluxError(
                Code.WOULD_OVERWRITE,
                f"`{self._asset.output}` was changed by somebody else meanwhile, and is kept",
                hint="fluxcli build --force",
            )
        if self._step.collects is None or self._step.is_fresh:
            self._pend(landing=picture.sha256)
        elif self._bench.locked:
            self._check_locked(picture)

    def _check_locked(self, picture: Picture) -> None:
        made = self._entry().made
        if made is not None and made.sha256 != picture.sha256:
            said = f"what the service has of `{self._asset.name}` is not what the lock says"
            raise FluxError(Code.DRIFT, said, hint="fluxcli build")
