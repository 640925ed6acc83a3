"""The service's answers: envelopes, recorded refusals, pages of the edge.

Source: recorded traffic and the service's documentation. Errors arrive as HTTP 200 with
another `code` in the body, as nearly every recorded one did.
"""

from __future__ import annotations

import gzip
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from fluxcli.sandbox.bodies import compact
from fluxcli.sandbox.http_messages import HttpAnswer

if TYPE_CHECKING:
    from fluxcli.sandbox.http_messages import HttpCall

JSON: Final = "application/json"
JSON_UTF8: Final = "application/json;charset=UTF-8"
"""The Content-Type of every JSON answer, as recorded."""

KEY_REFUSED: Final = 401
UNAUTHORIZED: Final = (
    "Unauthorized – Authentication failed. "  # noqa: RUF001 - recorded with this dash
    "Please check that your Authorization and Content-Type headers are correctly set."
)
FIELD_REQUIRED: Final = "This field is required"
NO_RECORD: Final = "The record does not exist"
NO_JOBS_RECORD: Final = "recordInfo is null"
NO_CREDITS: Final = (
    "Credits insufficient : Your current balance isn't enough to run this request. "
    "Please top up to continue."
)
TOO_OFTEN: Final = "Your call frequency is too high. Please try again later."
WRONG_URL: Final = "url is wrong"
FLAGGED: Final = "Your prompt was flagged by Website as violating content policies."
INTERNAL: Final = "internal error, please try again later."

_PAGE: Final = (
    b"<!DOCTYPE html>\n<html><head><title>%s</title></head>"
    b"<body><center><h1>%s</h1></center><hr><center>cloudflare</center></body></html>\n"
)


def encoded(value: object, *, status: int = 200) -> HttpAnswer:
    """Return `value` as a JSON answer, as compact as the service's."""
    return HttpAnswer(status, (("content-type", JSON_UTF8),), compact(value).encode())


def success(data: object) -> HttpAnswer:
    """Return the envelope of a successful call."""
    return encoded({"code": 200, "msg": "success", "data": data})


def refusal(code: int, message: str, *, status: int = 200) -> HttpAnswer:
    """Return the envelope of a refused call."""
    return encoded({"code": code, "msg": message, "data": None}, status=status)


def unauthorized() -> HttpAnswer:
    """Return the refusal of a key or Content-Type; it was recorded without `data`."""
    return encoded({"code": 401, "msg": UNAUTHORIZED})


def upload_refusal(code: int, message: str) -> HttpAnswer:
    """Return an upload's refusal."""
    return encoded({"success": False, "code": code, "msg": message})


def uploaded(data: dict[str, object]) -> HttpAnswer:
    """Return an upload's success."""
    return encoded(
        {"success": True, "code": 200, "msg": "File uploaded successfully", "data": data}
    )


def plain(status: int, text: str) -> HttpAnswer:
    """Return plain text, as the edge and the result host answer."""
    return HttpAnswer(status, (("content-type", "text/plain; charset=UTF-8"),), text.encode())


def edge_block() -> HttpAnswer:
    """Return the edge's refusal of a User-Agent; it does not concern the key."""
    return plain(403, "error code: 1010")


def page(status: int, title: str) -> HttpAnswer:
    """Return an HTML page of the edge."""
    body = _PAGE % (title.encode(), title.encode())
    return HttpAnswer(status, (("content-type", "text/html; charset=UTF-8"),), body)


def packed(answer: HttpAnswer, call: HttpCall) -> HttpAnswer:
    """Compress a JSON answer for a caller that accepts gzip, as the service does."""
    if answer.header("content-type") != JSON_UTF8 or "gzip" not in call.headers.get(
        "accept-encoding", ""
    ):
        return answer
    headers = (*answer.headers, ("content-encoding", "gzip"))
    return replace(answer, headers=headers, body=gzip.compress(answer.body, mtime=0))


def marked(answer: HttpAnswer, now: float) -> HttpAnswer:
    """Add the headers of every answer: the sandbox's mark, the service's time, CORS."""
    marks = (
        ("x-fluxcli-sandbox", "1"),
        ("date", formatdate(now, usegmt=True)),
        ("access-control-allow-origin", "*"),
    )
    return replace(answer, headers=(*answer.headers, *marks))


def preflight() -> HttpAnswer:
    """Return the answer to a browser's OPTIONS request."""
    allowed = (
        ("access-control-allow-methods", "GET, HEAD, POST, OPTIONS"),
        ("access-control-allow-headers", "Authorization, Content-Type"),
        ("access-control-max-age", "86400"),
    )
    return HttpAnswer(204, allowed)
