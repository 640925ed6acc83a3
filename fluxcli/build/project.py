"""A manifest with its lock, files and journal: the state that a command plans from."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from fluxcli.build.hashes import LARGE, FileHashes
from fluxcli.build.lock import lock_file as store
from fluxcli.build.lock.entry import LockedRequest, has_paid, with_history
from fluxcli.build.lock.lock_file import LockFile
from fluxcli.build.lock.merge import shard_lock
from fluxcli.build.lock.output_names import Guard
from fluxcli.build.manifest.manifest import read as read_manifest
from fluxcli.build.plan import plan
from fluxcli.build.steps import Plan, PlanOptions
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, LaterVersionError, reason_of
from fluxcli.filelock import FileLock
from fluxcli.system import disk
from fluxcli.system.shell_syntax import join
from fluxcli.task_types import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from fluxcli.build.lock.entry import LockEntry
    from fluxcli.build.manifest.asset import Manifest
    from fluxcli.build.manifest.selection import AssetSelection, Shard
    from fluxcli.journal.journal import Journal
    from fluxcli.task_types import Task

T = TypeVar("T")
_ENDED = (State.FAILED, State.REFUSED)


class TaskRecords:
    """The submissions for assets in this machine's journal, from any folder.

    The journal is opened when it is first needed. With `optional`, for commands that send
    nothing, one that cannot be read counts as empty, and `ignored` is called with the reason.
    One of a later version never does.
    """

    def __init__(
        self,
        journal: Callable[[], Journal | None],
        origin: str,
        *,
        optional: bool,
        ignored: Callable[[FluxError], None] = lambda _: None,
    ) -> None:
        self._journal = journal
        self.origin = origin
        self._optional = optional
        self._ignored = ignored
        self._is_unreadable = False
        self._fingerprints: set[str] | None = None

    def find(self, name: str) -> Task | None:
        """Return the task of an id or a journal's name.

        Raises:
            FluxError: JOURNAL.
        """
        return self._read(lambda journal: journal.find(name), None)

    def service_of(self, task_id: str) -> tuple[str, bool] | None:
        """Return the origin of a task, and whether that is a sandbox; None if it is not known.

        Raises:
            FluxError: JOURNAL.
        """
        return self._read(lambda journal: journal.service_of(task_id), None)

    def submitted(self, asset: str, request_hash: str) -> Sequence[LockedRequest]:
        """Return the submissions for an asset and a request hash, the newest first.

        Raises:
            FluxError: JOURNAL.
        """
        fingerprint = asset_fingerprint(asset, request_hash, self.origin)

        def found(journal: Journal) -> Sequence[LockedRequest]:
            if self._fingerprints is None:
                # One query instead of one for each of thousands of new assets.
                self._fingerprints = journal.fingerprints()
            if fingerprint not in self._fingerprints:
                return ()
            return self._locked(journal.of_fingerprint(fingerprint), request_hash)

        return self._read(found, ())

    def _read(self, read: Callable[[Journal], T], nothing: T) -> T:
        """Return what `read` finds in the journal; `nothing` without one."""
        if self._is_unreadable:
            return nothing
        try:
            journal = self._journal()
            return nothing if journal is None else read(journal)
        except LaterVersionError:
            raise
        except FluxError as error:
            if not self._optional:
                raise
            # That a name is of no task, or of another service's, is an answer.
            if error.code not in {Code.TASK_NOT_FOUND, Code.USAGE}:
                self._is_unreadable = True
                self._ignored(error)
            return nothing

    def submitted_now(self, asset: str, request_hash: str) -> Sequence[LockedRequest]:
        """Return the same, with what other processes have submitted since the plan."""
        fingerprint = asset_fingerprint(asset, request_hash, self.origin)
        journal = self._journal()
        return self._locked(journal.of_fingerprint(fingerprint) if journal else (), request_hash)

    def _locked(self, tasks: Sequence[Task], request_hash: str) -> Sequence[LockedRequest]:
        return [
            _as_locked(task, request_hash, self.origin)
            for task in reversed(tasks)
            # A submission being sent belongs to a run held by its process, which has its state.
            if task.state is not State.SENDING
            and (task.state is not State.REFUSED or task.error_code == Code.MODERATED.value)
        ]


def asset_fingerprint(name: str, request_hash: str, origin: str) -> str:
    """Return what identifies the run for an asset's request: no folder, no checkout."""
    parts = ("build", name, request_hash, origin)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _as_locked(task: Task, request_hash: str, origin: str) -> LockedRequest:
    ended = task.state in _ENDED
    return LockedRequest(
        hash=request_hash,
        made_from="",
        model=task.request.model,
        submitted_at=task.completed_at or task.accepted_at or task.created_at,
        ref=task.ref,
        task_id=task.task_id,
        origin=origin,
        error=(task.error_code or Code.GENERATION_FAILED.value) if ended else None,
        sandbox=task.sandbox,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A manifest with its lock and journal; opening it changes nothing.

    `price` is the estimated price of one image of a model, in credits.
    """

    manifest: Manifest
    lock: LockFile
    records: TaskRecords
    price: Callable[[str], float]

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        shown: str,
        shard: Shard | None,
        records: TaskRecords,
        price: Callable[[str], float],
        sandbox: bool,
        flags: tuple[str, ...] = (),
        is_named: bool = False,
    ) -> Project:
        """Read a manifest and its lock; a shard has a lock of its own over the whole one.

        `shown` is how the command line writes the path, `is_named` whether it was typed.

        Raises:
            FluxError: the manifest or a lock is wrong.
        """
        named = shown if is_named else ""
        manifest = read_manifest(path, shown=shown)
        manifest = replace(manifest, sandbox=sandbox, flags=flags, named=named)
        check_root(manifest)
        base = read_lock(manifest, manifest.lock)
        if shard is None:
            lock = LockFile(manifest.lock, base, root=manifest.root)
        else:
            place = shard_lock(manifest.lock, str(shard))
            own = read_lock(manifest, place)
            lock = LockFile(place, own, beneath=base, root=manifest.root)
        return cls(manifest=manifest, lock=lock, records=records, price=price)

    def is_paid_elsewhere(self) -> bool:
        """Return whether the lock has a submission that is, or may be, paid for."""
        return has_paid(self.lock.entries())

    def known(self) -> dict[str, LockEntry]:
        """Return the lock's entries, updated from the journal where it is newer."""
        entries = self.lock.entries()
        return entries | reconciled(entries, self.records.find)

    def plan(
        self,
        selection: AssetSelection,
        *,
        now: float,
        force: bool = False,
        reroll: Collection[str] = (),
        files: FileHashes | None = None,
    ) -> Plan:
        """Decide what to do; changes nothing. Without `files`, every byte of every file is read.

        Raises:
            FluxError: a file exists and cannot be read.
        """
        known, files = self.known(), files or FileHashes()
        chosen = None if selection.whole else selection.names
        files.read(self._large_files(known, selection))
        options = PlanOptions(
            now=now,
            origin=self.records.origin,
            force=force,
            chosen=chosen,
            named=selection.named,
            reroll=reroll,
            submitted=self.records.submitted,
            price=self.price,
        )
        return plan(self.manifest, known, files, options)

    def sources(self) -> list[Path]:
        """Return the files that a plan is made from, apart from images."""
        prompts = {asset.prompt_file for asset in self.manifest.assets if asset.prompt_file}
        folder = self.manifest.folder
        return [*self.manifest.files, *(folder / one for one in sorted(prompts)), self.lock.path]

    def check_reconciled(self) -> None:
        """Refuse a lock that differs from the journal.

        Raises:
            FluxError: DRIFT.
        """
        for name in reconciled(self.lock.entries(), self.records.find):
            message = f"`--locked`: the lock would change for `{name}`, whose submission has ended"
            raise FluxError(Code.DRIFT, message, hint=self.manifest.command("build"))

    def reconcile(self) -> None:
        """Write to the lock what is newer in the journal."""
        changes = reconciled(self.lock.entries(), self.records.find)
        if changes:
            self.lock.record(changes)

    def _large_files(
        self, known: dict[str, LockEntry], selection: AssetSelection
    ) -> Iterator[Path]:
        """Yield the files that a plan will read and that, by the lock, are large."""
        for asset in self.manifest.assets:
            entry = known.get(asset.name)
            made = entry.made if entry and asset.name in selection.names else None
            if made is not None and made.bytes >= LARGE:
                yield self.manifest.place(asset)
                yield self.manifest.root / made.output


def read_lock(manifest: Manifest, path: Path) -> dict[str, LockEntry]:
    """Read a lock of the project; every output in it lies inside the project's folder.

    Raises:
        FluxError: LOCK_INVALID.
    """
    if path.is_symlink() and not _is_within(manifest.folder, path):
        raise FluxError(
            Code.LOCK_INVALID, f"`{path}` is a link that leads out of the project's folder"
        )
    entries = store.read(path, manifest.root, manifest=manifest.named)
    check_outputs(manifest, entries, path)
    return entries


def check_root(manifest: Manifest) -> None:
    """Check that the folder of lock and images is the project's own, not a link to another.

    Raises:
        FluxError: OUTPUT_UNWRITABLE.
    """
    if manifest.sandbox and not _is_within(manifest.folder, manifest.root):
        message = f"`{manifest.root}` leads out of the project's folder by a link"
        raise FluxError(Code.OUTPUT_UNWRITABLE, f"{message}; nothing was sent")


def check_outputs(manifest: Manifest, entries: Mapping[str, LockEntry], source: Path) -> None:
    """Check that a lock names only images inside the project.

    Raises:
        FluxError: LOCK_INVALID; no file was changed.
    """
    outputs = (
        image.output
        for entry in entries.values()
        for image in (entry.rivals or ((entry.made,) if entry.made else ()))
    )
    Guard(manifest.root).check(outputs, source)


def _is_within(folder: Path, path: Path) -> bool:
    real = os.path.realpath(path)
    return real.startswith(os.path.realpath(folder).rstrip(os.sep) + os.sep)


@contextmanager
def held(manifest: Manifest, lock: Path, *, wait: bool = False) -> Iterator[None]:
    """Lock out every other build with the same lock, by a file beside it; or `wait` for it.

    Raises:
        FluxError: BUSY, naming the process that builds; OUTPUT_UNWRITABLE: the folder cannot be
            written to, or has no locks; nothing was sent.
    """
    busy = lock.with_name(f".{lock.name}.busy")
    mutex = FileLock(busy)
    try:
        if manifest.sandbox:
            check_root(manifest)
            ignored = lock.parent / ".gitignore"
            if not os.path.lexists(ignored):
                disk.make_folders(lock.parent)
                ignored.write_text("*\n", encoding="utf-8")
        is_ours = mutex.acquire(wait=wait)
    except OSError as error:
        raise not_held(manifest, busy, error) from error
    if not is_ours:
        holder = mutex.holder()
        who = f"process {holder}" if holder else "another process"
        raise FluxError(
            Code.BUSY,
            f"{who} is building `{manifest.path.name}` already",
            hint="wait for it, then build again",
        )
    try:
        for left in leftovers(lock):
            left.unlink(missing_ok=True)
        yield
    finally:
        mutex.release(remove=True)


def not_held(manifest: Manifest, busy: Path, error: OSError) -> FluxError:
    """Return the error for a lock that cannot be taken, by what the system refused."""
    reason = f"{reason_of(error)}; nothing was sent, nothing was charged"
    is_full = error.errno in {errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}
    if error.filename is None and not is_full:
        # It was opened, and then not locked.
        what = f"the file system of `{busy.parent}` cannot lock files"
        hint = "build in a copy on a local disk"
    elif not is_full and os.access(busy.parent, os.W_OK) and os.path.lexists(busy):
        what = f"`{busy}`, by which builds wait for each other, cannot be opened"
        hint = f"{join(('rm', str(busy)))}  (once no other user builds here)"
    else:
        what = f"`{busy.parent}`, the folder of the lock, cannot be written to"
        hint = manifest.command("build", "--plan")
    return FluxError(Code.OUTPUT_UNWRITABLE, f"{what}: {reason}", hint=hint)


def leftovers(lock: Path) -> list[Path]:
    """Return the temporary files that killed builds left beside a lock."""
    from fluxcli.files.atomic import unfinished_writes

    return unfinished_writes(lock)


def reconciled(
    entries: Mapping[str, LockEntry], find: Callable[[str], Task | None]
) -> dict[str, LockEntry]:
    """Return the entries whose submissions have a newer state in the journal."""
    changes = {}
    for name, entry in entries.items():
        if entry.pending is None:
            continue
        pending = _known_better(entry.pending, find)
        if pending is not None and pending.error is not None:
            changes[name] = replace(entry, pending=None, history=with_history(entry, pending))
        elif pending != entry.pending:
            changes[name] = replace(entry, pending=pending)
    return changes


def _known_better(
    pending: LockedRequest, find: Callable[[str], Task | None]
) -> LockedRequest | None:
    named = pending.task_id or pending.ref
    task = find(named) if named else None
    if task is None or named not in {task.task_id, task.ref}:
        return pending
    if task.state is State.REFUSED and task.task_id is None:
        code = task.error_code
        return replace(pending, error=code) if code == Code.MODERATED.value else None
    if task.state in _ENDED:
        return replace(pending, error=task.error_code or Code.GENERATION_FAILED.value)
    if pending.task_id is None and task.task_id is not None:
        return replace(pending, task_id=task.task_id, ref=None)
    return pending
