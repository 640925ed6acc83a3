"""The file of the lock: read and rewritten as a whole, in one step, at every transition.

A change is on the disk when `record` returns. Changes that several threads record at the same
time share one rewriting; none returns before its own change is on the disk. Changes that another
program made to the file meanwhile (a `git pull`, a resolved conflict) are merged, not overwritten.
"""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING, Final

from fluxcli.build.hashes import sha256_of
from fluxcli.build.lock import lock_text as text
from fluxcli.build.lock.merge import merged, overlaid
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.system.bounded_read import read_at_most

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fluxcli.build.lock.entry import LockEntry

_LARGEST: Final = 256 << 20
_OPEN: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read(path: Path, root: Path | None = None, *, manifest: str = "") -> dict[str, LockEntry]:
    """Read the lock at `path`; one that does not exist is empty. Outputs are below `root`.

    `manifest` is how commands name the manifest, if they do.

    Raises:
        FluxError: LOCK_INVALID: it cannot be read in full, or names a forbidden path.
    """
    data = read_bytes(path)
    if data is None:
        return {}
    return _single(text.parse(data, path, manifest=manifest), root or path.parent)


def read_bytes(path: Path) -> bytes | None:
    """Return the bytes of a lock's file; None if there is none. A FIFO is refused.

    Raises:
        FluxError: LOCK_INVALID.
    """
    try:
        with os.fdopen(os.open(path, _OPEN), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FluxError(Code.LOCK_INVALID, f"`{path}` is not a plain file")
            data = read_at_most(file, _LARGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = reason_of(error)
        raise FluxError(Code.LOCK_INVALID, f"`{path}` cannot be read: {reason}") from error
    if len(data) > _LARGEST:
        raise FluxError(Code.LOCK_INVALID, f"`{path}` is too large for a lock")
    return data


def _single(found: Mapping[str, Sequence[LockEntry]], root: Path) -> dict[str, LockEntry]:
    """Return one entry for each asset; where branches disagree, the bytes on the disk decide."""
    if all(len(entries) == 1 for entries in found.values()):
        return {name: entries[0] for name, entries in found.items()}
    return merged([found], lambda output: guarded_hash(root, output))


def guarded_hash(root: Path, output: str) -> str | None:
    """Return the hash of the file at an output, read only if it may be; None if there is none."""
    from fluxcli.build.lock.output_names import Guard

    Guard(root).check([output], root)
    return sha256_of(root / output)


class LockFile:
    """The lock at `path` while one process holds and changes it; `entries` are those of its file.

    `beneath` is the whole lock under a shard's own: it is read and never written.
    """

    def __init__(
        self,
        path: Path,
        entries: Mapping[str, LockEntry],
        *,
        beneath: Mapping[str, LockEntry] | None = None,
        root: Path | None = None,
    ) -> None:
        self.path = path
        self._entries = overlaid(beneath or {}, entries)
        self._unwritten = entries
        self._root = root or path.parent
        self._lines: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        self._file: bytes | None = None
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._wanted = 0
        self._written = 0

    @classmethod
    def open(cls, path: Path) -> LockFile:
        """Read the lock at `path`; one that does not exist is empty.

        Raises:
            FluxError: LOCK_INVALID.
        """
        return cls(path, read(path))

    def entries(self) -> dict[str, LockEntry]:
        """Return its entries now, by assets' names."""
        with self._guard:
            return dict(self._entries)

    def get(self, name: str) -> LockEntry | None:
        """Return an asset's entry."""
        with self._guard:
            return self._entries.get(name)

    def record(self, changes: Mapping[str, LockEntry | None]) -> None:
        """Record changes; None removes an entry. They are on the disk on return.

        Raises:
            FluxError: DISK: the file cannot be written; the former one is unchanged.
                LOCK_INVALID: another program changed it, and it can no longer be read.
        """
        with self._guard:
            self._write_down()
            for name, entry in changes.items():
                self._set(name, entry)
            self._wanted += 1
            mine = self._wanted
        with self._writing:
            if self._written >= mine:
                return  # Another thread's rewriting has covered it.
            self._take_over()
            with self._guard:
                lines, covered = dict(self._lines), self._wanted
            data = text.joined(lines).encode()
            write(self.path, data)
            self._written, self._seen, self._file = covered, lines, data

    def _write_down(self) -> None:
        """Format the lines of all entries at the first change; a plan does not need them."""
        lines = {name: text.lines_of(name, entry) for name, entry in self._unwritten.items()}
        self._lines |= lines
        self._seen |= lines
        self._unwritten = {}

    def _take_over(self) -> None:
        """Merge what another program wrote since, for all entries not changed here."""
        data = read_bytes(self.path)
        if data == self._file and data is not None:
            return
        theirs = {} if data is None else _single(text.parse(data, self.path), self._root)
        lines = {name: text.lines_of(name, entry) for name, entry in theirs.items()}
        with self._guard:
            for name in self._seen.keys() | lines.keys():
                seen = self._seen.get(name)
                if lines.get(name) != seen and self._lines.get(name) == seen:
                    self._set(name, theirs.get(name))

    def _set(self, name: str, entry: LockEntry | None) -> None:
        if entry is None or entry.is_empty:
            self._entries.pop(name, None)
            self._lines.pop(name, None)
        else:
            self._entries[name] = entry
            self._lines[name] = text.lines_of(name, entry)


def write(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step; a link stays, and the file that it names is replaced.

    The temporary file is new and never reached through a link.

    Raises:
        FluxError: DISK: it cannot be written; the former file is unchanged.
    """
    from fluxcli.files.atomic import write_atomically

    try:
        write_atomically(path, data)
    except OSError as error:
        reason = reason_of(error)
        raise FluxError(
            Code.DISK,
            f"`{path}` cannot be written: {reason}",
            hint="free some space or change its permissions, then run `fluxcli build` again: "
            "what is paid for is collected at no cost",
        ) from error
