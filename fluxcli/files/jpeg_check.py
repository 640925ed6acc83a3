"""Structure check of JPEG: segments, scans, the end mark.

Knows the format (ITU-T T.81), decodes nothing: damage inside the coded data that leaves its
framing whole is not seen. Bytes after the end mark are allowed, as every decoder allows them.
"""

from __future__ import annotations

import re

from fluxcli.files.byte_reader import BrokenImageError, ByteReader, Walk

SIGNATURE = b"\xff\xd8\xff"
_MARK = 0xFF
_START, _END, _SCAN, _LINES, _TEMPORARY = 0xD8, 0xD9, 0xDA, 0xDC, 0x01
_RESTARTS = range(0xD0, 0xD8)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_FRAME_LEAST = 9
_SEGMENTS = 1 << 16
"""The most segments of one image: an endless row of empty ones must stop."""
_NO_FILL = re.compile(rb"[^\xff]")
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7]")
"""What ends a scan: neither a stuffed byte nor a restart."""


def walk(reader: ByteReader) -> Walk[tuple[int, int]]:
    """Read a JPEG up to its end; return width and height in pixels.

    Raises:
        BrokenImageError: it is none.
    """
    yield from reader.skip(2)
    width = height = scans = segments = 0
    marker = yield from _marker(reader)
    while marker != _END:
        segments += 1
        if segments > _SEGMENTS:
            raise BrokenImageError("holds more segments than any image has")
        if marker in _FRAMES and not width:
            width, height = yield from _frame(reader)
        elif marker == _LINES:
            yield from reader.skip(2)
            lines = yield from reader.number(2)
            height = height or lines
        elif marker == _SCAN:
            scans += 1
            marker = yield from _scan(reader, seen_frame=width > 0)
            continue
        elif marker == _START:
            raise BrokenImageError("begins a second time before it has ended")
        elif marker != _TEMPORARY and marker not in _RESTARTS:
            yield from _segment(reader)
        marker = yield from _marker(reader)
    if not scans:
        raise BrokenImageError("ends without image data")
    if not height:
        raise BrokenImageError("does not say how high it is")
    return width, height


def _marker(reader: ByteReader) -> Walk[int]:
    """Read a marker where one must stand; any number of fill bytes may come first."""
    if (yield from reader.number(1)) != _MARK:
        raise BrokenImageError("holds bytes where a segment must begin")
    return (yield from _marker_code(reader))


def _marker_code(reader: ByteReader) -> Walk[int]:
    code = _MARK
    while code == _MARK:
        reader.jump(_NO_FILL)
        code = yield from reader.number(1)
    return code


def _length(reader: ByteReader) -> Walk[int]:
    """Read a segment's length; return how much of it is left, for it counts itself."""
    left = (yield from reader.number(2)) - 2
    if left < 0:
        raise BrokenImageError("has a segment of no length")
    return left


def _segment(reader: ByteReader) -> Walk[None]:
    yield from reader.skip((yield from _length(reader)))


def _frame(reader: ByteReader) -> Walk[tuple[int, int]]:
    """Read a frame's header; the height is 0 where a later segment holds it."""
    length = yield from _length(reader)
    if length < _FRAME_LEAST:
        raise BrokenImageError("has a damaged header")
    yield from reader.skip(1)
    height = yield from reader.number(2)
    width = yield from reader.number(2)
    if not width:
        raise BrokenImageError("says that it is 0 pixels wide")
    yield from reader.skip(length - 5)
    return width, height


def _scan(reader: ByteReader, *, seen_frame: bool) -> Walk[int]:
    """Read a scan's header and its coded data; return the marker that ends it."""
    if not seen_frame:
        raise BrokenImageError("has image data before a header")
    yield from _segment(reader)
    passed = 0
    while True:
        # Coded data are full of marks that mean nothing: the search passes them by quickly.
        passed += reader.jump(_MARKER)
        passed += yield from reader.skip_to(_MARK)
        code = yield from _marker_code(reader)
        if code and code not in _RESTARTS:
            break
        passed += 1
    if not passed:
        raise BrokenImageError("has a scan without data")
    return code
