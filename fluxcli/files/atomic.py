"""The atomic write: a file is replaced as a whole, or stays as it was.

The new content goes to a temporary file beside the target, `.NAME.TOKEN.part`, which is private
and never reached through a link. The token is the task's, or `write` for a small file, so that the
next write of the same clears what a killed process left. A temporary file is locked while its
process lives, so that two processes never share one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.files import filename as components
from fluxcli.system import disk
from fluxcli.system.handle_lock import lock

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_LINKS = frozenset(
    {errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
)
_FRESH = os.O_RDWR | os.O_CREAT | os.O_EXCL
_STALE = os.O_RDWR | disk.NO_WAIT
_WRITE: Final = "write"


def write_atomically(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write `data` to `path` in one step; it is on the disk on return.

    If `path` is a link, the file that it names is replaced. `mode` is the new file's mode; with
    None, the mode of an existing file is kept, and a new one has what the umask leaves of 0666.

    Raises:
        OSError: it cannot be written, or the target is not a regular file; it is unchanged.
    """
    target = Path(os.path.realpath(path))
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(target.stat().st_mode):
            raise OSError(0, "not a regular file")
    temporary = TemporaryFile(target, token=_WRITE)
    try:
        temporary.file.write(data)
        temporary.file.flush()
        disk.sync(temporary.handle)
        temporary.install(replace=True, mode=mode)
    finally:
        temporary.discard()


def unfinished_writes(path: Path) -> list[Path]:
    """Return the temporary files of `write_atomically` for `path` that exist now."""
    target = Path(os.path.realpath(path))
    first = next(_part_names(target.name, _WRITE)).removesuffix(".part")
    try:
        beside = sorted(target.parent.iterdir())
    except FileNotFoundError:
        return []
    return [one for one in beside if one.name.startswith(first) and one.suffix == ".part"]


class TemporaryFile:
    """An open, empty, private file beside `target`, which is not a link and need not exist.

    `file` is open for reading and writing. It is closed by `install` and `discard`.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, target: Path, *, token: str) -> None:
        self.target = target
        self.path, handle, self._usual_mode = _opened(target, token)
        self.file = os.fdopen(handle, "w+b")

    @property
    def handle(self) -> int:
        """The descriptor of `file`, which is open."""
        return self.file.fileno()

    def install(self, *, replace: bool, mode: int | None = None) -> Path:
        """Give the file, already on disk, its name; return the path it got.

        Without `replace`, a file that exists there stays, and this one gets the first free name
        beside it (`NAME-1.png`, `NAME-2.png`…): it is paid for, so it is kept. `mode` None keeps
        the mode of the file that is replaced.

        Raises:
            OSError: it cannot be named so; the temporary file is still there.
        """
        self._set_mode(mode, replace=replace)
        if disk.OPEN_FILES_STAY:
            self.file.close()
        if replace:
            disk.replace(self.path, self.target)
            final = self.target
        else:
            final = next(name for name in _siblings(self.target) if self._placed(name))
        disk.sync_folder(final.parent)
        return final

    def discard(self) -> None:
        """Close the file, and remove it if it has not been given its name."""
        if disk.OPEN_FILES_STAY:
            self._close()
        # Elsewhere it is removed while it is locked: then the name is certainly this file's.
        with contextlib.suppress(OSError):
            disk.remove(self.path)
        self._close()

    def _close(self) -> None:
        # What matters has been synced before.
        with contextlib.suppress(OSError):
            self.file.close()

    def _set_mode(self, mode: int | None, *, replace: bool) -> None:
        """Set `mode`, else that of the file that it replaces, else the one the umask leaves."""
        wanted = self._usual_mode if mode is None else mode
        if replace and mode is None:
            with contextlib.suppress(OSError):
                wanted = stat.S_IMODE(self.target.stat().st_mode)
        disk.set_mode(self.handle, wanted)

    def _placed(self, name: Path) -> bool:
        """Give the file the name `name`; False if another has it."""
        try:
            name.hardlink_to(self.path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return self._claimed(name)
        with contextlib.suppress(OSError):
            disk.remove(self.path)
        return True

    def _claimed(self, name: Path) -> bool:
        """Do the same where files cannot have two names: make it empty, then replace that."""
        try:
            os.close(os.open(name, _FRESH, 0o600))
        except FileExistsError:
            return False
        try:
            disk.replace(self.path, name)
        except OSError:
            name.unlink()
            raise
        return True


def _opened(target: Path, token: str) -> tuple[Path, int, int]:
    """Open a new temporary file; return its path, its descriptor and the mode by the umask."""
    for name in _part_names(target.name, token):
        path = target.with_name(name)
        _clear_stale(path)
        # Made with the usual mode to learn what the umask leaves of it (it cannot be read
        # without being changed, for all threads at once), and closed to others while empty.
        try:
            handle = disk.open_unlinked(path, _FRESH, 0o666)
        except FileExistsError:
            continue
        try:
            mode = stat.S_IMODE(os.fstat(handle).st_mode)
            disk.set_mode(handle, 0o600)
            # A run that has the lock took this file for a killed run's, and removes it.
            if _locked(handle) and _is_at(handle, path):
                return path, handle, mode
        except BaseException:
            os.close(handle)
            path.unlink(missing_ok=True)
            raise
        os.close(handle)
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))


def clear_leftover(target: Path, token: str) -> None:
    """Remove the temporary file that a killed run of the task left beside `target`."""
    _clear_stale(target.with_name(next(_part_names(target.name, token))))


def _part_names(name: str, token: str) -> Iterator[str]:
    """Yield the token's own name, then random ones, for when another run has the first."""
    safe = re.sub(r"[^0-9A-Za-z_-]", "-", token)[:40]
    shown = components.shortened(name, components.NAME_LIMIT)
    yield f".{shown}.{safe}.part"
    for _ in range(3):
        yield f".{shown}.{safe}-{secrets.token_hex(4)}.part"


def _clear_stale(path: Path) -> None:
    """Remove the file of a run that has ended; one that lives keeps its lock and its file."""
    try:
        handle = disk.open_unlinked(path, _STALE)
    except OSError:
        return
    try:
        is_stale = (
            _locked(handle) and stat.S_ISREG(os.fstat(handle).st_mode) and _is_at(handle, path)
        )
        if is_stale and not disk.OPEN_FILES_STAY:
            path.unlink()
    except OSError:
        return
    finally:
        os.close(handle)
    if is_stale and disk.OPEN_FILES_STAY:
        # A run that has just opened it keeps it, and then the system refuses this.
        with contextlib.suppress(OSError):
            path.unlink()


def _is_at(handle: int, path: Path) -> bool:
    """Whether `path` still names the open file."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except OSError:
        return False


def _siblings(target: Path) -> Iterator[Path]:
    yield target
    number = 0
    while True:
        number += 1
        yield target.with_name(components.portable(components.numbered(target.name, number)))


def _locked(handle: int) -> bool:
    """Lock an open file, where the file system can; False if another process has the lock."""
    try:
        return lock(handle, wait=False)
    except OSError:
        return True
