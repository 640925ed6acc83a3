"""The hashes of files for a plan: every byte is read, but for files cached as unchanged.

Modification times alone prove nothing: a checkout sets them, and an edit may keep them (see
`check_cache`). The hashes of a thousand images take less than a second, and several threads share
the large files.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import TYPE_CHECKING, Final, Protocol

from fluxcli.build.check_cache import stamp_of
from fluxcli.errors import Code, FluxError, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from fluxcli.build.check_cache import Hashed

_BLOCK: Final = 1 << 20
_THREADS: Final = 4
_OPEN: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

LARGE: Final = 256 << 10
"""In bytes. Smaller files are read as quickly without threads."""

_POINTER: Final = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\r?\n(?:[a-z0-9.-]+ .*\n)*?"
    rb"oid sha256:([0-9a-f]{64})\r?\n"
)
_POINTER_BYTES: Final = 1024


class Disk(Protocol):
    """The files of a plan."""

    def sha256(self, path: Path) -> str | None:
        """Return the hash of a file's bytes; None if there is no file."""
        ...

    def pointer(self, path: Path) -> str | None:
        """Return the sha256 that a git-lfs pointer at `path` stands for; None if it is none."""
        ...


def _none(_path: str) -> None:
    return None


class FileHashes:
    """The real files; each is read at most once.

    `unchanged` returns the hash of a file that need not be read, and None for all others.
    """

    def __init__(self, unchanged: Callable[[str], Hashed | None] = _none) -> None:
        self._unchanged = unchanged
        self._known: dict[str, Hashed | None] = {}

    @property
    def found(self) -> dict[str, Hashed]:
        """The files that were there, by their paths."""
        return {name: known for name, known in self._known.items() if known is not None}

    def read(self, paths: Iterable[Path]) -> None:
        """Read many files side by side, so that `sha256` need not read one after the other."""
        wanted = {str(path): path for path in paths if str(path) not in self._known}
        self._known |= {name: known for name in wanted if (known := self._unchanged(name))}
        new = {name: path for name, path in wanted.items() if name not in self._known}
        if len(new) > 1:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
                self._known.update(zip(new, pool.map(_hashed, new.values()), strict=True))

    def sha256(self, path: Path) -> str | None:
        """Return the hash of a file's bytes; None if there is no file."""
        name = str(path)  # a string hashes quickly; a path object splits itself first
        if name not in self._known:
            self._known[name] = self._unchanged(name) or _hashed(path)
        known = self._known[name]
        return known[1] if known else None

    def pointer(self, path: Path) -> str | None:
        """Return the sha256 that a git-lfs pointer at `path` stands for; None if it is none."""
        return pointer_of(path)


def sha256_of(path: Path) -> str | None:
    """Return the hash of a file as it is now; None if there is no file.

    Raises:
        FluxError: INPUT_UNREADABLE: the file exists and cannot be read.
    """
    found = _hashed(path)
    return found[1] if found else None


def _hashed(path: Path) -> Hashed | None:
    try:
        # A FIFO in place of an image is refused instead of blocking.
        with os.fdopen(os.open(path, _OPEN), "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise FluxError(Code.INPUT_UNREADABLE, f"`{path}` is not a plain file")
            digest = hashlib.sha256()
            while block := file.read(_BLOCK):
                digest.update(block)
            return stamp_of(before), digest.hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = reason_of(error)
        raise FluxError(Code.INPUT_UNREADABLE, f"`{path}` cannot be read: {reason}") from error


def pointer_of(path: Path) -> str | None:
    """Return the sha256 that a git-lfs pointer at `path` stands for; None if it is none."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _POINTER_BYTES:
            return None
        match = _POINTER.match(path.read_bytes())
    except OSError:
        return None
    return match[1].decode() if match else None
