"""Structure check of WebP: the RIFF container, its chunks, the headers of the coded images.

Knows the container (RFC 9649); decodes nothing. Bytes after the container are allowed.
"""

from __future__ import annotations

from typing import Final

from fluxcli.files.byte_reader import BrokenImageError, ByteReader, Walk

_CHUNKS: Final = 1 << 16
_EXTENDED_SIZE: Final = 10
_FRAME_HEADER: Final = 16
_LOSSY_HEADER: Final = 10
_LOSSLESS_HEADER: Final = 5
_LOSSY_START: Final = b"\x9d\x01\x2a"
_LOSSLESS_START: Final = 0x2F


def walk(reader: ByteReader) -> Walk[tuple[int, int]]:
    """Read a WebP up to its end; return width and height in pixels.

    Raises:
        BrokenImageError: it is none, or not whole.
    """
    yield from reader.skip(4)
    left = yield from _little(reader, 4)
    yield from reader.skip(4)
    left -= 4
    size: tuple[int, int] | None = None
    canvas: tuple[int, int] | None = None
    for _ in range(_CHUNKS):
        if left < 8:  # noqa: PLR2004 - a chunk's header
            break
        kind = yield from reader.exactly(4)
        length = yield from _little(reader, 4)
        padded = length + length % 2
        left -= 8 + padded
        # Some encoders leave the last padding byte out of the container's length.
        if left < -1:
            raise BrokenImageError("has a chunk that is longer than the file says")
        if kind == b"VP8X":
            canvas = yield from _extended(reader, length)
        elif kind in {b"VP8 ", b"VP8L"}:
            found = yield from _image(reader, kind, length)
            size = size or found
        elif kind == b"ANMF":
            found = yield from _frame(reader, length)
            size = size or found
        else:
            yield from reader.skip(length)
        if length % 2 and left >= 0:
            yield from reader.skip(1)
    else:
        raise BrokenImageError("holds more chunks than any image has")
    if size is None:
        raise BrokenImageError("ends without image data")
    return canvas or size


def _little(reader: ByteReader, count: int) -> Walk[int]:
    return int.from_bytes((yield from reader.exactly(count)), "little")


def _extended(reader: ByteReader, length: int) -> Walk[tuple[int, int]]:
    if length < _EXTENDED_SIZE:
        raise BrokenImageError("has a damaged header")
    yield from reader.skip(4)
    width = (yield from _little(reader, 3)) + 1
    height = (yield from _little(reader, 3)) + 1
    yield from reader.skip(length - _EXTENDED_SIZE)
    return width, height


def _frame(reader: ByteReader, length: int) -> Walk[tuple[int, int]]:
    """Read a frame of an animation: a header, and chunks of which one is an image."""
    if length < _FRAME_HEADER:
        raise BrokenImageError("has a damaged frame")
    yield from reader.skip(6)
    width = (yield from _little(reader, 3)) + 1
    height = (yield from _little(reader, 3)) + 1
    yield from reader.skip(length - 12)
    return width, height


def _image(reader: ByteReader, kind: bytes, length: int) -> Walk[tuple[int, int]]:
    """Read one coded image: lossy (`VP8 `) or lossless (`VP8L`)."""
    if length < (_LOSSY_HEADER if kind == b"VP8 " else _LOSSLESS_HEADER):
        raise BrokenImageError("has image data that are too short")
    if kind == b"VP8L":
        start = yield from reader.number(1)
        bits = yield from _little(reader, 4)
        yield from reader.skip(length - _LOSSLESS_HEADER)
        if start != _LOSSLESS_START:
            raise BrokenImageError("has damaged image data")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    tag = yield from _little(reader, 3)
    start_code = yield from reader.exactly(3)
    width = (yield from _little(reader, 2)) & 0x3FFF
    height = (yield from _little(reader, 2)) & 0x3FFF
    yield from reader.skip(length - _LOSSY_HEADER)
    if start_code != _LOSSY_START or tag & 1 or not width or not height:
        raise BrokenImageError("has damaged image data")
    if tag >> 5 > length - _LOSSY_HEADER:
        raise BrokenImageError("has image data that end too early")
    return width, height
