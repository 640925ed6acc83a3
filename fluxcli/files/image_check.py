"""Whether bytes are a whole picture, told while they arrive and without decoding them.

Knows signatures and the walks through PNG and JPEG; keeps no bytes but the first few.
"""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from fluxcli.errors import Code, FluxError
from fluxcli.files import jpeg, png
from fluxcli.files.byte_reader import BrokenImageError, ByteReader, Walk
from fluxcli.files.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Content: TypeAlias = bytes
"""A picture's bytes, where a field called `bytes` holds their number."""

_HEAD = 64
_BLOCK = 1 << 18
PIPED_LIMIT = 64 << 20
"""How many bytes of an input are kept in memory where it comes through a pipe."""
_WALKS: dict[str, Callable[[ByteReader], Walk[tuple[int, int]]]] = {
    "png": png.walk,
    "jpeg": jpeg.walk,
}
_SIGNATURES = (
    (png.SIGNATURE, "png"),
    (jpeg.SIGNATURE, "jpeg"),
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
    """A whole picture: `format` is `png` or `jpeg`, sizes in bytes and pixels, `sha256` in hex."""

    format: str
    bytes: int
    width: int
    height: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A picture to edit: its file, or its bytes in `data` where it came through a pipe."""

    path: Path | None
    sha256: str
    bytes: int
    format: str
    mime: str
    data: Content | None = None


class Inspector:
    """Checks one picture as it arrives, in pieces of any size.

    `hint` is what to do when it is none; it goes into the error.
    """

    def __init__(self, *, hint: str | None = None) -> None:
        self._hint = hint
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._head = b""
        self._format = ""
        self._walk: Walk[tuple[int, int]] | None = None
        self._size: tuple[int, int] | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next piece.

        Raises:
            FluxError: `not_an_image`, as soon as that is certain.
        """
        self._hash.update(chunk)
        self._bytes += len(chunk)
        if self._walk is None:
            self._head += chunk
            if len(self._head) < _HEAD:
                return
            chunk = self._begin()
        self._advance(chunk)

    def finish(self, expected_bytes: int | None = None) -> Inspected:
        """Say what it was; `expected_bytes` is the length that the sender announced.

        Raises:
            FluxError: `not_an_image`: it is none, or not the whole of one.
        """
        if expected_bytes is not None and expected_bytes != self._bytes:
            raise self._refusal(f"has {self._bytes} bytes of the {expected_bytes} announced")
        if self._walk is None:
            self._advance(self._begin())
        if self._size is None:
            raise self._refusal("ends before the picture does")
        width, height = self._size
        return Inspected(
            format=self._format,
            bytes=self._bytes,
            width=width,
            height=height,
            sha256=self._hash.hexdigest(),
        )

    def _begin(self) -> bytes:
        """Choose the walk by the first bytes, and hand them over."""
        head, self._head = self._head, b""
        found = sniff(head)
        if found not in _WALKS:
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
        except BrokenImageError as verdict:
            raise self._refusal(str(verdict)) from verdict

    def _refusal(self, reason: str) -> FluxError:
        return FluxError(Code.NOT_AN_IMAGE, f"the file {reason}", hint=self._hint)


def inspect_file(path: Path) -> Inspected:
    """Check the picture in a file.

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
    """Read a picture to edit: its format, size and hash; a FIFO's bytes are kept in `data`.

    Raises:
        FluxError: `input_unreadable`: no file, an empty one, not a PNG, JPEG or WebP.
    """
    try:
        if path.is_dir():
            raise _unreadable(quoted(path), "is a folder")
        with path.open("rb") as file:
            if not stat.S_ISREG(path.stat().st_mode):
                return input_from(file.read(PIPED_LIMIT + 1), name=quoted(path))
            digest = hashlib.sha256()
            head = file.read(_HEAD)
            block, total = head, 0
            while block:
                digest.update(block)
                total += len(block)
                block = file.read(_BLOCK)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _unreadable(quoted(path), f"cannot be read: {reason}") from error
    return _input(head, name=quoted(path), path=path, digest=digest.hexdigest(), total=total)


def input_from(data: bytes, *, name: str = "stdin") -> Input:
    """Take a picture to edit that came through a pipe; `name` stands for it in messages.

    Raises:
        FluxError: `input_unreadable`: empty, over `PIPED_LIMIT`, or not a PNG, JPEG or WebP.
    """
    if len(data) > PIPED_LIMIT:
        raise _unreadable(name, f"brings more than {PIPED_LIMIT >> 20} MB")
    digest = hashlib.sha256(data).hexdigest()
    return _input(data[:_HEAD], name=name, path=None, digest=digest, total=len(data), data=data)


def _input(
    head: bytes, *, name: str, path: Path | None, digest: str, total: int, data: bytes | None = None
) -> Input:
    found = sniff(head)
    if found not in _MIME:
        raise _unreadable(name, _described(head, found))
    return Input(path=path, sha256=digest, bytes=total, format=found, mime=_MIME[found], data=data)


def _unreadable(name: str, reason: str) -> FluxError:
    return FluxError(
        Code.INPUT_UNREADABLE, f"{name} {reason}", hint="give a PNG, JPEG or WebP picture"
    )


def _described(head: bytes, found: str | None) -> str:
    """Say what the bytes are instead of a picture that we know."""
    if found is not None:
        return f"is {found.upper()}, which is of no use here"
    if not head:
        return "is empty"
    if not head.strip(b"\0"):
        return "holds only zero bytes"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for starts, name in ((b"<", "HTML or XML"), (b"{", "JSON"), (b"[", "JSON")):
        if text.startswith(starts):
            return f"is {name}, not a picture"
    if any(signature.startswith(head) for signature, _ in _SIGNATURES):
        return "ends before the picture does"
    return "does not begin as a picture does"
