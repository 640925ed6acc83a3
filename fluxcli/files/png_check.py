"""Structure check of PNG: chunks, checksums, number of rows.

Knows the format (ISO/IEC 15948), decodes no colours. Bytes after the last chunk are allowed,
as every decoder allows them.
"""

from __future__ import annotations

import struct
import zlib

from fluxcli.files.byte_reader import BrokenImageError, ByteReader, Walk

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")
_LENGTH_LIMIT = 0x7FFF_FFFF
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""The passes of an interlaced image: first column and row, step across and down."""
_CHUNKS = 1 << 16
"""The most chunks of one image: an endless row of empty ones must stop."""

_WINDOW = 1 << 16
"""How many bytes are handled in one step, before and after decompression."""


class _Pixels:
    """Decompresses the pixel data and counts it, without keeping it."""

    def __init__(self, expected: int) -> None:
        self._left = expected
        self._stream = zlib.decompressobj()

    def feed(self, data: bytes) -> None:
        # Data beyond the last row is ignored by decoders, and may be a decompression bomb.
        while data and self._left > 0 and not self._stream.eof:
            self._inflate(data)
            data = self._stream.unconsumed_tail

    def finish(self) -> None:
        # At most the few rows that the last bits stand for are still to come.
        self._inflate(b"")
        if self._left > 0:
            raise BrokenImageError("holds fewer rows than its header says")

    def _inflate(self, data: bytes) -> None:
        try:
            self._left -= len(self._stream.decompress(data, _WINDOW))
        except zlib.error as error:
            raise BrokenImageError("holds pixel data that do not decompress") from error


def walk(reader: ByteReader) -> Walk[tuple[int, int]]:
    """Read a PNG up to its end; return width and height in pixels.

    Raises:
        BrokenImageError: it is none.
    """
    yield from reader.skip(len(SIGNATURE))
    width, height, pixels = _header((yield from _first_chunk(reader)))
    for _ in range(_CHUNKS):
        length = yield from reader.number(4)
        kind = yield from reader.exactly(4)
        if length > _LENGTH_LIMIT or not kind.isalpha():
            raise BrokenImageError("holds bytes where a chunk must begin")
        yield from _body(reader, kind, length, pixels if kind == b"IDAT" else None)
        if kind == b"IEND":
            pixels.finish()
            return width, height
    raise BrokenImageError("holds more chunks than any image has")


def _first_chunk(reader: ByteReader) -> Walk[bytes]:
    """Read the chunk that must come first, and return its data."""
    length = yield from reader.number(4)
    kind = yield from reader.exactly(4)
    if kind != b"IHDR" or length != _HEADER.size:
        raise BrokenImageError("does not begin with a header")
    data = yield from reader.exactly(length)
    if (yield from reader.number(4)) != zlib.crc32(data, zlib.crc32(kind)):
        raise BrokenImageError("has a damaged header")
    return data


def _body(reader: ByteReader, kind: bytes, length: int, pixels: _Pixels | None) -> Walk[None]:
    checksum = zlib.crc32(kind)
    while length:
        data = yield from reader.some(min(length, _WINDOW))
        length -= len(data)
        checksum = zlib.crc32(data, checksum)
        if pixels is not None:
            pixels.feed(data)
    if (yield from reader.number(4)) != checksum:
        raise BrokenImageError(f"has a chunk {kind.decode()} whose checksum is wrong")


def _header(data: bytes) -> tuple[int, int, _Pixels]:
    width, height, depth, colour, compression, filtering, interlace = _HEADER.unpack(data)
    if not 0 < width <= _LENGTH_LIMIT or not 0 < height <= _LENGTH_LIMIT:
        raise BrokenImageError("says that it is 0 pixels wide or high")
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise BrokenImageError("has a header that no decoder understands")
    bits = depth * _CHANNELS[colour]
    return width, height, _Pixels(_data_size(width, height, bits, interlaced=interlace == 1))


def _data_size(width: int, height: int, bits: int, *, interlaced: bool) -> int:
    """Return how many bytes the rows take before compression, each with its filter byte."""
    if not interlaced:
        return height * (1 + (width * bits + 7) // 8)
    total = 0
    for left, top, across, down in _ADAM7:
        columns = (width - left + across - 1) // across
        rows = (height - top + down - 1) // down
        if columns > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total
