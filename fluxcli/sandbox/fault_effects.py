"""What a fault does to an answer. `faults` holds the table."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fluxcli.sandbox import answers
from fluxcli.sandbox.http_messages import HttpAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from fluxcli.sandbox.faults import Fault

SLOW_SECONDS: Final = 5.0
_GARBAGE: Final = bytes(range(0x80, 0x100)) * 4
_TEXT: Final = b"The requested image could not be rendered.\n"

_REFUSALS: Final = {
    "401": (401, answers.UNAUTHORIZED),
    "402": (402, answers.NO_CREDITS),
    "429": (429, answers.TOO_OFTEN),
    "429-credits": (429, answers.NO_CREDITS),
    "433": (433, "The usage limit of this API key has been reached."),
    "455": (455, "The service is under maintenance. Please try again later."),
    "500": (500, answers.INTERNAL),
    "400": (400, answers.FLAGGED),
    "408": (408, "Upstream is currently experiencing service issues. Please try again later."),
    "404": (404, "Not Found"),
    "422": (422, "The request parameters failed validation checks."),
    "501": (501, "Generation failed, please try again later."),
    "505": (505, "This feature is currently disabled."),
}
_INSTEAD: Final = {
    "refuse": HttpAnswer(broken="refused"),
    "drop": HttpAnswer(broken="dropped"),
    "503": answers.page(503, "503 Service Temporarily Unavailable"),
    "521": answers.page(521, "521: Web server is down"),
    "1010": answers.edge_block(),
    "expired": answers.plain(404, "404 Not Found"),
}


def instead(fault: Fault, *, jobs: bool) -> HttpAnswer | None:
    """Return the answer that replaces the work; None if the work is done.

    `jobs`: the call is one of the jobs API.
    """
    kind, place = fault.kind, fault.place
    if kind.startswith("http"):
        code, message = _REFUSALS.get(kind[4:]) or (int(kind[4:]), HTTPStatus(int(kind[4:])).phrase)
        return answers.refusal(code, message if fault.text is None else fault.text, status=code)
    if kind in _REFUSALS:
        code, message = _REFUSALS[kind]
        return refuse(place, code, message if fault.text is None else fault.text)
    if kind == "unknown":
        return answers.refusal(422, answers.NO_JOBS_RECORD if jobs else answers.NO_RECORD)
    if kind == "expired" and place != "download":
        return None
    return _INSTEAD.get(kind)


def refuse(place: str, code: int, message: str) -> HttpAnswer:
    """Return a refusal in the form of the API, the upload host or the result host."""
    if place == "download":
        return answers.plain(code, message)
    if place == "upload":
        return answers.upload_refusal(code, message)
    if code == answers.KEY_REFUSED and message == answers.UNAUTHORIZED:
        return answers.unauthorized()
    return answers.refusal(code, message)


def spoil(kind: str, answer: HttpAnswer) -> HttpAnswer:
    """Return the damaged answer to work that was done."""
    spoiler = _SPOILERS.get(kind)
    return spoiler(answer) if spoiler else answer


def _damaged(data: bytes) -> bytes:
    """Zero bytes in the middle, as from a broken disk or proxy; the length stays."""
    middle, half = len(data) // 2, min(len(data) // 8, 1024)
    return data[: middle - half] + bytes(2 * half) + data[middle + half :]


_SPOILERS: Final[dict[str, Callable[[HttpAnswer], HttpAnswer]]] = {
    "reset": lambda answer: replace(answer, broken="reset"),
    "timeout": lambda answer: replace(answer, broken="silent"),
    "truncate": lambda answer: replace(answer, broken="truncated"),
    "slow": lambda answer: replace(answer, delay=SLOW_SECONDS),
    "502": lambda _: answers.page(502, "502 Bad Gateway"),
    "html": lambda _: answers.page(200, "One moment, please..."),
    "garbage": lambda answer: replace(answer, body=_GARBAGE),
    "truncated": lambda answer: replace(answer, body=answer.body[: len(answer.body) * 2 // 3]),
    "corrupt": lambda answer: replace(answer, body=_damaged(answer.body)),
    "not-image": lambda answer: replace(answer, body=_TEXT),
}
