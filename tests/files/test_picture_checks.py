"""An image is whole, or refused with the reason, however its bytes arrive."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import io
import itertools
import os
import threading
import tracemalloc
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fluxcli.errors import Code, FluxError
from fluxcli.files import image_check as checks
from fluxcli.files.image_check import Inspected, Inspector, inspect_file, sniff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KINDS = st.sampled_from(["png", "jpeg", "jpeg progressive", "jpeg with restarts"])


def inspect(chunks: Iterable[bytes], expected: int | None = None) -> Inspected:
    inspector = Inspector(hint="mend")
    for chunk in chunks:
        inspector.feed(chunk)
    return inspector.finish(expected)


def refusal(data: bytes, expected: int | None = None) -> str:
    with pytest.raises(FluxError) as caught:
        inspect([data], expected)
    assert caught.value.code is Code.NOT_AN_IMAGE
    assert caught.value.hint == "mend"
    return caught.value.message


@given(kind=KINDS, cuts=st.lists(st.integers(0, 600)), tail=st.binary(max_size=90))
def test_chunking_does_not_matter(
    pictures: dict[str, bytes], kind: str, cuts: list[int], tail: bytes
) -> None:
    """The size of the pieces changes nothing; bytes after the end are allowed, and hashed."""
    data = pictures[kind] + tail
    edges = [0, *sorted(cuts), len(data)]
    found = inspect(data[a:b] for a, b in itertools.pairwise(edges))
    assert found == Inspected(
        format=kind.partition(" ")[0],
        bytes=len(data),
        width=16,
        height=8,
        sha256=hashlib.sha256(data).hexdigest(),
    )


@pytest.mark.parametrize("kind", ["png", "jpeg", "jpeg progressive", "jpeg with restarts"])
def test_every_beginning_is_refused(pictures: dict[str, bytes], kind: str) -> None:
    """No part of a picture passes for the whole, and single bytes are enough to see it."""
    whole = pictures[kind]
    for end in range(len(whole)):
        refusal(whole[:end])
    assert inspect(whole[i : i + 1] for i in range(len(whole))).bytes == len(whole)


@given(data=st.data())
def test_a_flipped_bit_in_a_png_is_seen(png: bytes, data: st.DataObject) -> None:
    """Every byte of a PNG is under a signature or a checksum."""
    at = data.draw(st.integers(0, len(png) - 1))
    bit = data.draw(st.integers(0, 7))
    refusal(png[:at] + bytes([png[at] ^ 1 << bit]) + png[at + 1 :])


@given(kind=KINDS, junk=st.binary(min_size=1, max_size=40), data=st.data())
def test_damage_gives_a_reason(
    pictures: dict[str, bytes], kind: str, junk: bytes, data: st.DataObject
) -> None:
    """Any damage is reported as `not_an_image`, never as another exception."""
    whole = pictures[kind]
    at = data.draw(st.integers(0, len(whole)))
    with contextlib.suppress(FluxError):
        found = inspect([whole[:at] + junk + whole[at + len(junk) :]])
        assert found.width > 0
        assert found.height > 0


def test_the_announced_length_must_come(png: bytes) -> None:
    assert refusal(png, len(png) + 1) == (
        f"the file has {len(png)} bytes of the {len(png) + 1} announced"
    )
    assert inspect([png], len(png)).bytes == len(png)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><title>502</title>", "is HTML or XML, not an image"),
        (b"\xef\xbb\xbf\r\n <?xml version='1.0'?>" + b" " * 99, "is HTML or XML, not an image"),
        (b'{"code": 404}', "is JSON, not an image"),
        (b"[]", "is JSON, not an image"),
        (b"%PDF-" + bytes(90), "is PDF, which cannot be used here"),
        (b"GIF89a" + bytes(90), "holds bytes where a block must begin"),
        (bytes(200), "holds only zero bytes"),
        (b"\x89PN", "is truncated: it ends before the image does"),
        (b"\xff\xd8\xff", "is truncated: it ends before the image does"),
        (b"not found", "is not an image"),
    ],
)
def test_a_file_that_is_not_an_image_is_named(data: bytes, reason: str) -> None:
    assert refusal(data) == f"the file {reason}"


def test_html_is_refused_before_its_end() -> None:
    """A download of the wrong thing ends early: the first bytes are enough."""
    with pytest.raises(FluxError, match="is HTML"):
        Inspector().feed(b"<html>" + b" " * 100)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"width": 0}, "says that it is 0 pixels wide or high"),
        ({"height": 1 << 31}, "says that it is 0 pixels wide or high"),
        ({"depth": 3}, "has a header that no decoder understands"),
        ({"colour": 5}, "has a header that no decoder understands"),
        ({"interlace": 2}, "has a header that no decoder understands"),
        ({"header": b"12"}, "does not begin with a header"),
        ({"rows": bytes(8 * 49 - 1)}, "holds fewer rows than its header says"),
        ({"data": b""}, "holds fewer rows than its header says"),
        ({"data": b"no zlib stream"}, "holds pixel data that do not decompress"),
    ],
)
def test_a_png_with_sound_checksums_can_still_be_none(
    make_png: Callable[..., bytes], options: dict[str, int | bytes], reason: str
) -> None:
    assert refusal(make_png(**{"height": 8, "rows": bytes(8 * 49), **options})) == (
        f"the file {reason}"
    )


CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}


@pytest.mark.parametrize("colour", range(8))
@pytest.mark.parametrize("depth", range(1, 18))
def test_every_kind_of_png_that_there_is(
    make_png: Callable[..., bytes], colour: int, depth: int
) -> None:
    """Each as long as its rows are, 9 x 2 pixels; all other kinds are none."""
    if depth not in DEPTHS.get(colour, ()):
        assert "no decoder" in refusal(make_png(colour=colour, depth=depth))
        return
    row = 1 + -(-9 * depth * CHANNELS[colour] // 8)
    options = {"width": 9, "height": 2, "colour": colour, "depth": depth}
    assert inspect([make_png(rows=bytes(2 * row), **options)]).width == 9
    assert "fewer rows" in refusal(make_png(rows=bytes(2 * row - 1), **options))


def interlaced(width: int, height: int) -> int:
    """Count the bytes of an interlaced picture of 8-bit grey, pixel by pixel of its pattern."""
    pattern = ["16462646", "77777777", "56565656", "77777777"]
    pattern += ["36463646", "77777777", "56565656", "77777777"]
    seen = [(pattern[y % 8][x % 8], y) for y in range(height) for x in range(width)]
    return len(seen) + len(set(seen))


@pytest.mark.parametrize("width", range(1, 18))
@pytest.mark.parametrize("height", [1, 2, 3, 4, 5, 8, 9, 17])
def test_interlaced_rows_are_counted_at_any_size(
    make_png: Callable[..., bytes], width: int, height: int
) -> None:
    """The specification's own picture of the passes is the measure."""
    options = {"width": width, "height": height, "colour": 0, "interlace": 1}
    expected = interlaced(width, height)
    assert inspect([make_png(rows=bytes(expected), **options)]).height == height
    assert "fewer rows" in refusal(make_png(rows=bytes(expected - 1), **options))


