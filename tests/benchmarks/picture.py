"""Whole pictures of a given size: noise, as JPEG, or as PNG that is stored, not compressed."""

from __future__ import annotations

import math
import random
import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

_WIDTH: Final = 1024
_ROW: Final = 1 + 3 * _WIDTH
_CHUNK: Final = 1 << 16
_NOISE: Final = 0.6
"""Bytes that a pixel of noise takes in a JPEG of usual quality."""


def write_jpeg(path: Path, size: int) -> None:
    """Write a JPEG of about `size` bytes to `path`."""
    side = math.isqrt(int(size / _NOISE))
    noise = random.Random(size).randbytes(3 * side * side)  # noqa: S311 - noise, not a secret
    Image.frombytes("RGB", (side, side), noise).save(path, "JPEG", quality=75)


def write_png(path: Path, size: int) -> None:
    """Write a PNG of `size` bytes, but for a row's worth of them, to `path`."""
    height = max(1, size // _ROW)
    row = b"\0" + random.Random(size).randbytes(_ROW - 1)  # noqa: S311 - noise, not a secret
    packer = zlib.compressobj(0)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        _chunk(file, b"IHDR", struct.pack(">IIBBBBB", _WIDTH, height, 8, 2, 0, 0, 0))
        held = b""
        for _ in range(height):
            held += packer.compress(row)
            while len(held) >= _CHUNK:
                _chunk(file, b"IDAT", held[:_CHUNK])
                held = held[_CHUNK:]
        _chunk(file, b"IDAT", held + packer.flush())
        _chunk(file, b"IEND", b"")


def _chunk(file: BinaryIO, kind: bytes, data: bytes) -> None:
    checksum = zlib.crc32(data, zlib.crc32(kind))
    file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum))
