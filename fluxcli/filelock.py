"""A named lock between processes: it ends with its holder, whose process id can be read.

It is a lock of the operating system on a small file, so a killed process never leaves one
behind. It is not reentrant.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final, Self

from fluxcli.system import disk
from fluxcli.system.handle_lock import lock
from fluxcli.system.processes import alive

if TYPE_CHECKING:
    from pathlib import Path


_OPEN: Final = os.O_RDWR | os.O_CREAT
_PID_DIGITS: Final = 20


class FileLock:
    """A lock on the file at `path`, which is made, with its folders, when first taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def acquire(self, *, wait: bool) -> bool:
        """Take the lock; return False if another holder has it and `wait` is false.

        Raises:
            OSError: the file cannot be made or locked.
        """
        disk.make_folders(self._path.parent, mode=disk.PRIVATE)
        while True:
            # A link in the place of a lock file, as a checkout may bring, is never written through.
            handle = disk.open_unlinked(self._path, _OPEN)
            try:
                if not lock(handle, wait=wait):
                    os.close(handle)
                    return False
                if self._names(handle):
                    os.ftruncate(handle, 0)
                    os.write(handle, str(os.getpid()).encode())
                    self._handle = handle
                    return True
            except BaseException:
                os.close(handle)
                raise
            # Its last holder removed the file between our opening and our locking it.
            os.close(handle)

    def held_elsewhere(self) -> bool:
        """Return whether another holder has the lock now; creates nothing.

        The lock itself is tried only if its last holder's number is still in use, so that
        this hardly ever delays a process that wants the lock.
        """
        last = self.holder()
        if last is None or not alive(last):
            return False
        free = self.acquire(wait=False)
        self.release(remove=True)
        return not free

    def holder(self) -> int | None:
        """Return the process id that last took the lock, if it can be read."""
        with contextlib.suppress(OSError, ValueError):
            return int(self._path.read_bytes()[:_PID_DIGITS])
        return None

    def release(self, *, remove: bool = False) -> None:
        """Release the lock, and with `remove` delete its file; does nothing if it is not held."""
        if self._handle is None:
            return
        if remove and not disk.OPEN_FILES_STAY:
            self._remove()
        # Even if closing fails, the descriptor and its lock are gone.
        with contextlib.suppress(OSError):
            os.close(self._handle)
        self._handle = None
        if remove and disk.OPEN_FILES_STAY:
            self._remove()

    def _remove(self) -> None:
        # On Windows another process may have opened it; then it stays, and does no harm.
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _names(self, handle: int) -> bool:
        """Return whether the path still names the open file."""
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(handle), self._path.stat())
        return False

    def __enter__(self) -> Self:
        self.acquire(wait=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
