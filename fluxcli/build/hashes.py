"""What a plan asks of the files: the hash of each. Every byte is read, none is trusted.

Times of change say nothing: a checkout sets them anew, and an edit may keep them. The hash
of a thousand pictures takes less than a second, and several threads share what is large.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final, Protocol

from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_BLOCK: Final = 1 << 20
_THREADS: Final = 4

LARGE: Final = 256 << 10
"""A file of so many bytes is worth a thread's while; smaller ones are read as quickly without."""


class Disk(Protocol):
    """The files as a plan sees them."""

    def sha256(self, path: Path) -> str | None:
        """Return the hash of a file's bytes; None if nothing is there."""
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


def sha256_of(path: Path) -> str | None:
    """Return the hash of a file as it is now; None if nothing is there.

    Raises:
        FluxError: INPUT_UNREADABLE: something is there and cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            digest = hashlib.sha256()
            while block := file.read(_BLOCK):
                digest.update(block)
            return digest.hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FluxError(Code.INPUT_UNREADABLE, f"`{path}` cannot be read: {reason}") from error
