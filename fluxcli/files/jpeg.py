"""The JPEG format as far as it tells a whole picture from a part: segments, scans, the end.

Knows the format (ITU-T T.81), decodes nothing: damage inside the coded data that leaves its
framing whole is not seen. Bytes after the end mark are allowed, as every decoder allows them.
"""

from __future__ import annotations

import re

from fluxcli.files.byte_reader import Broken, Tape, Walk

SIGNATURE = b"\xff\xd8\xff"
_MARK = 0xFF
_START, _END, _SCAN, _LINES, _TEMPORARY = 0xD8, 0xD9, 0xDA, 0xDC, 0x01
_RESTARTS = range(0xD0, 0xD8)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_FRAME_LEAST = 9
_SEGMENTS = 1 << 16
"""So many would take hundreds of MB in any picture; empty ones without end take only time."""
_NO_FILL = re.compile(rb"[^\xff]")
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7]")
"""What ends a scan: neither a stuffed byte nor a restart."""


def walk(tape: Tape) -> Walk[tuple[int, int]]:
    """Read a JPEG up to its end; return width and height in pixels.

    Raises:
        Broken: it is none.
    """
    yield from tape.skip(2)
    width = height = scans = segments = 0
    marker = yield from _marker(tape)
    while marker != _END:
        segments += 1
        if segments > _SEGMENTS:
            raise Broken("holds more segments than any picture does")
        if marker in _FRAMES and not width:
            width, height = yield from _frame(tape)
        elif marker == _LINES:
            yield from tape.skip(2)
            lines = yield from tape.number(2)
            height = height or lines
        elif marker == _SCAN:
            scans += 1
            marker = yield from _scan(tape, seen_frame=width > 0)
            continue
        elif marker == _START:
            raise Broken("begins a second time before it has ended")
        elif marker != _TEMPORARY and marker not in _RESTARTS:
            yield from _segment(tape)
        marker = yield from _marker(tape)
    if not scans:
        raise Broken("ends without a picture in it")
    if not height:
        raise Broken("does not say how high it is")
    return width, height


def _marker(tape: Tape) -> Walk[int]:
    """Read a marker where one must stand; any number of fill bytes may come first."""
    if (yield from tape.number(1)) != _MARK:
        raise Broken("holds bytes where a segment must begin")
    return (yield from _marker_code(tape))


def _marker_code(tape: Tape) -> Walk[int]:
    code = _MARK
    while code == _MARK:
        tape.jump(_NO_FILL)
        code = yield from tape.number(1)
    return code


def _length(tape: Tape) -> Walk[int]:
    """Read a segment's length; return how much of it is left, for it counts itself."""
    left = (yield from tape.number(2)) - 2
    if left < 0:
        raise Broken("has a segment of no length")
    return left


def _segment(tape: Tape) -> Walk[None]:
    yield from tape.skip((yield from _length(tape)))


def _frame(tape: Tape) -> Walk[tuple[int, int]]:
    """Read a frame's header; the height is 0 where a later segment tells it."""
    length = yield from _length(tape)
    if length < _FRAME_LEAST:
        raise Broken("has a damaged header")
    yield from tape.skip(1)
    height = yield from tape.number(2)
    width = yield from tape.number(2)
    if not width:
        raise Broken("says that it is 0 pixels wide")
    yield from tape.skip(length - 5)
    return width, height


def _scan(tape: Tape, *, seen_frame: bool) -> Walk[int]:
    """Read a scan's header and its coded data; return the marker that ends it."""
    if not seen_frame:
        raise Broken("has picture data before a header")
    yield from _segment(tape)
    passed = 0
    while True:
        # Coded data are full of marks that mean nothing: the search passes them by quickly.
        passed += tape.jump(_MARKER)
        passed += yield from tape.skip_to(_MARK)
        code = yield from _marker_code(tape)
        if code and code not in _RESTARTS:
            break
        passed += 1
    if not passed:
        raise Broken("has a scan without data")
    return code
