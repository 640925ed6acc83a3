"""A manifest with its lock, its files and its journal: what a command opens to plan or build."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fluxcli.build.hashes import LARGE, FileHashes
from fluxcli.build.lock import lock_file as store
from fluxcli.build.lock.lock_file import LockFile
from fluxcli.build.lock.merge import merged, shard_lock
from fluxcli.build.manifest.manifest import read as read_manifest
from fluxcli.build.plan import plan
from fluxcli.build.reconcile import reconciled
from fluxcli.build.steps import Plan, Wishes
from fluxcli.errors import Code, FluxError
from fluxcli.filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from fluxcli.build.lock.entry import LockEntry
    from fluxcli.build.manifest.asset import Manifest
    from fluxcli.build.manifest.selection import Selection, Shard
    from fluxcli.models import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A manifest and what is known of its pictures; nothing has been changed.

    `find` asks the journal for a task by its id or name.
    """

    manifest: Manifest
    lock: LockFile
    find: Callable[[str], Task | None]
    sandbox: bool

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        shown: str,
        shard: Shard | None,
        find: Callable[[str], Task | None],
        sandbox: bool,
    ) -> Project:
        """Read a manifest and its lock; a shard has a lock of its own over the whole one.

        Raises:
            FluxError: the manifest or a lock is wrong.
        """
        manifest = read_manifest(path, shown=shown)
        base = store.read(manifest.lock)
        if shard is None:
            lock = LockFile(manifest.lock, base)
        else:
            place = shard_lock(manifest.lock, str(shard))
            lock = LockFile(place, store.read(place), beneath=base)
        return cls(manifest=manifest, lock=lock, find=find, sandbox=sandbox)

    def known(self) -> dict[str, LockEntry]:
        """Return what the lock says, and where the journal knows better, that."""
        entries = self.lock.entries()
        return entries | reconciled(entries, self.find)

    def plan(self, selection: Selection, *, now: float, force: bool = False) -> Plan:
        """Decide what is to be done; changes nothing.

        Raises:
            FluxError: a file is there and cannot be read.
        """
        known, files = self.known(), FileHashes()
        chosen = None if selection.whole else selection.names
        files.read(self._large_files(known, selection))
        wishes = Wishes(
            now=now,
            sandbox=self.sandbox,
            force=force,
            chosen=chosen,
            named=selection.named,
        )
        return plan(self.manifest, known, files, wishes)

    def reconcile(self) -> None:
        """Let the lock know what the journal knows better."""
        changes = reconciled(self.lock.entries(), self.find)
        if changes:
            self.lock.record(changes)

    def _large_files(self, known: dict[str, LockEntry], selection: Selection) -> Iterator[Path]:
        """Yield the files that a plan will ask for and that, by the lock, are large."""
        for asset in self.manifest.assets:
            entry = known.get(asset.name)
            made = entry.made if entry and asset.name in selection.names else None
            if made is not None and made.bytes >= LARGE:
                yield self.manifest.place(asset)
                yield self.manifest.folder / made.output


def only_one(path: Path, folder: Path, *, shard: Shard | None) -> FileLock:
    """Take the lock that keeps two builds of one manifest apart; it lies in the folder `folder`.

    Raises:
        FluxError: BUSY, naming the process that builds.
    """
    name = f"{os.path.realpath(path)}\0{shard or ''}".encode()
    mutex = FileLock(folder / f"build-{hashlib.blake2s(name, digest_size=12).hexdigest()}.lock")
    if mutex.acquire(wait=False):
        return mutex
    holder = mutex.holder()
    who = f"process {holder}" if holder else "another process"
    raise FluxError(
        Code.BUSY, f"{who} is building `{path.name}` already", hint="wait for it, then build again"
    )


def merge(manifest: Manifest, files: Iterable[Path]) -> dict[str, LockEntry]:
    """Return what the whole lock and the shards' locks in `files` amount to together.

    Raises:
        FluxError: LOCK_INVALID: one is not there, cannot be read, or they contradict.
    """
    parts = []
    for file in files:
        if not file.exists():
            raise FluxError(Code.LOCK_INVALID, f"there is no lock `{file}`")
        parts.append((str(file), store.read(file)))
    return merged(store.read(manifest.lock), parts)
