"""What the wire formats share: decoded answers and records, and reading single values. Pure.

Source: Kie.ai's documentation and recorded traffic, 2026. Decoding trusts nothing: any JSON at
all may arrive.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol
from urllib.parse import urlsplit

from fluxcli.dataclass import dataclass

if TYPE_CHECKING:
    from fluxcli.task_types import Request

WireName = Literal["kontext", "jobs"]

CREDITS_PATH: Final = "/api/v1/chat/credit"
RELINK_PATH: Final = "/api/v1/common/download-url"
UPLOAD_PATH: Final = "/api/file-stream-upload"
UPLOAD_TEXT_PATH: Final = "/api/file-base64-upload"
UPLOAD_LINK_PATH: Final = "/api/file-url-upload"

_TASK_ID: Final = (
    rb'(?i)\\*"task_?id\\*"\s*:\s*'
    rb'(?:\\*"([\x21\x23-\x5b\x5d-\x7e]{1,200})\\*"|([0-9]{1,40}))'
)
_ID_NAMES: Final = frozenset({"taskid", "task_id"})
_DEEPEST: Final = 8
_CUT: Final = 200
_MILLISECONDS = 1e11
"""Epoch numbers from here on are milliseconds: as seconds it is the year 5138."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One decoded answer: the HTTP status, the envelope if there was one, the bytes.

    `code` is the effective code: the body's if there is one, unless that is 200 under an HTTP
    failure; without one the HTTP status. `enveloped` is whether
    the body was a JSON object with a `code` at all. `retry_after` is in seconds, where the
    service asked for it.
    """

    http: int
    code: int
    message: str
    data: Any
    success: bool
    enveloped: bool
    body: bytes
    retry_after: float | None

    @property
    def good(self) -> bool:
        """Whether this is a success: HTTP 2xx and code 200, and no `success: false`."""
        return self.enveloped and self.code == 200 and self.success  # noqa: PLR2004 - HTTP


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the service reports of a task. Times: seconds since the epoch, UTC; None: unknown.

    `echo` is the request as the service understood it, by the wire format's own field names;
    `credits` what was charged. A final state that is not certain has to be read twice.
    """

    state: Literal["running", "succeeded", "failed"]
    url: str | None
    error_code: int | None
    error_message: str
    created_at: float | None
    completed_at: float | None
    echo: dict[str, Any]
    task_id: str | None = None
    credits: float | None = None
    is_certain: bool = True
    form: WireName = "kontext"


def decode(http: int, body: bytes, retry_after: str | None = None) -> Reply:
    """Decode an answer of any kind. Never raises."""
    parsed = load(body)
    envelope = parsed if isinstance(parsed, dict) else {}
    code = number(envelope.get("code"))
    message = envelope.get("msg")
    return Reply(
        http=http,
        code=http if code is None or (code == 200 and not 200 <= http < 300) else code,  # noqa: PLR2004 - HTTP
        message=message if isinstance(message, str) else "",
        data=envelope.get("data"),
        success=envelope.get("success") is not False,
        enveloped=code is not None,
        body=body,
        retry_after=_seconds(retry_after),
    )


def load(text: bytes | str) -> Any:  # noqa: ANN401 - JSON from outside
    """Parse JSON; None if it is not JSON, nested too deep, or has a giant number."""
    plain = text if isinstance(text, str) else text.decode(errors="replace")
    try:
        return json.loads(plain, object_hook=_encodable)
    except (ValueError, RecursionError):
        return None


def _encodable(fields: dict[str, Any]) -> dict[str, Any]:
    """Replace halves of surrogate pairs, which JSON can hold and no file, URL or stream takes."""
    return {
        name: value.encode(errors="replace").decode() if isinstance(value, str) else value
        for name, value in fields.items()
    }


