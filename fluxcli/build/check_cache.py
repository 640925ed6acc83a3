"""A cache of the last check of a project, so that the next one reads only what has changed.

One file for each manifest, in the cache folder: a checksum, and JSON. A file counts as unchanged
while device, inode, size and both times are those of when it was hashed, as in git's index. A file
that was changed within two seconds before is not recorded: another change might leave the same
times.

Only commands that change nothing use the cache. Before a build pays for or replaces anything,
it reads every byte. Losing the cache costs time only, so it may fail to be read or written.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from fluxcli import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

Stamp = tuple[int, int, int, int, int]
"""Device, inode, size, and the times of modification and of change in nanoseconds."""

Hashed = tuple[Stamp, str]
"""A file's state, and the sha256 of its bytes."""

Answer = tuple[str, str]
"""A plan as it is printed: its lines, and its totals."""

_SCHEME: Final = 1
_RACY_NS: Final = 2_000_000_000
"""The coarsest step of a file system's times (FAT)."""


def stamp_of(found: os.stat_result) -> Stamp:
    """Return the state of a file, which differs once the file was changed."""
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class CheckCache:
    """The cache of the manifest at `manifest` (absolute) in `folder`; without one, empty.

    `now` is when the command began, in seconds since the epoch.
    """

    def __init__(self, folder: Path | None, manifest: Path, *, now: float, origin: str) -> None:
        key = hashlib.blake2s(f"{manifest}\0{origin}".encode(errors="surrogateescape"))
        self._path = folder / "builds" / f"{key.hexdigest()[:32]}.json" if folder else None
        self._prefix = f"{manifest.parent}{os.sep}"
        self._latest = int(now * 1e9) - _RACY_NS
        self._data, record = self._read()
        self._files: dict[str, list[Any]] = record.get("files", {})
        self._clean: dict[str, Any] | None = record.get("clean")

    @property
    def answer(self) -> Answer | None:
        """The plan of the whole project, if the last one had nothing to do and nothing changed."""
        clean = self._clean
        if clean is None:
            return None
        prefix, lstat = self._prefix, os.lstat
        try:
            for name in clean["folders"]:
                if not stat.S_ISDIR(lstat(prefix + name).st_mode):
                    return None
            for name, known in self._files.items():
                if [*stamp_of(lstat(prefix + name))] != known[:-1]:
                    return None
        except OSError:
            return None
        return clean["lines"], clean["totals"]

    def unchanged(self, path: str) -> Hashed | None:
        """Return the hash of a file that has not changed since it was recorded, else None."""
        known = self._files.get(path.removeprefix(self._prefix))
        if known is None or known[-1] is None:
            return None
        with suppress(OSError):
            stamp = stamp_of(os.stat(path))  # noqa: PTH116 - a path object for each of 10,000 costs as much as the check
            if [*stamp] == known[:-1]:
                return stamp, str(known[-1])
        return None

    def keep(
        self, hashed: Mapping[str, Hashed], sources: Iterable[Path], answer: Answer | None
    ) -> None:
        """Record the hashes of files, by their absolute paths.

        `answer` is the plan of the whole project if it had nothing to do. `sources` are the
        other files that it was made from: manifests, prompts, lock.
        """
        if self._path is None or not hashed:
            return
        files = {
            path.removeprefix(self._prefix): [*stamp, sha256]
            for path, (stamp, sha256) in sorted(hashed.items())
            if self._is_settled(stamp)
        }
        clean = None
        if answer is not None and len(files) == len(hashed):
            files |= {str(path).removeprefix(self._prefix): [] for path in sources}
            clean = self._found_clean(files, answer)
            files = {name: known for name, known in files.items() if known}
        data = _signed(json.dumps({"files": files, "clean": clean}, separators=(",", ":")).encode())
        if data == self._data:
            return
        from fluxcli.files.atomic import write_atomically

        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, data, mode=0o600)

    def _found_clean(self, files: dict[str, list[Any]], answer: Answer) -> dict[str, Any] | None:
        """Return what to record of a clean plan, and complete `files`.

        None if a file is not plain, lies outside, has just changed, or is reached by a link.
        """
        folders = sorted({above for name in files for above in _above(name)})
        try:
            for name, known in files.items():
                found = os.lstat(self._prefix + name)
                stamp = stamp_of(found)
                is_plain = stat.S_ISREG(found.st_mode) and os.path.normpath(name) == name
                if not is_plain or known[:-1] not in ([], [*stamp]) or not self._is_settled(stamp):
                    return None
                files[name] = known or [*stamp, None]
            modes = [os.lstat(self._prefix + name).st_mode for name in folders]
        except (OSError, ValueError):
            return None
        if not all(map(stat.S_ISDIR, modes)):
            return None
        return {"folders": folders, "lines": answer[0], "totals": answer[1]}

    def _is_settled(self, stamp: Stamp) -> bool:
        *_, modified, changed = stamp
        return max(modified, changed) < self._latest

    def _read(self) -> tuple[bytes, dict[str, Any]]:
        data = b""
        with suppress(OSError):
            data = self._path.read_bytes() if self._path else b""
        text = data.partition(b"\n")[2]
        return (data, json.loads(text)) if text and data == _signed(text) else (b"", {})


def _signed(text: bytes) -> bytes:
    """Return a record below a line with its checksum and this version."""
    digest = hashlib.blake2s(f"{_SCHEME} {__version__}\n".encode() + text)
    return digest.hexdigest().encode() + b"\n" + text


def _above(name: str) -> Iterator[str]:
    while name := name.rpartition(os.sep)[0]:
        yield name
