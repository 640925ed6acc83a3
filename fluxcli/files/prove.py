"""Prove, before anything is paid, that an image can be saved where it is to go.

Does what saving will do: makes missing folders, creates the temporary file, reserves space.
Then it removes all of it, so that nothing is left of a command that stops. What a killed process
or a power failure left of it is removed when the image is saved.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.errors import LIMITS_HINT, Code, FluxError, exhausted, reason_of
from fluxcli.files.atomic import clear_leftover
from fluxcli.files.output_path import descriptor, is_device, resolve
from fluxcli.files.quoting import quoted
from fluxcli.files.receive import temporary_beside
from fluxcli.system.headroom import need_handles

if TYPE_CHECKING:
    from fluxcli.files.output_path import NameValues, OutputTarget

IMAGE_BYTES: Final = {"png": 3 << 20, "jpg": 1 << 20}
"""Space reserved for one image by its ending: about a megapixel, of the less compressible kind."""

_LIKELY: Final = 3
"""Most images take a third of that space: enough for an estimate over many of them."""

_HANDLES: Final = 2
"""Files that are open at once while an image takes its place: itself and its folder."""

_ID: Final = "0" * 32
_TOKEN: Final = "prove"  # noqa: S105 - part of a file name
_FULL_DEVICE: Final = (1, 7)
_ZEROS: Final = bytes(1 << 16)
_NO_RESERVE: Final = frozenset(
    {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV, errno.ESPIPE}
)


def prove_writable(target: OutputTarget, values: NameValues) -> None:
    """Check that the images of a command can be saved at `target`, by trying it with one.

    `values.id` may be None: an id of the usual length stands for it. Space is checked for all
    `values.count` images.

    Raises:
        FluxError: OUTPUT_UNWRITABLE, or NO_RESOURCES without enough file handles; nothing is
            left behind.
    """
    try:
        need_handles(_HANDLES)
        if target.kind != "stdout":
            _prove_place(target, values)
    except OSError as error:
        lack = exhausted(error, sent=False)
        if lack is None:
            raise
        raise lack from error


def clear_proof(target: OutputTarget, values: NameValues) -> None:
    """Remove what `prove_writable`, called with the same, left in a process that was killed."""
    if target.kind != "stdout":
        path = resolve(target, replace(values, id=values.id or _ID))
        if not is_device(path):
            clear_leftover(Path(os.path.realpath(path)), _TOKEN)


def _prove_place(target: OutputTarget, values: NameValues) -> None:
    path = resolve(target, replace(values, id=values.id or _ID))
    each = IMAGE_BYTES.get(values.ext, IMAGE_BYTES["png"])
    try:
        if is_device(path):
            _prove_device(path)
        else:
            _prove_file(Path(os.path.realpath(path)), each, values.count)
    except (OSError, ValueError) as error:
        if exhausted(error, sent=False) is not None:
            raise
        reason = reason_of(error)
        is_over_limit = getattr(error, "errno", None) == errno.EFBIG
        hint = LIMITS_HINT if is_over_limit else "choose another `--output`"
        raise _unwritable(path, f"cannot be written: {reason}", hint) from error


def _prove_device(path: Path) -> None:
    number = descriptor(path)
    found = path.stat() if number is None else os.fstat(number)
    if sys.platform != "linux" or not stat.S_ISCHR(found.st_mode):
        return
    if (os.major(found.st_rdev), os.minor(found.st_rdev)) == _FULL_DEVICE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _prove_file(path: Path, each: int, count: int) -> None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    with contextlib.suppress(FileNotFoundError):
        # A name that the file system cannot hold fails here.
        path.lstat()
    missing = list(itertools.takewhile(lambda one: not one.exists(), path.parents))
    try:
        part = temporary_beside(path, token=_TOKEN)
        try:
            _reserve(part.handle, each)
            _check_space(part.handle, each * count // _LIKELY)
        finally:
            part.discard()
    finally:
        with contextlib.suppress(OSError):
            for one in missing:
                if one.exists():
                    one.rmdir()


def _reserve(handle: int, size: int) -> None:
    """Take `size` bytes of the disk for an open file, as far as the file system can."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(handle, 0, size)
        except OSError as error:
            if error.errno not in _NO_RESERVE:
                raise
        else:
            return
    left = size
    while left > 0:
        left -= os.write(handle, _ZEROS[: min(left, len(_ZEROS))])


def _check_space(handle: int, size: int) -> None:
    if not hasattr(os, "fstatvfs"):
        return
    found = os.fstatvfs(handle)
    # Some network file systems report no sizes at all.
    if found.f_blocks and found.f_bavail * found.f_frsize < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _unwritable(path: Path, reason: str, hint: str) -> FluxError:
    message = f"{quoted(path)} {reason}; nothing was sent"
    return FluxError(Code.OUTPUT_UNWRITABLE, message, hint=hint)
