"""The hashes of files for a plan. Every byte is read.

Modification times prove nothing: a checkout sets them, and an edit may keep them. The hashes of
a thousand images take less than a second, and several threads share the large files.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import TYPE_CHECKING, Final, Protocol

from fluxcli.errors import Code, FluxError, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

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
    """The files as a plan sees them."""

    def sha256(self, path: Path) -> str | None:
        """Return the hash of a file's bytes; None if nothing is there."""
        ...

    def pointer(self, path: Path) -> str | None:
        """Return the sha256 that a git-lfs pointer at `path` stands for; None if it is none."""
        ...


class FileHashes:
    """The real files; each is read once."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}

    def read(self, paths: Iterable[Path]) -> None:
        """Read many files side by side, so that `sha256` need not read one after the other."""
        new = {str(path): path for path in paths if str(path) not in self._known}
        if len(new) > 1:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
                self._known.update(zip(new, pool.map(sha256_of, new.values()), strict=True))

    def sha256(self, path: Path) -> str | None:
        """Return the hash of a file's bytes; None if nothing is there."""
        name = str(path)  # hashed at once, while a path takes itself apart
        if name not in self._known:
            self._known[name] = sha256_of(path)
        return self._known[name]

    def pointer(self, path: Path) -> str | None:
        """Return the sha256 that a git-lfs pointer at `path` stands for; None if it is none."""
        return pointer_of(path)


def sha256_of(path: Path) -> str | None:
    """Return the hash of a file as it is now; None if nothing is there.

    Raises:
        FluxError: INPUT_UNREADABLE: something is there and cannot be read.
    """
    try:
        # A FIFO in the place of an image is refused, not waited for.
        with os.fdopen(os.open(path, _OPEN), "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FluxError(Code.INPUT_UNREADABLE, f"`{path}` is not a plain file")
            digest = hashlib.sha256()
            while block := file.read(_BLOCK):
                digest.update(block)
            return digest.hexdigest()
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