def number(value: object) -> int | None:
    """Read a whole number that may come as int, float or text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value.strip()):
        return int(value)
    return None


def moment(value: object) -> float | None:
    """Read a time: epoch milliseconds or seconds, ISO 8601, or `YYYY-MM-DD HH:MM:SS` (UTC)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _plausible(value / 1000 if value >= _MILLISECONDS else float(value))
    if not isinstance(value, str):
        return None
    if value.strip().isdecimal():
        return moment(int(value.strip()[:16]))
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    zoned = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return _plausible(zoned.timestamp())


def link(value: object) -> str | None:
    """Read an http(s) URL with a host; None for `""`, `"null"` and everything else."""
    if not isinstance(value, str) or not value.isprintable():
        return None
    try:
        parts = urlsplit(value.strip())
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return value.strip() if usable else None


def http_date(text: str | None) -> float | None:
    """Return the time in a `Date` header, in seconds since the epoch; None if there is none."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError, TypeError):
        return None


def task_id_of(reply: Reply) -> str | None:
    """Return the id of the task that an answer names, anywhere in it, even if it is broken."""
    data = reply.data if isinstance(reply.data, dict) else {}
    for name in ("taskId", "task_id"):
        if found := named(data.get(name)):
            return found
    return _searched(load(reply.body), 0) or salvage_task_id(reply.body)


def salvage_task_id(body: bytes) -> str | None:
    """Return the task id in the bytes that arrived of an answer, even if it is broken."""
    for found in re.finditer(_TASK_ID, body):
        if task_id := named((found[1] or found[2]).decode()):
            return task_id
    return None


def _searched(value: object, depth: int) -> str | None:
    """Search parsed JSON, and JSON text inside it, for a task id."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        return _searched(load(value), depth + 1)
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.lower() in _ID_NAMES and (found := named(inner)):
                return found
        value = list(value.values())
    if isinstance(value, list):
        return next(filter(None, (_searched(inner, depth + 1) for inner in value)), None)
    return None


def named(value: object) -> str | None:
    """Read a task id, which may be a number; `"null"` and "" name no task."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = value.strip() if isinstance(value, str) else ""
    return text if text and text.lower() not in {"null", "none", "undefined"} else None


def same_prompt(echo: object, prompt: str, *, translated: bool) -> bool | None:
    """Return whether an echoed prompt is `prompt`; None if that cannot be decided.

    Blanks are not compared, a long prompt may be cut, and one in another language may come back
    `translated`.
    """
    if not isinstance(echo, str) or not prompt.strip() or not echo.strip():
        return None
    ours, theirs = (" ".join(unicodedata.normalize("NFKC", one).split()) for one in (prompt, echo))
    if ours == theirs or (len(theirs) >= _CUT and ours.startswith(theirs.rstrip(".…"))):
        return True
    return None if translated and not prompt.isascii() else False


def number_or_text(value: object) -> float | None:
    """Read an amount that may come as a number or as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        return None
    return amount if 0 <= amount < _MILLISECONDS else None


def _plausible(seconds: float) -> float | None:
    return seconds if 0 < seconds < _MILLISECONDS else None


def _seconds(header: str | None) -> float | None:
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86400 else None  # noqa: PLR2004 - a day


class WireFormat(Protocol):
    """One of the service's APIs to the same model: paths, bodies, records."""

    name: WireName
    submit_path: str

    def record_path(self, task_id: str) -> str:
        """Return the path at which a task is read. The id is opaque, so it is quoted."""
        ...

    def body(self, request: Request) -> dict[str, object]:
        """Return the JSON body of a submission; fields that are None are left out."""
        ...

    def record(self, reply: Reply) -> Record | None:
        """Read a task's record; None if the answer holds none."""
        ...

    def request(self, echo: dict[str, Any]) -> Request:
        """Return the request that an echo is of; a field that is missing has its default."""
        ...

    def echoes(self, echo: dict[str, Any], request: Request) -> bool | None:
        """Return whether a record's echo is of this request; None if it holds too little."""
        ...

    def has_prompt(self, echo: dict[str, Any], request: Request) -> bool | None:
        """Return whether a record's echo has this request's prompt; None if undecided."""
        ...
