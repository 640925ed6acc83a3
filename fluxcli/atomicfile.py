"""The atomic write: a small file is replaced as a whole, or stays as it was."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from fluxcli.system import disk


def write_atomically(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write `data` to `path` in one step; it is on the disk on return.

    The data goes to a new private file beside the target, never through a link or into a file
    that exists. If `path` is a link, the file that it names is replaced. `mode` is the new
    file's mode; with None, the mode of an existing file is kept, and a new one has what the
    umask leaves of 0666.

    Raises:
        OSError: it cannot be written, or the target is no regular file; it is unchanged.
    """
    target = Path(os.path.realpath(path))
    wanted = mode
    with contextlib.suppress(FileNotFoundError):
        found = target.stat().st_mode
        if not stat.S_ISREG(found):
            raise OSError(0, "not a regular file")
        wanted = stat.S_IMODE(found) if mode is None else mode
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    handle = disk.open_unlinked(temporary, flags, 0o666 if wanted is None else 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if wanted is not None:
                disk.set_mode(file.fileno(), wanted)
            disk.sync(file.fileno())
        disk.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    disk.sync_folder(target.parent)
