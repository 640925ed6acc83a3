"""Stock images, made unique for each task, and the size of any PNG or JPEG."""

from __future__ import annotations

import math
import struct
import zlib
from functools import cache
from typing import Final

from fluxcli import shipped

RATIOS: Final = ("21:9", "16:9", "4:3", "1:1", "3:4", "9:16")
FORMATS: Final = ("jpeg", "png")

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_IHDR_END: Final = 33
_JPEG_START: Final = b"\xff\xd8"
_COMMENT_CAP: Final = 0xFFFF - 2
_FRAME_MARKERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG's start-of-frame markers, which hold the size; the three others define tables."""
_SCAN: Final = 0xDA


def draw(ratio: str, form: str, *, task: str, prompt: str) -> bytes:
    """Return a whole image of about one megapixel, unique for the task.

    The task and its prompt are in a text segment, so that any two results differ.
    """
    drawing = _drawing(ratio, form)
    if form == "png":
        return _with_text(drawing, task, prompt)
    return _with_comment(drawing, f"{task} {prompt}")


@cache
def _drawing(ratio: str, form: str) -> bytes:
    return shipped(f"sandbox/drawings/{ratio.replace(':', 'x')}.{form}")


def _with_text(png: bytes, task: str, prompt: str) -> bytes:
    """Insert a tEXt chunk after the header chunk."""
    data = b"Comment\0" + f"{task} {prompt}".replace("\0", "?").encode("latin-1", "replace")
    kind = b"tEXt" + data
    chunk = struct.pack(">I", len(data)) + kind + struct.pack(">I", zlib.crc32(kind))
    return png[:_IHDR_END] + chunk + png[_IHDR_END:]


def _with_comment(jpeg: bytes, text: str) -> bytes:
    """Insert a comment after the JFIF segment, or after the start if there is none."""
    at = 2
    if jpeg[2:4] == b"\xff\xe0":
        at += 2 + int.from_bytes(jpeg[4:6])
    data = text.encode("latin-1", "replace")[:_COMMENT_CAP]
    return jpeg[:at] + b"\xff\xfe" + struct.pack(">H", len(data) + 2) + data + jpeg[at:]


def size_of(data: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels of a PNG or JPEG; None if it is neither."""
    if data.startswith(_PNG_SIGNATURE) and data[12:16] == b"IHDR" and len(data) >= _IHDR_END:
        width, height = struct.unpack(">II", data[16:24])
    elif data.startswith(_JPEG_START):
        width, height = _jpeg_size(data)
    else:
        return None
    return (width, height) if width and height else None


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walk the segments to the frame header; zeros if there is none."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004 - begins every marker
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        if marker == _SCAN:
            break
        at += 1 if marker == 0xFF else 2 + length  # noqa: PLR2004 - markers may be padded
    return 0, 0


def nearest_ratio(width: int, height: int) -> str:
    """Return the offered ratio that is closest in proportion."""
    wanted = math.log(width / height)

    def distance(ratio: str) -> float:
        across, down = ratio.split(":")
        return abs(math.log(int(across) / int(down)) - wanted)

    return min(RATIOS, key=distance)
