"""The unfinished file beside its target, and the step that makes it whole.

Knows names, modes, links and locks of one folder. A part is called `.NAME.TOKEN.part`; the
token is its task's, so that a later run of the same task clears what a killed one left. A part
is locked while its process lives, so that two runs of one task never share one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
from typing import TYPE_CHECKING

from fluxcli.atomicfile import sync_folder
from fluxcli.files import filename as components

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_LINKS = frozenset(
    {errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
)
_FRESH = os.O_RDWR | os.O_CREAT | os.O_EXCL
_STALE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK


class TemporaryFile:
    """An open, empty, private file beside `target`, which is no link and need not exist.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, target: Path, *, token: str) -> None:
        self.target = target
        self.path, self.handle, self._usual_mode = _opened(target, token)

    def install(self, *, replace: bool) -> Path:
        """Put the file, already on disk, in its place; return the path it got.

        Without `replace`, a file that stands there stays, and this one lands beside it under
        the first free name (`NAME-1.png`, `NAME-2.png`…): it is paid for, so it is kept.

        Raises:
            OSError: it cannot be put there; the part is still where it was.
        """
        self._set_mode(replace=replace)
        if replace:
            self.path.replace(self.target)
            final = self.target
        else:
            final = next(name for name in _siblings(self.target) if self._placed(name))
        sync_folder(final.parent)
        return final

    def discard(self) -> None:
        """Remove the part, if it is still there."""
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _set_mode(self, *, replace: bool) -> None:
        """Give it the mode of the file that it replaces, else the one the umask leaves."""
        mode = self._usual_mode
        if replace:
            with contextlib.suppress(OSError):
                mode = stat.S_IMODE(self.target.stat().st_mode)
        _change_mode(self.handle, mode)

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
        self.discard()
        return True

    def _claimed(self, name: Path) -> bool:
        """Do the same where files cannot have two names: claim it empty, then replace that."""
        try:
            os.close(os.open(name, _FRESH, 0o600))
        except FileExistsError:
            return False
        try:
            self.path.replace(name)
        except OSError:
            name.unlink()
            raise
        return True


def _opened(target: Path, token: str) -> tuple[Path, int, int]:
    """Open a part that is ours alone: its path, its descriptor, and the umask's mode."""
    for name in _part_names(target.name, token):
        path = target.with_name(name)
        _clear_stale(path)
        # Made with the usual mode to learn what the umask leaves of it (it cannot be read
        # without being changed, for all threads at once), and closed to others while empty.
        try:
            handle = os.open(path, _FRESH, 0o666)
        except FileExistsError:
            continue
        try:
            mode = stat.S_IMODE(os.fstat(handle).st_mode)
            _change_mode(handle, 0o600)
            _lock(handle)
            if _is_at(handle, path):
                return path, handle, mode
        except BlockingIOError:
            # Another run of the task took ours for a dead one's before it was locked.
            pass
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
        handle = os.open(path, _STALE)
    except OSError:
        return
    try:
        _lock(handle)
        if stat.S_ISREG(os.fstat(handle).st_mode) and _is_at(handle, path):
            path.unlink()
    except OSError:
        return
    finally:
        os.close(handle)


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


def _lock(handle: int) -> None:
    """Lock, where the file system can; a lock that is held raises BlockingIOError."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return


def _change_mode(handle: int, mode: int) -> None:
    # Some file systems know no modes; the image is worth more than its mode.
    with contextlib.suppress(OSError):
        os.fchmod(handle, mode)
