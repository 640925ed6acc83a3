"""Opening, syncing and replacing files as each system needs it."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BINARY: Final = getattr(os, "O_BINARY", 0)
"""Without this flag Windows changes line ends in what is written."""

PRIVATE: Final = 0o700
"""The mode of a folder that is for this user alone."""

NO_WAIT: Final = BINARY | getattr(os, "O_NONBLOCK", 0)
"""Flags with which opening a FIFO returns at once."""

OPEN_FILES_STAY: Final = sys.platform == "win32"
"""Whether an open file can be neither renamed nor removed, by this process or another."""

_FULL_SYNC: Final = 51
"""F_FULLFSYNC of <sys/fcntl.h> on macOS: the drive writes its cache, too."""

_PAUSES: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between attempts: a virus scanner holds a new file for a moment."""

_IN_USE: Final = frozenset({5, 32, 33})
"""ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION"""


def open_unlinked(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open a file that is not a symbolic link; return its descriptor.

    Raises:
        OSError: it is a link (ELOOP), or cannot be opened.
    """
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return os.open(path, flags | BINARY | getattr(os, "O_NOFOLLOW", 0), mode)


def set_mode(handle: int, mode: int) -> None:
    """Set an open file's permissions, where the file system has any.

    On Windows a file has the permissions of its folder.
    """
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.fchmod(handle, mode)


def sync(handle: int, *, control: Callable[[int, int], object] | None = None) -> None:
    """Return once an open file's bytes are on the disk itself.

    `control` is `fcntl.fcntl` of a system where `fsync` ends at the drive's cache.

    Raises:
        OSError: they cannot be written.
    """
    if control is None and sys.platform == "darwin":  # pragma: no cover - run by the macOS job
        from fcntl import fcntl as control
    if control is not None:
        # Not every file system has this; a full or broken disk is reported by `fsync` as well.
        with contextlib.suppress(OSError):
            control(handle, _FULL_SYNC)
            return
    os.fsync(handle)


def database_settings(system: str = sys.platform) -> tuple[str, ...]:
    """Return what SQLite must be set to, so that its syncs are those of `sync`."""
    if system != "darwin":
        return ()
    return ("PRAGMA fullfsync = 1", "PRAGMA checkpoint_fullfsync = 1")


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power failure, where the system can.

    On Windows a folder cannot be opened; NTFS keeps a journal of names.
    """
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            sync(handle)
        finally:
            os.close(handle)


def make_folders(folder: Path, *, mode: int = 0o777) -> list[Path]:
    """Make a folder and all that are missing above it; return the missing ones, deepest first.

    They survive a power failure, where the system can: what is saved in them would be lost with
    them. `mode` is that of each, less what the umask takes away.

    Raises:
        OSError: one cannot be made, or `folder` is a file.
    """
    missing = list(itertools.takewhile(lambda one: not one.exists(), (folder, *folder.parents)))
    for one in reversed(missing):
        one.mkdir(mode=mode, exist_ok=True)
        sync_folder(one.parent)
    if not missing and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    return missing


def replace(source: Path, target: Path) -> None:
    """Rename `source`, which is closed on Windows, to `target`, replacing a file there.

    Raises:
        OSError: it cannot be renamed.
    """
    if sys.platform == "win32":  # pragma: no cover - run under Wine by `.ci/wine`
        _clear_read_only(target)
    retried(lambda: source.replace(target))


def remove(path: Path) -> None:
    """Remove a file, which is closed on Windows.

    Raises:
        OSError: it cannot be removed.
    """
    retried(path.unlink)


def retried(action: Callable[[], object], *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Call `action` again, for 1.6 seconds in all, while another Windows program has the file.

    Raises:
        OSError: it failed for another reason, or at the last attempt.
    """
    for pause in _PAUSES:
        try:
            action()
        except OSError as error:
            if getattr(error, "winerror", None) not in _IN_USE:
                raise
        else:
            return
        sleep(pause)
    action()


def _clear_read_only(path: Path) -> None:
    """Let a read-only file be replaced, as other systems do."""
    with contextlib.suppress(OSError):
        if not path.stat().st_mode & stat.S_IWRITE:
            path.chmod(stat.S_IREAD | stat.S_IWRITE)
