"""Receive one image into a file or a stream: whole and checked, or not at all.

Knows files, not where bytes come from. The final path holds the old file or the new, whole one,
never a part. A failure of the disk becomes an error that names the command that downloads the
image again.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.files.atomic import TemporaryFile, clear_leftover
from fluxcli.files.image_check import Inspected, Inspector
from fluxcli.files.output_path import descriptor, is_device
from fluxcli.files.quoting import quoted
from fluxcli.system import disk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fluxcli.task_types import Picture

RESUME = "fluxcli download --unsaved"
"""The command that resolves every failure here: downloading again is free."""


_TRIES: Final = 50

RESULT_LIMIT: Final = 256 << 20
"""The most bytes of one image; the service makes about a megapixel."""


class _Intake:
    """Writes an image's bytes, at most `limit`, into an open file and checks them."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._left = limit
        self._inspector = Inspector(hint=RESUME, name="the downloaded file")
        self._file: BinaryIO | None = None
        self._inspected: Inspected | None = None

    def write(self, chunk: bytes) -> None:
        """Write the next piece, of any size.

        Raises:
            FluxError: `not_an_image`, as soon as that is certain; `disk`.
        """
        self._inspector.feed(chunk)
        self._left -= len(chunk)
        if self._left < 0:
            raise FluxError(
                Code.NOT_AN_IMAGE, "the downloaded file is too big for an image", hint=RESUME
            )
        with _translated(self._name):
            self._open.write(chunk)

    def check(self, expected_bytes: int | None = None) -> Inspected:
        """Return what arrived, after the last piece; it is on the disk then.

        Raises:
            FluxError: `not_an_image`: not a whole image; `disk`.
        """
        self._inspected = self._inspector.finish(expected_bytes)
        with _translated(self._name):
            self._sync()
        return self._inspected

    def __exit__(self, *_: object) -> None:
        # What matters has been synced, or the file is discarded.
        with contextlib.suppress(OSError):
            self._open.close()

    def _sync(self) -> None:
        """Make the bytes durable."""
        self._open.flush()
        disk.sync(self._open.fileno())

    @property
    def _open(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("not entered")
        return self._file

    def _picture(self, path: Path | None) -> Picture:
        if self._inspected is None:
            raise ValueError("not checked")
        return self._inspected.at(path)


class Spool(_Intake):
    """An image that goes to a stream: collected in memory until it is checked."""

    def __init__(self, *, limit: int = RESULT_LIMIT) -> None:
        super().__init__("memory", limit)

    def __enter__(self) -> Self:
        self._file = io.BytesIO()
        return self

    def _sync(self) -> None:
        self._open.flush()

    def reader(self) -> BinaryIO:
        """Return the checked image's bytes, from their beginning; valid until the exit."""
        self._picture(None)
        self._open.seek(0)
        return self._open

    def picture(self) -> Picture:
        """Return what was checked; it has no path."""
        return self._picture(None)


class Landing(_Intake):
    """An image that goes to `path`: written beside it, checked, then put in its place.

    `token` is the task's: what an earlier, killed run of it left is cleared away. Missing
    folders are made. A link stays and the file that it names is replaced. Devices and FIFOs
    are written into, after the check. Without `commit`, nothing is left behind.
    """

    def __init__(self, path: Path, *, token: str, limit: int = RESULT_LIMIT) -> None:
        super().__init__(quoted(path), limit)
        self._path = path
        self._token = token
        self._part: TemporaryFile | None = None

    def __enter__(self) -> Self:
        with _translated(self._name):
            if is_device(self._path):
                self._file = io.BytesIO()
                return self
            real = Path(os.path.realpath(self._path))
            if real.is_dir():
                raise _disk(self._name, "is a folder")
            self._part = temporary_beside(real, token=self._token)
            self._file = self._part.file
        return self

    def commit(self, *, replace: bool) -> Picture:
        """Put the checked image in its place; return it with the path that it got.

        Without `replace`, a file that appeared there meanwhile stays, and the image is
        saved beside it under the first free name: compare `path` with the one asked for.

        Raises:
            FluxError: `disk`: it cannot be put there, and nothing is left behind.
        """
        picture = self._picture(self._path)
        with _translated(self._name):
            if self._part is None:
                self._pour()
                return picture
            final = self._part.install(replace=replace)
        return picture if final == self._part.target else self._picture(final)

    def __exit__(self, *_: object) -> None:
        if self._part is not None:
            self._part.discard()
        super().__exit__()

    def _sync(self) -> None:
        if self._part is None:
            self._open.flush()
        else:
            super()._sync()

    def _pour(self) -> None:
        """Write into the device; a descriptor of this process is shared, not opened again."""
        self._open.seek(0)
        shared = descriptor(self._path)
        sink = os.open(self._path, os.O_WRONLY | disk.BINARY) if shared is None else os.dup(shared)
        with os.fdopen(sink, "wb") as file:
            shutil.copyfileobj(self._open, file)


def temporary_beside(path: Path, *, token: str) -> TemporaryFile:
    """Make the folders of `path` and a temporary file beside it.

    Another command that only tries the same place may remove an empty folder in between.

    Raises:
        OSError: it cannot be made.
    """
    for left in reversed(range(_TRIES)):
        try:
            disk.make_folders(path.parent)
            return TemporaryFile(path, token=token)
        except (FileExistsError, FileNotFoundError, NotADirectoryError):
            # The folder may have been removed and made again in between.
            if not left or path.parent.is_file():
                raise
    raise AssertionError


def tidy(path: Path, *, token: str) -> None:
    """Remove the temporary file that a killed run left beside a saved image."""
    if not is_device(path):
        clear_leftover(Path(os.path.realpath(path)), token)


@contextlib.contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _disk(name, reason_of(error)) from error


def _disk(name: str, reason: str) -> FluxError:
    return FluxError(Code.DISK, f"the image cannot be written to {name}: {reason}", hint=RESUME)
