"""Structure check of GIF: blocks, sub-blocks, the trailer. Decodes nothing."""

from __future__ import annotations

from typing import Final

from fluxcli.files.byte_reader import BrokenImageError, ByteReader, Walk

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_BLOCKS: Final = 1 << 20


def walk(reader: ByteReader) -> Walk[tuple[int, int]]:
    """Read a GIF up to its trailer; return width and height in pixels.

    Raises:
        BrokenImageError: it is none.
    """
    yield from reader.skip(6)
    head = yield from reader.exactly(7)
    width, height = (int.from_bytes(head[at : at + 2], "little") for at in (0, 2))
    yield from _colours(reader, head[4])
    images = 0
    for _ in range(_BLOCKS):
        kind = yield from reader.number(1)
        if kind == _TRAILER:
            break
        if kind == _IMAGE:
            images += 1
            place = yield from reader.exactly(9)
            yield from _colours(reader, place[8])
        elif kind != _EXTENSION:
            raise BrokenImageError("holds bytes where a block must begin")
        yield from reader.skip(1)
        while size := (yield from reader.number(1)):
            yield from reader.skip(size)
    else:
        raise BrokenImageError("holds more blocks than any image has")
    if not images or not width or not height:
        raise BrokenImageError("ends without image data")
    return width, height


def _colours(reader: ByteReader, flags: int) -> Walk[None]:
    """Skip a colour table, if the flags announce one."""
    if flags & 0x80:
        yield from reader.skip(3 << ((flags & 7) + 1))
