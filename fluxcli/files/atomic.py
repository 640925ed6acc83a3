"""The unfinished file beside its target, and the step that makes it whole.

Knows names, modes, links and locks of one folder. A part is called `.NAME.TOKEN.part`; the
token is its task's, so that a later run of the same task clears what a killed one left. A part
is locked while its process lives, so that two runs of one task never share one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from typing import TYPE_CHECKING, Final

from fluxcli.files import filename as components
from fluxcli.system import disk
from fluxcli.system.handle_lock import lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_LINKS = frozenset(
    {errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
)
PROOF: Final = "prove"
"""The token of a file that only tries whether its folder can be written to."""

_FRESH = os.O_RDWR | os.O_CREAT | os.O_EXCL
_STALE = os.O_RDWR | disk.NO_WAIT


class TemporaryFile:
    """An open, empty, private file beside `target`, which is no link and need not exist.

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

    def install(self, *, replace: bool) -> Path:
        """Put the file, already on disk, in its place; return the path it got.

        Without `replace`, a file that stands there stays, and this one lands beside it under
        the first free name (`NAME-1.png`, `NAME-2.png`…): it is paid for, so it is kept.

        Raises:
            OSError: it cannot be put there; the part is still where it was.
        """
        self._set_mode(replace=replace)
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
        """Close the file, and remove the part if it is still there."""
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

    def _set_mode(self, *, replace: bool) -> None:
        """Give it the mode of the file that it replaces, else the one the umask leaves."""
        mode = self._usual_mode
        if replace:
            with contextlib.suppress(OSError):
                mode = stat.S_IMODE(self.target.stat().st_mode)
        disk.set_mode(self.handle, mode)

    def _placed(self, name: Path) -> bool:
        """Give the part the name `name`; False if it is taken."""
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
        """Do the same where files cannot have two names: claim it empty, then replace that."""
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
    """Open a part that is ours alone: its path, its descriptor, and the umask's mode."""
    if token != PROOF:
        clear_leftover(target, PROOF)
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
            # If another run has the lock, it took this file for a dead run's and removes it.
            if _locked(handle) and _is_at(handle, path):
                return path, handle, mode
        except BaseException:
            os.close(handle)
            path.unlink(missing_ok=True)
            raise
        os.close(handle)
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))


def clear_leftover(target: Path, token: str) -> None:
    """Remove the part that a killed run of the task left beside `target`, if there is one."""
    _clear_stale(target.with_name(next(_part_names(target.name, token))))


def _part_names(name: str, token: str) -> Iterator[str]:
    """Yield the task's own name for its part, then random ones: another run has the first."""
    safe = re.sub(r"[^0-9A-Za-z_-]", "-", token)[:40]
    shown = components.shortened(name, components.NAME_LIMIT)
    yield f".{shown}.{safe}.part"
    for _ in range(3):
        yield f".{shown}.{safe}-{secrets.token_hex(4)}.part"


def _clear_stale(path: Path) -> None:
    """Remove the part of a run that is dead; one that is alive keeps its lock and its file."""
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
