"""Metadata of an image: text inside a PNG or JPEG file, or a JSON file beside any image.

Knows formats and files, not what the metadata mean. Inside PNG, they are `iTXt` chunks (PNG
specification, section 11.3.3.4); inside JPEG, an XMP packet (ISO 16684-1; XMP
specification, part 3).
"""

from __future__ import annotations

import html
import json
import re
import zlib
from typing import TYPE_CHECKING, Final

from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.files import filename as components
from fluxcli.files.atomic import TemporaryFile
from fluxcli.files.quoting import quoted
from fluxcli.files.xml_text import without_forbidden

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

EMBEDDABLE: Final = frozenset({"png", "jpeg"})
"""The formats that take metadata inside."""

_KEYWORD: Final = "fluxcli"
_MARK: Final = "fluxcli"
"""The entry that every record of ours has: the version that wrote it."""

_LARGEST: Final = 4 << 20
_PNG_HEAD: Final = 33
"""Bytes of the signature and the chunk `IHDR`, which come first."""

_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_LARGEST: Final = 65_000
_LONGEST_PROMPT: Final = 4_000
_NAMESPACE: Final = "https://github.com/fluxcli/fluxcli/ns/1.0/"
_ENTRY: Final = r"<fluxcli:request>(.*?)</fluxcli:request>|fluxcli:request='([^']*)'"


def embedded(chunks: Iterable[bytes], form: str, record: Mapping[str, object]) -> Iterator[bytes]:
    """Yield the bytes of an image of the format `form` with `record` inside.

    Anything but an image of that format passes unchanged: the check that follows refuses it.
    """
    place = _png_place if form == "png" else _jpeg_place
    text = _png_text if form == "png" else _xmp_segment
    head = b""
    source = iter(chunks)
    for chunk in source:
        head += chunk
        at = place(head)
        if at is not None:
            yield head[:at] + text(record) + head[at:]
            break
    else:
        yield head
    yield from source