def test_damage_in_a_png_is_reported(
    png: bytes, make_chunk: Callable[[bytes, bytes], bytes]
) -> None:
    """The message names the place: the header, a chunk, or what stands where one should."""
    assert "damaged header" in refusal(png[:16] + b"\x01" + png[17:])
    assert "chunk tEXt whose checksum" in refusal(png.replace(b"fluxcli", b"fluxCLI"))
    assert "where a chunk must begin" in refusal(png.replace(b"tEXt", b"t\x00Xt"))
    assert "does not begin with a header" in refusal(png[:8] + make_chunk(b"tEXt", b"") + png[8:])


@pytest.mark.parametrize(
    ("size", "depth", "colour", "expected"),
    [((8, 8), 8, 0, 79), ((1, 1), 8, 6, 5), ((3, 2), 1, 3, 8), ((5, 5), 16, 2, 161)],
)
def test_interlaced_rows_are_counted(
    make_png: Callable[..., bytes], size: tuple[int, int], depth: int, colour: int, expected: int
) -> None:
    """The seven passes make up the data; one byte less is a part of the picture."""
    options = {"width": size[0], "height": size[1], "depth": depth, "colour": colour}
    whole = make_png(interlace=1, rows=bytes(expected), **options)
    assert inspect([whole]).width == size[0]
    assert "fewer rows" in refusal(make_png(interlace=1, rows=bytes(expected - 1), **options))


