"""The pictures are whole, of the right size, and one's own; sizes are read from any header."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

import fluxcli.sandbox
from fluxcli.sandbox.stock_images import FORMATS, RATIOS, draw, nearest_ratio, size_of

DRAWINGS = Path(fluxcli.sandbox.__file__).parent / "drawings"
EVERY = [
    (ratio, form) for ratio in ("21:9", "16:9", "4:3", "1:1", "3:4", "9:16") for form in FORMATS
]


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Take a PNG apart, and check each chunk's sum."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at = 8
    found: list[tuple[bytes, bytes]] = []
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", png[at + 8 + length : at + 12 + length])
        assert zlib.crc32(kind + data) == checksum
        found.append((kind, data))
        at += 12 + length
    return found


def segments(jpeg: bytes) -> list[tuple[int, bytes]]:
    """Take a JPEG apart as far as its scan, which must run to the end."""
    assert jpeg.startswith(b"\xff\xd8")
    assert jpeg.endswith(b"\xff\xd9")
    at = 2
    found: list[tuple[int, bytes]] = []
    while not found or found[-1][0] != 0xDA:
        assert jpeg[at] == 0xFF
        (length,) = struct.unpack(">H", jpeg[at + 2 : at + 4])
        found.append((jpeg[at + 1], jpeg[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


def check_size(size: tuple[int, int] | None, ratio: str) -> None:
    across, down = map(int, ratio.split(":"))
    assert size is not None
    assert size[0] / size[1] == pytest.approx(across / down, rel=0.01)
    assert 0.95e6 < size[0] * size[1] < 1.1e6


def test_there_is_an_image_of_every_ratio_and_format() -> None:
    names = {path.name for path in DRAWINGS.iterdir()}
    assert names == {f"{ratio.replace(':', 'x')}.{form}" for ratio, form in EVERY}
    assert RATIOS == ("21:9", "16:9", "4:3", "1:1", "3:4", "9:16")


@pytest.mark.parametrize("ratio", RATIOS)
def test_every_png_is_complete(ratio: str) -> None:
    """Every chunk's sum holds, and the rows inflate to just what the header promises."""
    png = draw(ratio, "png", task="id", prompt="words")
    parts = chunks(png)
    assert [kind for kind, _ in parts][:: len(parts) - 1] == [b"IHDR", b"IEND"]
    width, height, depth, colour = struct.unpack(">IIBB", parts[0][1][:10])
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    rows = zlib.decompress(b"".join(data for kind, data in parts if kind == b"IDAT"))
    assert len(rows) == height * (1 + -(-width * depth * channels // 8))
    assert {rows[start] for start in range(0, len(rows), len(rows) // height)} <= set(range(5))
    check_size((width, height), ratio)


@pytest.mark.parametrize("ratio", RATIOS)
def test_every_jpeg_is_complete(ratio: str) -> None:
    """Its segments lead to a scan; tables and frame are there; the size is right."""
    jpeg = draw(ratio, "jpeg", task="id", prompt="words")
    kinds = [kind for kind, _ in segments(jpeg)]
    assert kinds[:2] == [0xE0, 0xFE]
    assert {0xDB, 0xC4, 0xDA} <= set(kinds)
    assert {0xC0, 0xC2} & set(kinds)
    check_size(size_of(jpeg), ratio)


@pytest.mark.parametrize(("ratio", "form"), EVERY)
def test_every_image_decodes(ratio: str, form: str) -> None:
    """Proved by a decoder that others wrote."""
    image = pytest.importorskip("PIL.Image")
    import io  # noqa: PLC0415 - only where there is a decoder

    data = draw(ratio, form, task="id", prompt="a [cat] \U0001f431")
    with image.open(io.BytesIO(data)) as picture:
        picture.load()
        assert picture.size == size_of(data)
        assert picture.format == form.upper()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("prompt", ["", "a [cat]", "猫 \0 \U0001f431", "x" * 99999, "é"])
def test_any_prompt_can_be_written_into_it(form: str, prompt: str) -> None:
    data = draw("1:1", form, task="abc123", prompt=prompt)
    if form == "png":
        ((_, text),) = [part for part in chunks(data) if part[0] == b"tEXt"]
        keyword, _, words = text.partition(b"\0")
        assert keyword == b"Comment"
        assert b"\0" not in words
    else:
        ((_, words),) = [part for part in segments(data) if part[0] == 0xFE]
    assert words.startswith(b"abc123 ")
    assert size_of(data) == (1024, 1024)


def test_a_jpeg_without_a_jfif_segment_takes_its_comment_first() -> None:
    from fluxcli.sandbox.stock_images import _with_comment  # noqa: PLC0415 - white box

    assert _with_comment(b"\xff\xd8\xff\xdbrest", "a") == b"\xff\xd8\xff\xfe\0\3a\xff\xdbrest"


def header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + bytes(9)


def frame(width: int, height: int, *, before: bytes = b"", marker: int = 0xC0) -> bytes:
    size = struct.pack(">BHH", 8, height, width)
    return b"\xff\xd8" + before + bytes([0xFF, marker, 0, 11]) + size + bytes(4)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (header(3, 5), (3, 5)),
        (frame(3, 5), (3, 5)),
        (frame(3, 5, marker=0xC2), (3, 5)),
        (frame(3, 5, before=b"\xff\xe1\0\x06abcd\xff\xff"), (3, 5)),
        (frame(3, 5, before=b"\xff\xc4\0\x04ab"), (3, 5)),
        (header(0, 5), None),
        (header(3, 5)[:30], None),
        (frame(3, 0), None),
        (frame(3, 5)[:8], None),
        (b"\xff\xd8\xff\xda\0\x04ab" + frame(3, 5)[2:], None),
        (b"\xff\xd8" + bytes(20), None),
        (b"\xff\xd8", None),
        (b"", None),
        (b"GIF89a" + bytes(30), None),
    ],
)
def test_sizes_are_read_from_headers(data: bytes, size: tuple[int, int] | None) -> None:
    assert size_of(data) == size


@pytest.mark.parametrize(
    ("width", "height", "ratio"),
    [
        (1, 1, "1:1"),
        (1920, 1080, "16:9"),
        (1024, 768, "4:3"),
        (768, 1024, "3:4"),
        (1080, 1920, "9:16"),
        (3440, 1440, "21:9"),
        (10000, 1, "21:9"),
        (1, 10000, "9:16"),
        (110, 100, "1:1"),
        (1500, 1000, "4:3"),
    ],
)
def test_the_nearest_ratio(width: int, height: int, ratio: str) -> None:
    assert nearest_ratio(width, height) == ratio


@pytest.mark.parametrize(("ratio", "form"), EVERY)
def test_every_image_is_marked_as_a_placeholder(ratio: str, form: str) -> None:
    """A band of one dark colour across the whole width, with large white letters on it."""
    image = Image.open(io.BytesIO(draw(ratio, form, task="id", prompt="words"))).convert("L")
    width, height = image.size
    light = [
        sum(image.getpixel((x, y)) > 230 for x in range(0, width, 2)) / (width / 2)  # type: ignore[operator] # one channel
        for y in range(height)
    ]
    edges = [
        image.getpixel((0, y)) < 60 and image.getpixel((width - 1, y)) < 60  # type: ignore[operator] # one channel
        for y in range(height)
    ]
    lettered = [y for y in range(height) if edges[y] and 0.02 < light[y] < 0.6]
    assert len(lettered) > height / 20
