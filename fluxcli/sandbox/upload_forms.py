"""Uploads: their three request bodies, and the answer for a stored file.

Source: recorded traffic.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from fluxcli.sandbox.bodies import Invalid, read_object

if TYPE_CHECKING:
    from fluxcli.sandbox.http_messages import HttpCall

ACCOUNT: Final = "10001"
_DATA_URL: Final = r"(?s)data:(?P<mime>[\w.+/-]*)(?:;[^,;]*)*,(?P<data>.*)"
_SNIFFS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
    (b"\xff\xd8\xff", "image/jpeg", ".jpg"),
    (b"GIF8", "image/gif", ".gif"),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A file as it was sent. `name` is empty where the service chooses one."""

    folder: str
    name: str
    data: bytes


def read_stream(call: HttpCall) -> Sent:
    """Read a multipart body.

    Raises:
        Invalid: it is not one, or a part is missing.
    """
    parts = _multipart(call)
    if "file" not in parts:
        raise Invalid(400, "Missing required parameter: file (file to upload)")
    name = parts.get("fileName", b"").decode("utf-8", "replace")
    return Sent(
        _folder(parts.get("uploadPath", b"").decode("utf-8", "replace")), name, parts["file"]
    )


def read_base64(call: HttpCall) -> Sent:
    """Read a JSON body that holds the file; see `read_stream`."""
    fields = read_object(call.body, code=400)
    text = fields.get("base64Data")
    if not isinstance(text, str) or not text:
        raise Invalid(400, "Missing required parameter: base64Data (Base64 encoded file data)")
    found = re.fullmatch(_DATA_URL, text)
    try:
        data = base64.b64decode(found["data"] if found else text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(400, "base64Data is not valid Base64") from None
    return Sent(_folder(fields.get("uploadPath")), str(fields.get("fileName") or ""), data)


def read_url(call: HttpCall) -> tuple[str, str, str]:
    """Read a JSON body that names a file elsewhere: link, folder, name; see `read_stream`."""
    fields = read_object(call.body, code=400)
    link = fields.get("fileUrl")
    if not isinstance(link, str) or not link:
        raise Invalid(400, "Missing required parameter: fileUrl (file download URL)")
    return link, _folder(fields.get("uploadPath")), str(fields.get("fileName") or "")


def _folder(text: object) -> str:
    folder = str(text or "").strip("/")
    if not folder:
        raise Invalid(400, "Missing required parameter: uploadPath (file upload path)")
    if ".." in folder.split("/"):
        raise Invalid(400, "uploadPath is not valid")
    return folder


def _multipart(call: HttpCall) -> dict[str, bytes]:
    """Return the parts' bytes by their names, exactly as sent."""
    boundary = _parameter(call.headers.get("content-type", ""), "boundary")
    if not boundary:
        raise Invalid(400, "The request body is not multipart/form-data")
    pieces = (b"\r\n" + call.body).split(b"\r\n--" + boundary.encode())
    if not pieces[-1].startswith(b"--"):
        raise Invalid(400, "The request body ends early")
    parts = {}
    for piece in pieces[1:-1]:
        head, _, data = piece.partition(b"\r\n\r\n")
        found = BytesHeaderParser(policy=HTTP).parsebytes(head.lstrip() + b"\r\n\r\n")
        disposition = str(found.get("content-disposition", ""))
        parts[_parameter(disposition, "name")] = data
    return parts


def _parameter(header: str, name: str) -> str:
    """Return a header's parameter; empty if it is missing."""
    found = re.search(rf';\s*{name}=(?:"([^"]*)"|([^\s;]*))', header)
    return (found[1] or found[2] or "") if found else ""


def kind_of(name: str, data: bytes) -> tuple[str, str]:
    """Return the MIME type and the ending (with its dot) of a file."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp", ".webp"
    for begin, mime, ending in _SNIFFS:
        if data.startswith(begin):
            return mime, ending
    return mimetypes.guess_type(name)[0] or "application/octet-stream", ".bin"


def safe_name(name: str) -> str:
    """Return a name without folders; empty if nothing is left."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "" if last in {".", ".."} else last


def description(
    path: str, mime: str, size: int, *, now: float, result_url: str
) -> dict[str, object]:
    """Return the `data` of an upload's answer."""
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    return {
        "success": True,
        "fileName": path.rsplit("/", 1)[-1],
        "filePath": path,
        "downloadUrl": f"{result_url}/{quote(path)}",
        "fileSize": size,
        "mimeType": mime,
        "uploadedAt": moment.replace("+00:00", "Z"),
    }