def test_a_bomb_is_not_inflated(make_png: Callable[..., bytes]) -> None:
    """Data beyond the last row are neither kept nor inflated."""
    bomb = make_png(data=zlib.compress(bytes(64 << 20)))
    tracemalloc.start()
    inspect([bomb])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 << 20


def test_a_long_image_takes_the_memory_of_a_piece(make_png: Callable[..., bytes]) -> None:
    noise = os.urandom(1 << 20)
    big = make_png(width=1 << 10, height=1 << 10, rows=b"".join([noise, noise, noise, bytes(1024)]))
    pieces = [big[at : at + 4096] for at in range(0, len(big), 4096)]
    tracemalloc.start()
    inspect(pieces)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 19


FRAME = bytes.fromhex("ffc0 000b 08 0008 0010 01 01 11 00")
SCAN = bytes.fromhex("ffda 0008 01 01 00 00 3f 00")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff\xe0\x00\x02\xff\xd9", "ends without image data"),
        (FRAME + b"\xff\xd9", "ends without image data"),
        (SCAN + b"12\xff\xd9", "has image data before a header"),
        (FRAME + SCAN + b"\xff\xd9", "has a scan without data"),
        (FRAME + SCAN + b"12\xff\xd8\xff", "begins a second time before it has ended"),
        (FRAME + b"\x00", "holds bytes where a segment must begin"),
        (b"\xff\xe0\x00\x01", "has a segment of no length"),
        (b"\xff\xc0\x00\x06\x08\x00\x01\x00", "has a damaged header"),
        (FRAME.replace(b"\x00\x0b", b"\x00\x0a"), "has a damaged header"),
        (FRAME.replace(b"\x00\x10", b"\x00\x00"), "says that it is 0 pixels wide"),
        (FRAME.replace(b"\x00\x08", b"\x00\x00") + SCAN + b"12\xff\xd9", "does not say how high"),
    ],
)
def test_damage_in_a_jpeg_is_reported(body: bytes, reason: str) -> None:
    assert reason in refusal(b"\xff\xd8" + body)


@pytest.mark.parametrize(
    "body",
    [
        FRAME + SCAN + b"1\xff\x002\xff\xd03\xff\xff\xd9",
        FRAME + FRAME + b"\xff\x01\xff\xd7\xff\xff" + SCAN[1:] + b"12\xff\xd9",
        FRAME.replace(b"\x00\x08", b"\x00\x00") + SCAN + b"12\xff\xdc\x00\x04\x00\x08\xff\xd9",
        FRAME + SCAN + b"12\xff\xdc\x00\x04\x00\x09\xff\xd9",
    ],
    ids=[
        "stuffing, restarts, fill",
        "second frame, lone marks",
        "height stated late",
        "stated twice",
    ],
)
def test_rare_jpegs_are_whole(body: bytes) -> None:
    """What the format allows is not refused: such a picture is paid for, too."""
    data = b"\xff\xd8" + body
    for size in (len(data), 1, 2, 3):
        found = inspect(data[at : at + size] for at in range(0, len(data), size))
        assert (found.width, found.height) == (16, 8)


@pytest.mark.parametrize("code", range(0xC0, 0xD0))
def test_which_segments_state_the_size(code: int) -> None:
    """All that begin a frame: three of their row mean something else."""
    body = b"\xff\xd8\xff" + bytes([code]) + FRAME[2:] + SCAN + b"12\xff\xd9"
    if code in {0xC4, 0xC8, 0xCC}:
        assert "has image data before a header" in refusal(body)
    else:
        assert inspect([body]).width == 16


@pytest.mark.parametrize("code", [0x00, *range(0xD0, 0xD8)])
def test_what_does_not_end_a_scan(code: int) -> None:
    """A stuffed byte and eight restarts, within the data and as all there is."""
    mark = bytes([0xFF, code])
    for data in (b"1" + mark + b"2", mark):
        assert inspect([b"\xff\xd8" + FRAME + SCAN + data + b"\xff\xd9"]).width == 16


