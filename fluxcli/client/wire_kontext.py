"""The wire's words for Flux Kontext: paths, field names, and what answers say. Pure.

Source: Kie.ai's documentation and recorded traffic, 2026. A dialect is an object, since the
service presents the same model through a second API with other words; nothing outside this
room may know which one is spoken. Decoding believes nothing: any JSON at all may arrive.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from fluxcli.catalog import DEFAULT_RATIO, FORMATS, MODELS, PRO, RATIOS
from fluxcli.models import Request

_TASK_ID = re.compile(rb'"task_?[iI]d"\s*:\s*"([\x21\x23-\x5b\x5d-\x7e]{1,200})"')
_MILLISECONDS = 1e11
"""Epoch numbers from here on are milliseconds: as seconds it is the year 5138."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer, taken apart: the HTTP status, the envelope if there was one, the bytes.

    `code` is the effective code: the body's if there is one, but an HTTP failure is none the
    better for a body that says 200; without one the HTTP status. `enveloped` tells whether
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
    """What the service says of a task. Times: seconds since the epoch, UTC; None: not told.

    `echo` is the request as the service understood it, by the dialect's own field names.
    """

    state: Literal["running", "succeeded", "failed"]
    url: str | None
    error_code: int | None
    error_message: str
    created_at: float | None
    completed_at: float | None
    echo: dict[str, Any]


def decode(http: int, body: bytes, retry_after: str | None = None) -> Reply:
    """Take an answer apart, whatever it is. Never raises."""
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


def load(text: bytes | str) -> Any:  # noqa: ANN401 - JSON of a stranger
    """Parse JSON; None for anything that is none, is nested too deep, or is a giant number."""
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


def salvage_task_id(body: bytes) -> str | None:
    """Find a task id in whatever arrived of an answer, however broken."""
    found = _TASK_ID.search(body)
    return _named(found[1].decode()) if found else None


def _named(value: object) -> str | None:
    """Read a task's id, which may come as a number; `"null"` names no task, nor does ""."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = value.strip() if isinstance(value, str) else ""
    return None if text.lower() == "null" else text


def _plausible(seconds: float) -> float | None:
    return seconds if 0 < seconds < _MILLISECONDS else None


def _seconds(header: str | None) -> float | None:
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86400 else None  # noqa: PLR2004 - a day


class KontextWireFormat:
    """The API made for Flux Kontext alone: flat camelCase JSON, numbers for states."""

    submit_path = "/api/v1/flux/kontext/generate"
    credits_path = "/api/v1/chat/credit"
    relink_path = "/api/v1/common/download-url"
    upload_path = "/api/file-stream-upload"
    upload_text_path = "/api/file-base64-upload"
    upload_link_path = "/api/file-url-upload"
    parameters = (
        "inputImage",
        "aspectRatio",
        "outputFormat",
        "safetyTolerance",
        "promptUpsampling",
        "enableTranslation",
        "uploadCn",
        "callBackUrl",
    )
    """The request's compound field names; an error text that holds one speaks of validation.

    Plain words such as "prompt" and "model" stand in other texts too ("the model is busy").
    """

    def record_path(self, task_id: str) -> str:
        """Where a task is read. The id is opaque, so it is quoted."""
        quoted = quote(task_id, safe="", errors="replace")
        return f"/api/v1/flux/kontext/record-info?taskId={quoted}"

    def body(self, request: Request) -> dict[str, object]:
        """Return the JSON that asks for this picture; what is None is left out."""
        fields: dict[str, object] = {
            "prompt": request.prompt,
            "model": request.model,
            "aspectRatio": request.aspect_ratio,
            "outputFormat": request.output_format,
            "safetyTolerance": request.safety_tolerance,
            "promptUpsampling": request.prompt_upsampling,
            "enableTranslation": request.enable_translation,
            "uploadCn": request.upload_cn,
            "watermark": request.watermark,
            "callBackUrl": request.callback_url,
            "inputImage": request.input_image,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def task_id(self, reply: Reply) -> str | None:
        """Return the id of the task that was created, if the answer names one."""
        data = reply.data if isinstance(reply.data, dict) else {}
        for name in ("taskId", "task_id"):
            if found := _named(data.get(name)):
                return found
        return salvage_task_id(reply.body)

    def record(self, data: object) -> Record:
        """Read a task's record. An unknown flag, or success without a URL, is still running."""
        fields = data if isinstance(data, dict) else {}
        flag = number(fields.get("successFlag"))
        response = fields.get("response")
        if isinstance(response, str):
            response = load(response)
        url = link(response.get("resultImageUrl")) if isinstance(response, dict) else None
        failed = flag in (2, 3)
        message = fields.get("errorMessage")
        echo = fields.get("paramJson")
        parsed = load(echo) if isinstance(echo, str) else echo
        return Record(
            state="failed" if failed else "succeeded" if flag == 1 and url else "running",
            url=url,
            error_code=number(fields.get("errorCode")) if failed else None,
            error_message=message if isinstance(message, str) and message != "null" else "",
            created_at=moment(fields.get("createTime")),
            completed_at=moment(fields.get("completeTime")),
            echo=parsed if isinstance(parsed, dict) else {},
        )

    def upload_url(self, data: object) -> str | None:
        """Return the public URL that an upload got."""
        return link(data.get("downloadUrl")) if isinstance(data, dict) else None

    def request(self, echo: dict[str, Any]) -> Request:
        """Return the request that an echo is of; what it leaves out is the default."""
        image, prompt = link(echo.get("inputImage")), echo.get("prompt")
        ratio, tolerance = echo.get("aspectRatio"), number(echo.get("safetyTolerance"))
        usual = None if image else DEFAULT_RATIO
        return Request(
            mode="edit" if image else "generate",
            prompt=prompt if isinstance(prompt, str) else "",
            model=MODELS.get(str(echo.get("model")), PRO),
            aspect_ratio=ratio if ratio in RATIOS else usual,
            output_format=FORMATS.get(str(echo.get("outputFormat")), "jpeg"),
            safety_tolerance=2 if tolerance is None else tolerance,
            input_image=image,
        )

    def echoes(self, echo: dict[str, Any], request: Request) -> bool | None:
        """Tell whether a record's echo is of this request; None if it tells too little.

        Only fields that the echo holds are compared: the service leaves some out. But an
        input picture is another request's where none was edited. An edit without an address
        was sent by another machine, and only that one knew it.
        """
        wanted = self.body(request)
        if not isinstance(echo.get("prompt"), str):
            return None
        if link(echo.get("inputImage")) and request.mode == "generate":
            return False
        told = {name: value for name, value in echo.items() if value is not None}
        return all(
            told[name] in (value, str(value)) for name, value in wanted.items() if name in told
        )
