"""Check that bytes are a whole image, while they arrive and without decoding them.

Knows signatures and the structure of each format; keeps no bytes but the first few.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
from typing import TYPE_CHECKING, TypeAlias

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.files import gif_check, isobmff_check, jpeg_check, png_check, webp_check
from fluxcli.files.byte_reader import BrokenImageError, ByteReader, Walk
from fluxcli.files.quoting import quoted
from fluxcli.system.bounded_read import read_at_most
from fluxcli.task_types import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from pathlib import Path
    from typing import BinaryIO

Content: TypeAlias = bytes
"""An image's bytes, where a field called `bytes` holds their number."""

HEAD_BYTES = 64
"""The number of first bytes that `sniff` needs."""

_BLOCK = 1 << 18
PIPED_LIMIT = 64 << 20
"""How many bytes of an input are kept in memory where it comes through a pipe."""
_WALKS: dict[str, Callable[[ByteReader], Walk[tuple[int, int]]]] = {
    "png": png_check.walk,
    "jpeg": jpeg_check.walk,
    "webp": webp_check.walk,
    "gif": gif_check.walk,
    "avif": isobmff_check.walk,
    "heic": isobmff_check.walk,
}
_SIGNATURES = (
    (png_check.SIGNATURE, "png"),
    (jpeg_check.SIGNATURE, "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"%PDF-", "pdf"),
    (b"\xff\x0a", "jxl"),
    (b"\0\0\0\x0cJXL ", "jxl"),
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
)
_BRANDS = {b"avif": "avif", b"avis": "avif", b"heic": "heic", b"heix": "heic", b"mif1": "heic"}
_MIME = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A whole image: its `format` (`png`, `webp`…), sizes in bytes and pixels, `sha256` in hex."""

    format: str
    bytes: int
    width: int
    height: int
    sha256: str

    def at(self, path: Path | None) -> Picture:
        """Return the image as saved at `path`; None: on stdout."""
        return Picture(
            path=path,
            bytes=self.bytes,
            width=self.width,
            height=self.height,
            sha256=self.sha256,
            format=self.format,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An image to edit: its file, or its bytes in `data` where it came through a pipe."""

    path: Path | None
    sha256: str
    bytes: int
    format: str
    mime: str
    data: Content | None = None


class Inspector:
    """Checks one image as it arrives, in pieces of any size.

    `hint` is what to do when it is none; it goes into the error, as does `name`. `accepted` are
    the formats; None means all that can be checked.
    """

    def __init__(
        self,
        *,
        hint: str | None = None,
        name: str = "the file",
        accepted: Container[str] | None = None,
    ) -> None:
        self._hint = hint
        self._name = name
        self._accepted = _WALKS if accepted is None else accepted
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._head = b""
        self._format = ""
        self._walk: Walk[tuple[int, int]] | None = None
        self._size: tuple[int, int] | None = None

    def feed(self, chunk: bytes) -> None:
        """Check the next piece.

        Raises:
            FluxError: `not_an_image`, as soon as that is certain.
        """
        self._hash.update(chunk)
        self._bytes += len(chunk)
        if self._walk is None:
            self._head += chunk
            if len(self._head) < HEAD_BYTES:
                return
            chunk = self._begin()
        self._advance(chunk)

    def finish(self, expected_bytes: int | None = None) -> Inspected:
        """Return what it was; `expected_bytes` is the length that the sender announced.

        Raises:
            FluxError: `not_an_image`: it is none, or not the whole of one.
        """
        if expected_bytes is not None and expected_bytes != self._bytes:
            raise self._refusal(f"has {self._bytes} bytes of the {expected_bytes} announced")
        if self._walk is None:
            self._advance(self._begin())
        if self._size is None:
            raise self._refusal("is truncated: it ends before the image does")
        width, height = self._size
        return Inspected(
            format=self._format,
            bytes=self._bytes,
            width=width,
            height=height,
            sha256=self._hash.hexdigest(),
        )

    def _begin(self) -> bytes:
        """Choose the format's check by the first bytes, and return them."""
        head, self._head = self._head, b""
        found = sniff(head)
        if found is None or found not in self._accepted:
            raise self._refusal(_described(head, found))
        self._format = found
        self._walk = _WALKS[found](ByteReader())
        next(self._walk)
        return head

    def _advance(self, chunk: bytes) -> None:
        if not chunk or self._size is not None or self._walk is None:
            return
        try:
            self._walk.send(chunk)
        except StopIteration as end:
            self._size = end.value
        except BrokenImageError as error:
            raise self._refusal(str(error)) from error

    def _refusal(self, reason: str) -> FluxError:
        return FluxError(Code.NOT_AN_IMAGE, f"{self._name} {reason}", hint=self._hint)


def inspect_file(path: Path) -> Inspected:
    """Check the image in a file.

    Raises:
        FluxError: `not_an_image`.
        OSError: it cannot be read.
    """
    inspector = Inspector()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            inspector.feed(block)
    return inspector.finish()


def sniff(head: bytes) -> str | None:
    """Return the format that the first bytes (a dozen are enough) belong to, by its short name."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    return next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)


def read_input(path: Path) -> Input:
    """Read and check an image to edit; a FIFO's bytes are kept in `data`.

    Raises:
        FluxError: `input_unreadable`: no file, or not the whole of a PNG, JPEG or WebP.
    """
    name = quoted(path)
    try:
        if path.is_dir():
            raise _unreadable(name, "is a folder")
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return input_from(read_at_most(file, PIPED_LIMIT), name=name)
            return _checked_input(iter(lambda: file.read(_BLOCK), b""), name=name, path=path)
    except OSError as error:
        reason = reason_of(error)
        raise _unreadable(name, f"cannot be read: {reason}") from error


def input_from(data: bytes, *, name: str = "stdin") -> Input:
    """Check an image to edit that came through a pipe; `name` is its name in messages.

    Raises:
        FluxError: `input_unreadable`: over `PIPED_LIMIT`, or not the whole of a PNG, JPEG or WebP.
    """
    if len(data) > PIPED_LIMIT:
        raise _unreadable(name, f"brings more than {PIPED_LIMIT >> 20} MB")
    return _checked_input(iter([data]), name=name, data=data)


def _checked_input(
    blocks: Iterator[bytes], *, name: str, path: Path | None = None, data: bytes | None = None
) -> Input:
    inspector = Inspector(name=name, accepted=_MIME)
    try:
        for block in blocks:
            inspector.feed(block)
        found = inspector.finish()
    except FluxError as error:
        hint = "give a whole PNG, JPEG or WebP image; nothing was sent"
        raise FluxError(Code.INPUT_UNREADABLE, error.message, hint=hint) from error
    return Input(
        path=path,
        sha256=found.sha256,
        bytes=found.bytes,
        format=found.format,
        mime=_MIME[found.format],
        data=data,
    )


class OpenInput:
    """An image to edit, opened for one upload; what is read is hashed again.

    Raises:
        FluxError: `input_unreadable`.
    """

    def __init__(self, image: Input) -> None:
        self._image = image
        self._hash = hashlib.sha256()
        self._file: BinaryIO
        if image.path is None:
            self._file = io.BytesIO(image.data or b"")
            return
        try:
            self._file = image.path.open("rb")
        except OSError as error:
            reason = reason_of(error)
            raise _unreadable(quoted(image.path), f"cannot be read any more: {reason}") from error

    def read(self, count: int = -1) -> bytes:
        """Return the next bytes."""
        data = self._file.read(count)
        self._hash.update(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position; from the beginning, the bytes are hashed again."""
        if (offset, whence) == (0, 0):
            self._hash = hashlib.sha256()
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file; it was only read, so a failure means nothing."""
        with contextlib.suppress(OSError):
            self._file.close()

    def check(self) -> None:
        """Check, after an upload, that the bytes that were read are the ones that were checked.

        Raises:
            FluxError: `input_unreadable`: the file changed meanwhile.
        """
        if self._hash.hexdigest() != self._image.sha256:
            name = quoted(self._image.path or "stdin")
            raise _unreadable(name, "changed after it was checked; nothing was charged")


def _unreadable(name: str, reason: str) -> FluxError:
    return FluxError(
        Code.INPUT_UNREADABLE, f"{name} {reason}", hint="give a PNG, JPEG or WebP image"
    )


def _described(head: bytes, found: str | None) -> str:
    """Describe what the bytes are instead of an image."""
    if found is not None:
        return f"is {found.upper()}, which cannot be used here"
    if not head:
        return "is empty"
    if not head.strip(b"\0"):
        return "holds only zero bytes"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for starts, name in ((b"<", "HTML or XML"), (b"{", "JSON"), (b"[", "JSON")):
        if text.startswith(starts):
            return f"is {name}, not an image"
    if any(signature.startswith(head) for signature, _ in _SIGNATURES):
        return "is truncated: it ends before the image does"
    return "is not an image"
