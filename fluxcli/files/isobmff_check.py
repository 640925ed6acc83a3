"""Structure check of AVIF and HEIC: the boxes of ISO/IEC 14496-12. Decodes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.files.byte_reader import BrokenImageError, ByteReader, Walk

if TYPE_CHECKING:
    from collections.abc import Iterator

_META_LIMIT: Final = 4 << 20
_BOXES: Final = 1 << 12
_PARENTS: Final = frozenset({b"meta", b"iprp", b"ipco"})


def walk(reader: ByteReader) -> Walk[tuple[int, int]]:
    """Read the boxes up to the image's data; return width and height in pixels.

    Raises:
        BrokenImageError: it is none, or its size is not stated.
    """
    size: tuple[int, int] | None = None
    has_data = False
    for _ in range(_BOXES):
        length = yield from reader.number(4)
        kind = yield from reader.exactly(4)
        head = 8
        if length == 1:
            length, head = (yield from reader.number(8)), 16
        if length < head:
            raise BrokenImageError("has a box without a length")
        if kind == b"meta":
            if length > _META_LIMIT:
                raise BrokenImageError("has a header that is too big")
            body = yield from _taken(reader, length - head)
            size = max(_sizes(b"meta", body), default=None)
            has_data = has_data or b"idat" in body
        else:
            yield from reader.skip(length - head)
            has_data = has_data or kind == b"mdat"
        if size is not None and has_data:
            return size
    raise BrokenImageError("holds more boxes than any image has")


def _taken(reader: ByteReader, count: int) -> Walk[bytes]:
    pieces: list[bytes] = []
    while count:
        piece = yield from reader.some(count)
        count -= len(piece)
        pieces.append(piece)
    return b"".join(pieces)


def _sizes(kind: bytes, body: bytes) -> Iterator[tuple[int, int]]:
    """Yield the sizes stated in the `ispe` boxes inside a box."""
    at = 4 if kind == b"meta" else 0
    while at + 8 <= len(body):
        length = int.from_bytes(body[at : at + 4])
        inner = body[at + 4 : at + 8]
        if length < 8 or at + length > len(body):  # noqa: PLR2004 - a box's header
            raise BrokenImageError("has a damaged header")
        content = body[at + 8 : at + length]
        if inner in _PARENTS:
            yield from _sizes(inner, content)
        elif inner == b"ispe" and len(content) >= 12:  # noqa: PLR2004 - flags, width, height
            yield int.from_bytes(content[4:8]), int.from_bytes(content[8:12])
        at += length