def test_a_thumbnail_within_is_passed_over(jpeg: bytes) -> None:
    """The end mark of a picture inside a segment is not the picture's own."""
    segment = b"\xff\xe1" + (len(jpeg) + 2).to_bytes(2) + jpeg
    whole = jpeg[:2] + segment + jpeg[2:]
    assert inspect([whole]).bytes == len(whole)
    refusal(whole[: len(segment) + 40])


@pytest.mark.parametrize("parts", [1, 50])
def test_rows_that_compress_well_are_all_counted(
    make_png: Callable[..., bytes], parts: int
) -> None:
    """A few bytes can hold many rows: more than one step of decompression brings."""
    options = {"width": 3000, "height": 500, "parts": parts}
    assert inspect([make_png(rows=bytes(500 * 9001), **options)]).width == 3000
    assert "fewer rows" in refusal(make_png(rows=bytes(500 * 9001 - 1), **options))


def test_a_file_on_disk(tmp_path: Path, png: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png)
    assert inspect_file(path) == inspect([png])


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"RIFF\0\0\0\0WEBP", "webp"),
        (b"GIF87a", "gif"),
        (b"GIF89a", "gif"),
        (b"BM", "bmp"),
        (b"II*\0", "tiff"),
        (b"MM\0*", "tiff"),
        (b"\xff\x0a", "jxl"),
        (b"\0\0\0\x0cJXL ", "jxl"),
        (b"\x1f\x8b", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"\0\0\0\x1cftypavif", "avif"),
        (b"\0\0\0\x1cftypavis", "avif"),
        (b"\0\0\0\x1cftypheic", "heic"),
        (b"\0\0\0\x1cftypheix", "heic"),
        (b"\0\0\0\x1cftypmif1", "heic"),
        (b"\0\0\0\x1cftypisom", None),
        (b"%PDF-1.7", "pdf"),
        (b"", None),
    ],
)
def test_formats_by_their_first_bytes(head: bytes, name: str | None) -> None:
    assert sniff(head) == name


def test_an_input_is_known_by_its_bytes(tmp_path: Path, jpeg: bytes) -> None:
    """The ending may lie; the hash covers the whole file; the bytes are not kept."""
    path = tmp_path / "photo.png"
    path.write_bytes(jpeg + bytes(1 << 19))
    found = checks.read_input(path)
    assert (found.format, found.mime, found.bytes) == ("jpeg", "image/jpeg", len(jpeg) + (1 << 19))
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.path == path
    assert found.data is None


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_an_input_s_format_and_type(form: str) -> None:
    found = checks.input_from(sample(form))
    assert (found.format, found.mime) == (form, f"image/{form}")


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.5, 0.9, 0.99])
def test_a_truncated_input_is_refused(tmp_path: Path, form: str, share: float) -> None:
    """Before anything is sent, whether it comes from a file or a pipe."""
    whole = sample(form)
    part = whole[: max(3, int(len(whole) * share))]
    path = tmp_path / f"half.{form}"
    path.write_bytes(part)
    for caught in (failure_of(checks.read_input, path), failure_of(checks.input_from, part)):
        assert (caught.code, caught.status) == (Code.INPUT_UNREADABLE, 2)


def test_an_input_that_changes_before_it_is_uploaded_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(sample("png"))
    found = checks.read_input(path)
    with contextlib.closing(checks.OpenInput(found)) as same:
        assert same.read() == sample("png")
        same.check()
    path.write_bytes(sample("png", "red"))
    with contextlib.closing(checks.OpenInput(found)) as other:
        other.read()
        with pytest.raises(FluxError, match="changed after it was checked"):
            other.check()


