"""Small whole pictures of every kind that the checks must know."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# 16 x 8 pixels each, made with Pillow.
BASELINE = """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB
RkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P
T09PT09PT09PT09PT0//wAARCAAIABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAX/xAAaEAABBQEAAAAAAAAA
AAAAAAAABAYRIqEx/8QAFQEBAQAAAAAAAAAAAAAAAAAAAgX/xAAcEQABAwUAAAAAAAAAAAAAAAAAAQIhAwQFEzH/2gAMAwEA
AhEDEQA/AIKVvTFMLSVucpgBC3Pd1QYu+rRJ/9k=
"""
PROGRESSIVE = """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB
RkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P
T09PT09PT09PT09PT0//wgARCAAIABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAT/xAAVAQEBAAAAAAAAAAAA
AAAAAAACBP/aAAwDAQACEAMQAAABgtID/8QAFhAAAwAAAAAAAAAAAAAAAAAAAAIE/9oACAEBAAEFAlnFnP/EABcRAAMBAAAA
AAAAAAAAAAAAAAACAwT/2gAIAQMBAT8By3c//8QAFhEBAQEAAAAAAAAAAAAAAAAAAQAS/9oACAECAQE/Adrf/8QAFBABAAAA
AAAAAAAAAAAAAAAAEP/aAAgBAQAGPwI//8QAFRABAQAAAAAAAAAAAAAAAAAAAGH/2gAIAQEAAT8hkm//2gAMAwEAAgADAAAA
EA//xAAVEQEBAAAAAAAAAAAAAAAAAAAhAP/aAAgBAwEBPxADf//EABYRAAMAAAAAAAAAAAAAAAAAAAABQf/aAAgBAgEBPxCp
n//EABcQAAMBAAAAAAAAAAAAAAAAAAARwTH/2gAIAQEAAT8QapMZP//Z
"""
RESTARTS = """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB
RkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P
T09PT09PT09PT09PT0//wAARCAAIABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAX/xAAaEAABBQEAAAAAAAAA
AAAAAAAABAYRIqEx/8QAFQEBAQAAAAAAAAAAAAAAAAAAAgX/xAAcEQABAwUAAAAAAAAAAAAAAAAAAQIhAwQFEzH/3QAEAAH/
2gAMAwEAAhEDEQA/AIKVvTFMLSVucpgBC3Pd1QYu+rRJ/9k=
"""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def build_png(
    *,
    width: int = 16,
    height: int = 8,
    depth: int = 8,
    colour: int = 2,
    interlace: int = 0,
    rows: bytes | None = None,
    data: bytes | None = None,
    header: bytes | None = None,
    parts: int = 2,
) -> bytes:
    """Build a PNG; `rows` are its uncompressed rows, `data` their compressed form, in `parts`."""
    if header is None:
        header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    if rows is None:
        rows = bytes(height * (1 + width * 3))
    if data is None:
        data = zlib.compress(rows)
    step = max(1, -(-len(data) // parts))
    chunks = [chunk(b"IDAT", data[at : at + step]) for at in range(0, len(data), step)]
    text = chunk(b"tEXt", b"Software\0fluxcli")
    body = b"".join([chunk(b"IHDR", header), text, *chunks])
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


@pytest.fixture(scope="session")
def make_png() -> Callable[..., bytes]:
    return build_png


@pytest.fixture(scope="session")
def make_chunk() -> Callable[[bytes, bytes], bytes]:
    return chunk


@pytest.fixture(scope="session")
def png() -> bytes:
    return build_png()


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    return base64.b64decode(BASELINE)


@pytest.fixture(scope="session")
def pictures(png: bytes, jpeg: bytes) -> dict[str, bytes]:
    """Return one whole picture, 16 x 8 pixels, of each kind, by its kind."""
    return {
        "png": png,
        "jpeg": jpeg,
        "jpeg progressive": base64.b64decode(PROGRESSIVE),
        "jpeg with restarts": base64.b64decode(RESTARTS),
    }