def read_metadata(path: Path) -> dict[str, object] | None:
    """Return the record inside the image at `path`, or in the file beside it; None if none."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST)
        text = _text_in_png(data) if data.startswith(b"\x89PNG") else _text_in_jpeg(data)
    except OSError:
        text = None
    return _record(text) or _record(_file_text(sidecar_path(path)))


def sidecar_path(image: Path) -> Path:
    """Return the path of the JSON file beside an image: `x.png.json`."""
    return image.with_name(f"{image.name}.json")


def check_sidecar(image: Path) -> None:
    """Check that the JSON file of an image may be written. Changes nothing.

    Raises:
        FluxError: WOULD_OVERWRITE: a file of that name is not ours; OUTPUT_UNWRITABLE: its name is
            too long.
    """
    path = sidecar_path(image)
    if components.size(path.name) > components.HARD_LIMIT:
        message = f"the name {quoted(path.name[:40] + '…')} is too long; nothing was sent"
        raise FluxError(Code.OUTPUT_UNWRITABLE, message, hint="choose another `--output`")
    if _is_foreign(path):
        raise FluxError(
            Code.WOULD_OVERWRITE,
            f"{quoted(path)} exists and is not metadata of fluxcli",
            hint="rename it, or choose another `--output`",
        )


def write_sidecar(image: Path, record: Mapping[str, object]) -> str | None:
    """Write `record` beside an image, in one step; return why not, if it cannot be.

    A file that is not ours is never replaced.
    """
    path = sidecar_path(image)
    data = json.dumps(record, indent=2, ensure_ascii=False).encode(errors="replace") + b"\n"
    try:
        if _is_foreign(path):
            return f"{quoted(path)} exists and is not metadata of fluxcli"
        is_ours = path.exists()
        file = TemporaryFile(path, token="metadata")  # noqa: S106 - part of a file name
        try:
            with open(file.handle, "wb", closefd=False) as stream:
                stream.write(data)
            placed = file.install(replace=is_ours)
        finally:
            file.discard()
        if placed != path:
            # A file has appeared meanwhile.
            placed.unlink()
            return f"{quoted(path)} exists and is not metadata of fluxcli"
    except OSError as error:
        return f"{quoted(path)} cannot be written: {reason_of(error)}"
    return None


def _is_foreign(path: Path) -> bool:
    return (path.exists() or path.is_symlink()) and _record(_file_text(path)) is None


def _file_text(path: Path) -> str | None:
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(_LARGEST).decode()
    except (OSError, ValueError):
        return None


def _record(text: str | None) -> dict[str, object] | None:
    try:
        found = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(found, dict) and isinstance(found.get(_MARK), str)
    return found if is_ours else None


def _packed(record: Mapping[str, object]) -> str:
    return json.dumps(record, ensure_ascii=True, separators=(",", ":"))


# -- PNG ----------------------------------------------------------------------------------


def _png_place(head: bytes) -> int | None:
    return _PNG_HEAD if len(head) >= _PNG_HEAD else None


def _png_text(record: Mapping[str, object]) -> bytes:
    texts = {
        "Description": str(record.get("prompt", "")),
        "Software": f"fluxcli {record.get(_MARK, '')}",
        _KEYWORD: _packed(record),
    }
    return b"".join(_chunk(word, text) for word, text in texts.items())


def _chunk(keyword: str, text: str) -> bytes:
    """Return an `iTXt` chunk, not compressed, without a language."""
    body = b"iTXt" + keyword.encode() + b"\0\0\0\0\0" + text.replace("\0", "").encode()
    return (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)


def _text_in_png(data: bytes) -> str | None:
    at = 8
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        start = _KEYWORD.encode() + b"\0"
        if kind in {b"iTXt", b"tEXt"} and body.startswith(start):
            return _text_of(kind, body.removeprefix(start))
        at += length + 12
    return None


def _text_of(kind: bytes, body: bytes) -> str | None:
    if kind == b"tEXt":
        return body.decode("latin-1")
    packed, rest = body[:1] == b"\1", body[2:].split(b"\0", 2)[-1]
    try:
        if packed:
            return zlib.decompressobj().decompress(rest, _LARGEST).decode()
        return rest.decode()
    except (zlib.error, ValueError):
        return None


# -- JPEG ---------------------------------------------------------------------------------


def _jpeg_place(head: bytes) -> int | None:
    """Return where the packet goes: behind the start, and the JFIF header if there is one."""
    if len(head) < 6:  # noqa: PLR2004 - the start, a marker and its length
        return None
    if head[2:4] != b"\xff\xe0":
        return 2
    end = 4 + int.from_bytes(head[4:6])
    return end if len(head) >= end else None


def _xmp_segment(record: Mapping[str, object]) -> bytes:
    packet = _packet(record)
    if len(packet) > _XMP_LARGEST:
        prompt = str(record.get("prompt", ""))[:_LONGEST_PROMPT] + "…"
        packet = _packet({**record, "prompt": prompt, "prompt_truncated": True})
    if len(packet) > _XMP_LARGEST:
        return b""
    body = _XMP + packet
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body


def _packet(record: Mapping[str, object]) -> bytes:
    def text(value: object) -> str:
        return html.escape(without_forbidden(str(value), " "), quote=False)

    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f' xmlns:fluxcli="{_NAMESPACE}">'
        f"<xmp:CreatorTool>fluxcli {text(record.get(_MARK, ''))}</xmp:CreatorTool>"
        '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">'
        f"{text(record.get('prompt', ''))}</rdf:li></rdf:Alt></dc:description>"
        f"<fluxcli:request>{text(_packed(record))}</fluxcli:request>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def _text_in_jpeg(data: bytes) -> str | None:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:  # noqa: PLR2004 - the scan
        length = int.from_bytes(data[at + 2 : at + 4])
        body = data[at + 4 : at + 2 + length]
        if data[at + 1] == 0xE1 and body.startswith(_XMP):  # noqa: PLR2004 - application data 1
            found = re.search(_ENTRY, body.decode(errors="replace"))
            if found is not None:
                return html.unescape(found[1] or found[2])
        at += 2 + max(length, 2)
    return None
