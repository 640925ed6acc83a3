"""Endless images are refused early, or cost little for each byte."""

from __future__ import annotations

import struct
import zlib

import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.files.image_check import Inspector
from tests.reliability.pictures import jpeg, png

WHOLE = jpeg("the same")
_EMPTY_CHUNK = struct.pack(">I4sI", 0, b"tEXt", zlib.crc32(b"tEXt"))


@pytest.mark.parametrize(
    ("head", "segment"),
    [
        *((WHOLE[:2], segment) for segment in (b"\xff\xfe\x00\x02", b"\xff\x01", b"\xff\xd0")),
        (png("the same")[:33], _EMPTY_CHUNK),
    ],
)
def test_segments_without_number(head: bytes, segment: bytes) -> None:
    """No picture has so many: it is refused long before it is too big."""
    inspector = Inspector()
    inspector.feed(head)
    with pytest.raises(FluxError, match=r"holds more \w+ than any image has") as caught:
        inspector.feed(segment * 70_000)
    assert caught.value.code is Code.NOT_AN_IMAGE


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_any_number_of_fill_bytes(size: int) -> None:
    """They are allowed before a marker, however they are cut into pieces."""
    filled = WHOLE[:2] + b"\xff" * 30_000 + WHOLE[2:-2] + b"\xff" * 30_000 + WHOLE[-2:]
    inspector = Inspector()
    for at in range(0, len(filled), size):
        inspector.feed(filled[at : at + size])
    found = inspector.finish(len(filled))
    assert (found.format, found.width, found.height) == ("jpeg", 16, 8)
