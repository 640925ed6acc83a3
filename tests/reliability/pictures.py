"""Small whole pictures, each of them different, built by hand."""

from __future__ import annotations

import base64
import struct
import zlib

_BASELINE = base64.b64decode(
    """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB
RkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P
T09PT09PT09PT09PT0//wAARCAAIABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAX/xAAaEAABBQEAAAAAAAAA
AAAAAAAABAYRIqEx/8QAFQEBAQAAAAAAAAAAAAAAAAAAAgX/xAAcEQABAwUAAAAAAAAAAAAAAAAAAQIhAwQFEzH/2gAMAwEA
AhEDEQA/AIKVvTFMLSVucpgBC3Pd1QYu+rRJ/9k="""
)
"""16 x 8 pixels, made with Pillow."""


def jpeg(mark: str) -> bytes:
    """Return a JPEG with `mark` as its comment."""
    text = mark.encode()
    comment = b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text
    return _BASELINE[:2] + comment + _BASELINE[2:]


def png(mark: str, *, width: int = 24, height: int = 16) -> bytes:
    """Return a PNG with `mark` as its comment."""
    rows = b"".join(b"\0" + bytes(range(width * 3)) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"tEXt", b"Comment\0" + mark.encode()),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def picture(form: str, mark: str) -> bytes:
    """Return a picture of the service's output format `form`."""
    return png(mark) if form == "png" else jpeg(mark)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