@pytest.mark.parametrize(
    "options",
    [
        {"format": "WEBP"},
        {"format": "WEBP", "lossless": True},
        {"format": "WEBP", "exif": b"Exif" * 5},
        {"format": "WEBP", "save_all": True, "append_images": [Image.new("RGB", (24, 16), "red")]},
        {"format": "GIF"},
        {"format": "GIF", "save_all": True, "append_images": [Image.new("RGB", (24, 16), "red")]},
        {"format": "AVIF"},
    ],
)
def test_other_formats_are_checked_whole(options: dict[str, Any]) -> None:
    """The size is Pillow's, and every part of the file is refused."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((24, 16)).convert("RGB").save(file, **options)
    whole = file.getvalue()
    inspector = checks.Inspector()
    inspector.feed(whole)
    found = inspector.finish()
    assert (found.width, found.height) == (24, 16)
    assert found.format == options["format"].lower()
    for cut in {1, len(whole) // 2, len(whole) // 3, len(whole) - 2, len(whole) - 1}:
        part = checks.Inspector()
        with pytest.raises(FluxError):
            _fed(part, whole[:cut])


@given(
    form=st.sampled_from(["webp", "gif", "avif"]),
    at=st.integers(0, 5000),
    junk=st.binary(max_size=12),
    cut=st.integers(0, 40),
)
def test_damage_in_other_formats_is_a_refusal_or_nothing(
    form: str, at: int, junk: bytes, cut: int
) -> None:
    """Never another exception, and never an endless read."""
    data = sample(form)
    at %= len(data)
    data = (data[:at] + junk + data[at + cut :])[: len(data)]
    with contextlib.suppress(FluxError):
        _fed(checks.Inspector(), data)


def failure_of(call: Callable[[Any], object], value: object) -> FluxError:
    with pytest.raises(FluxError) as caught:
        call(value)
    return caught.value


def _fed(inspector: checks.Inspector, data: bytes) -> None:
    inspector.feed(data)
    inspector.finish()


@functools.cache
def sample(form: str, colour: str = "teal") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (24, 16), colour).save(file, form.upper())
    return file.getvalue()


def test_an_input_through_a_pipe_keeps_its_bytes(tmp_path: Path, png: bytes) -> None:
    """A FIFO can be read once only, so what came is kept."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(png,))
    writer.start()
    found = checks.read_input(path)
    writer.join(10)
    assert found.data == png
    assert found.path is None
    assert (found.bytes, found.sha256) == (len(png), hashlib.sha256(png).hexdigest())
    assert found == checks.input_from(png)


def test_an_endless_input_is_refused() -> None:
    with pytest.raises(FluxError, match=r"`/dev/zero` brings more than 64 MB"):
        checks.read_input(Path("/dev/zero"))


def test_how_much_may_come_through_a_pipe(jpeg: bytes) -> None:
    most = jpeg.ljust(64 << 20, b"\0")
    assert checks.input_from(most).bytes == 64 << 20
    with pytest.raises(FluxError, match="stdin brings more than 64 MB") as caught:
        checks.input_from(most + b"\0")
    assert caught.value.hint == "give a PNG, JPEG or WebP image"


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "is empty"), (b"GIF89a", "is GIF"), (b"text", "is not an image")],
)
def test_an_input_that_is_not_an_image_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a\x1b\u202e.png"
    path.write_bytes(data)
    with pytest.raises(FluxError) as caught:
        checks.read_input(path)
    assert caught.value.code is Code.INPUT_UNREADABLE
    assert f"a\\x1b\\u202e.png` {reason}" in caught.value.message


def test_an_input_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FluxError, match=r"no\.png` cannot be read: no such file or directory"):
        checks.read_input(tmp_path / "no.png")
    with pytest.raises(FluxError, match="is a folder"):
        checks.read_input(tmp_path)


def test_the_samples_decode_from_base64(pictures: dict[str, bytes]) -> None:
    """The samples differ from each other, so that each test of all of them is a test of four."""
    assert len({base64.b64encode(data) for data in pictures.values()}) == 4


@pytest.mark.parametrize("head", [b"RIFF\0\0\0\0WAVEfmt ", b"LIST\0\0\0\0WEBPVP8 "])
def test_half_of_a_signature_is_none(head: bytes) -> None:
    """A sound in the same container is no picture."""
    assert sniff(head) is None


@pytest.mark.parametrize("data", [b"", b"<html>"])
def test_piped_input_is_shown_as_stdin(data: bytes) -> None:
    with pytest.raises(FluxError, match=r"^the fifo is ") as caught:
        checks.input_from(data, name="the fifo")
    assert caught.value.code is Code.INPUT_UNREADABLE
