"""The lock's file: read whole, rewritten whole at every transition, never seen half written.

A change is on the disk when `record` returns. Changes that several threads record at the
same time share one rewriting; nobody returns before his own is safe. What somebody else did
to the file meanwhile (git pulled, a person resolved a conflict) is taken over, not overwritten.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.build.lock import lock_text as text
from fluxcli.build.lock.merge import overlaid
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fluxcli.build.lock.entry import LockEntry

_LARGEST: Final = 256 << 20


def read(path: Path) -> dict[str, LockEntry]:
    """Read the lock at `path`; one that is not there is empty.

    Raises:
        FluxError: LOCK_INVALID: it cannot be read in full.
    """
    data = _bytes(path)
    return {} if data is None else text.parse(data, path)


def _bytes(path: Path) -> bytes | None:
    """Return what a lock's file holds; None if there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FluxError(Code.LOCK_INVALID, f"`{path}` cannot be read: {reason}") from error
    if len(data) > _LARGEST:
        raise FluxError(Code.LOCK_INVALID, f"`{path}` is too large for a lock")
    return data


class LockFile:
    """The lock at `path`, as one process holds and changes it; `entries` are what its file says.

    `beneath` is the whole lock under a shard's own: it is read and never written.
    """

    def __init__(
        self,
        path: Path,
        entries: Mapping[str, LockEntry],
        *,
        beneath: Mapping[str, LockEntry] | None = None,
    ) -> None:
        self.path = path
        self._entries = overlaid(beneath or {}, entries)
        self._unwritten = entries
        self._blocks: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        self._file: bytes | None = None
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._wanted = 0
        self._written = 0

    @classmethod
    def open(cls, path: Path) -> LockFile:
        """Read the lock at `path`; one that is not there is empty.

        Raises:
            FluxError: LOCK_INVALID.
        """
        return cls(path, read(path))

    def entries(self) -> dict[str, LockEntry]:
        """Return what it says now, by assets' names."""
        with self._guard:
            return dict(self._entries)

    def get(self, name: str) -> LockEntry | None:
        """Return what it says of an asset."""
        with self._guard:
            return self._entries.get(name)

    def record(self, changes: Mapping[str, LockEntry | None]) -> None:
        """Take changes over, None removing an entry; they are on the disk on return.

        Raises:
            FluxError: DISK: the file cannot be written; the one that was there is untouched.
                LOCK_INVALID: somebody else changed it, and left nothing that can be read.
        """
        with self._guard:
            self._write_down()
            for name, entry in changes.items():
                self._take(name, entry)
            self._wanted += 1
            mine = self._wanted
        with self._writing:
            if self._written >= mine:
                return  # Another thread's rewriting has covered it.
            self._take_in_others()
            with self._guard:
                blocks, covered = dict(self._blocks), self._wanted
            data = text.joined(blocks).encode()
            write(self.path, data)
            self._written, self._seen, self._file = covered, blocks, data

    def _write_down(self) -> None:
        """Make blocks of what was read, once something is recorded; to look, nobody needs them."""
        blocks = {name: text.block(name, entry) for name, entry in self._unwritten.items()}
        self._blocks |= blocks
        self._seen |= blocks
        self._unwritten = {}

    def _take_in_others(self) -> None:
        """Take over what somebody else wrote since we last did, of all that we have not changed."""
        data = _bytes(self.path)
        if data == self._file and data is not None:
            return
        theirs = {} if data is None else text.parse(data, self.path)
        blocks = {name: text.block(name, entry) for name, entry in theirs.items()}
        with self._guard:
            for name in self._seen.keys() | blocks.keys():
                seen = self._seen.get(name)
                if blocks.get(name) != seen and self._blocks.get(name) == seen:
                    self._take(name, theirs.get(name))

    def _take(self, name: str, entry: LockEntry | None) -> None:
        if entry is None or (entry.made is None and entry.pending is None):
            self._entries.pop(name, None)
            self._blocks.pop(name, None)
        else:
            self._entries[name] = entry
            self._blocks[name] = text.block(name, entry)


def write(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step; a link stays, and the file that it names is replaced.

    Raises:
        FluxError: DISK: it cannot be written; what was there is untouched.
    """
    target = Path(os.path.realpath(path))
    # One name for all: what a killed run left is overwritten by the next.
    part = target.with_name(f".{target.name}.part")
    try:
        _spill(part, data, mode=_mode(target))
        part.replace(target)
        _sync(target.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        reason = (error.strerror or str(error)).lower()
        raise FluxError(
            Code.DISK,
            f"the lock `{path}` cannot be written: {reason}",
            hint="make room or mend its rights, then fluxcli build: what is paid for is collected",
        ) from error


def _spill(part: Path, data: bytes, *, mode: int | None) -> None:
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    with os.fdopen(handle, "wb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
