"""What a fault does to an answer. Knows the faults' words; see `faults` for their table."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fluxcli.sandbox import answers
from fluxcli.sandbox.wire import Answer

SLOW_SECONDS: Final = 5.0
_GARBAGE: Final = bytes(range(0x80, 0x100)) * 4
_TEXT: Final = b"The requested picture could not be rendered.\n"

_REFUSALS: Final = {
    "401": (401, answers.UNAUTHORIZED),
    "402": (402, answers.NO_CREDITS),
    "429": (429, answers.TOO_OFTEN),
    "429-credits": (429, answers.NO_CREDITS),
    "433": (433, "The usage limit of this API key has been reached."),
    "455": (455, "The service is under maintenance. Please try again later."),
    "500": (500, answers.INTERNAL),
}
_PAGES: Final = {
    "502": "502 Bad Gateway",
    "503": "503 Service Temporarily Unavailable",
    "521": "521: Web server is down",
}


def instead(what: str, where: str) -> Answer | None:
    """Return the answer that comes in place of any work; None if the work is done."""
    if what in {"refuse", "drop"}:
        return Answer(broken="refused" if what == "refuse" else "dropped")
    if what in {"503", "521"}:
        return answers.page(int(what), _PAGES[what])
    if what == "1010":
        return answers.edge_block()
    if what == "unknown":
        return answers.refusal(422, answers.NO_RECORD)
    if what in _REFUSALS:
        code, message = _REFUSALS[what]
        return refuse(where, code, message)
    if what == "expired" and where == "download":
        return answers.plain(404, "404 Not Found")
    return None


def refuse(where: str, code: int, message: str) -> Answer:
    """Return a refusal in the words of the place: API, uploads or the result host."""
    if where == "download":
        return answers.plain(code, message)
    if where == "upload":
        return answers.upload_refusal(code, message)
    return answers.unauthorized() if code == answers.KEY_REFUSED else answers.refusal(code, message)


def spoil(what: str, answer: Answer) -> Answer:
    """Return what becomes of the answer to work that was done."""
    match what:
        case "reset":
            return answer.breaking("reset")
        case "timeout":
            return answer.breaking("silent")
        case "truncate":
            return answer.breaking("truncated")
        case "slow":
            return replace(answer, delay=SLOW_SECONDS)
        case "502":
            return answers.page(502, _PAGES[what])
        case "html":
            return answers.page(200, "One moment, please...")
        case "garbage":
            return replace(answer, body=_GARBAGE)
        case "truncated":
            return replace(answer, body=answer.body[: len(answer.body) * 2 // 3])
        case "corrupt":
            return replace(answer, body=_damaged(answer.body))
        case "not-image":
            return replace(answer, body=_TEXT)
        case _:
            return answer


def _damaged(data: bytes) -> bytes:
    """Zero a stretch in the middle, as a broken disk or proxy would; the length stays."""
    middle, half = len(data) // 2, min(len(data) // 8, 1024)
    return data[: middle - half] + bytes(2 * half) + data[middle + half :]
