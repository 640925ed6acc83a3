"""A named lock between processes that dies with its holder and can say who holds it.

The lock is the operating system's, on a small file that stays: a killed process never
leaves one behind. Reentrance is not offered.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

if sys.platform == "win32":  # pragma: no cover - the same promise by Windows' own call
    import msvcrt

    def _take(handle: int, *, wait: bool) -> None:
        os.lseek(handle, 1 << 30, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(handle: int, *, wait: bool) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


class Mutex:
    """A lock on the file at `path`, which is created, with its folders, when first taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def acquire(self, *, wait: bool) -> bool:
        """Take the lock; False if somebody has it and `wait` is not asked for.

        Raises:
            OSError: the file cannot be made or locked.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            _take(handle, wait=wait)
        except BlockingIOError:
            os.close(handle)
            return False
        except PermissionError:
            os.close(handle)
            if sys.platform == "win32":  # pragma: no cover - how Windows says "held"
                return False
            raise
        except BaseException:
            os.close(handle)
            raise
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, str(os.getpid()).encode())
        self._handle = handle
        return True

    def holder(self) -> int | None:
        """Return the process id that last took the lock, if it can be read."""
        with contextlib.suppress(OSError, ValueError):
            return int(self._path.read_text())
        return None

    def release(self) -> None:
        """Give the lock up; harmless if it is not held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        self.acquire(wait=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
