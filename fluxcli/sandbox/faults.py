"""Faults on request: which calls fail, and how.

A fault is written `PLACE:FAULT[@N][xM]`, or `PLACE:FAULT%P`. It affects the N-th such call
(default: the first) and M calls in all (default: one), or P percent of them, always the same
ones. A FAULT that is a code of the service, or `http` and a status, may be given the message:
`submit:500=Credits+insufficient`, where `+` is a space.

PLACE: `submit poll upload download credits link models kontext jobs agent`; the faults of the last
three hold for every call, and so does `models:tiers`.

| FAULT | kind the caller meets | the work |
|---|---|---|
| `refuse` | no connection (on a socket: it breaks at once) | not done |
| `drop` | the connection breaks before an answer | not done |
| `reset` | the connection breaks before an answer | done: the answer is lost |
| `timeout` | silence | done |
| `slow` | everything, five seconds late | done |
| `429 402 429-credits 433 455 401 500` | HTTP 200 with that `code` (a download: that status) | not done |
| `503 521` | that HTTP status and a page of the edge | not done |
| `502` | that HTTP status and a page of the edge | done |
| `400 404 408 422 501 505` (submit; 408 and 501 at poll too) | HTTP 200 with that `code` | not done |
| `http400` … `http505` (submit) | that HTTP status with the envelope | not done |
| `late` (submit) | the task is not known for 90 seconds after its creation | done |
| `tiers` (models) | the schema of the jobs API has a field for pro and max, and takes it | done |
| `gone` (kontext, jobs) | code 404 at both paths of that API | not done |
| `blocked` (agent) | as `1010`, at every host | not done |
| `1010` | HTTP 403, `error code: 1010` | not done |
| `html garbage truncated` | HTTP 200 with a page, with random bytes, with two thirds of the JSON | done |
| `unknown` (poll) | the task is not known yet | not done |
| `moderated failed` (submit, poll) | the task ends so | done |
| `expired` | submit: the result will be gone; poll: the record is; download: HTTP 404; link: a dead link | done |
| `truncate corrupt not-image` (download) | half the bytes; damaged bytes; a text | done |
"""  # noqa: E501 - a table

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_STANDING: Final = {"kontext": "gone", "jobs": "gone", "agent": "blocked"}
"""The places whose only fault holds for every call."""

_CALLS: Final = ("submit", "poll", "upload", "download", "credits", "link", "models")
PLACES: Final = (*_CALLS, *_STANDING)
_CODES: Final = ("401", "402", "429", "433", "455", "500")
_SUBMIT_CODES: Final = ("400", "404", "408", "422", "501", "505")
_ANYWHERE: Final = (
    *("refuse", "reset", "drop", "timeout", "slow"),
    *(*_CODES, "429-credits", "502", "503", "521"),
    *("html", "1010", "garbage", "truncated"),
)
_STATUSES: Final = tuple(f"http{code}" for code in sorted({*_CODES, *_SUBMIT_CODES, "502", "503"}))
_ONLY: Final = {
    "submit": ("moderated", "failed", "expired", "late", *_SUBMIT_CODES, *_STATUSES),
    "poll": ("unknown", "moderated", "failed", "expired", "408", "501"),
    "download": ("truncate", "corrupt", "not-image", "expired"),
    "link": ("expired",),
    "models": ("tiers",),
}
_WITH_TEXT: Final = frozenset({*_CODES, *_SUBMIT_CODES, *_STATUSES})
_SPEC: Final = (
    r"(?P<place>[^:]+):(?P<kind>.+?)"
    r"(?:(?:@(?P<first>\d+))?(?:x(?P<times>\d+))?|%(?P<percent>\d+))"
)
_ALL: Final = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `first` and `times` count such calls from 1; `percent` replaces them.

    `text` is the message of a refusal; None: the usual one.
    """

    spec: str
    place: str
    kind: str
    first: int = 1
    times: int = 1
    percent: int | None = None
    text: str | None = None

    def applies_to(self, number: int) -> bool:
        """Return whether it affects the call of this number, counted from 1."""
        if self.percent is not None:
            return zlib.crc32(f"{self.spec} {number}".encode()) % _ALL < self.percent
        return self.first <= number < self.first + self.times


def parse(spec: str) -> Fault:
    """Read one fault.

    Raises:
        ValueError: it is not one; the message lists the valid ones.
    """
    found = re.fullmatch(_SPEC, spec)
    if found is None:
        raise ValueError(f"`{spec}` is not a fault; write `PLACE:FAULT[@N][xM]` or `PLACE:FAULT%P`")
    place = found["place"]
    kind, given, text = found["kind"].partition("=")
    if place not in PLACES:
        raise ValueError(f"`{spec}`: `{place}` is not a place for a fault; {_list_words(PLACES)}")
    words = faults_at(place)
    if kind not in words:
        raise ValueError(f"`{spec}`: `{place}` has no fault `{kind}`; {_list_words(words)}")
    if given and kind not in _WITH_TEXT:
        raise ValueError(f"`{spec}`: only a refusal with a code takes a text")
    first, times = int(found["first"] or 1), int(found["times"] or 1)
    percent = None if found["percent"] is None else int(found["percent"])
    if not first or not times or (percent is not None and not 0 < percent <= _ALL):
        raise ValueError(f"`{spec}`: calls are counted from 1, and percent go from 1 to 100")
    message = text.replace("+", " ") if given else None
    return Fault(spec, place, kind, first, times, percent, message)


def parse_all(specs: Sequence[str]) -> tuple[Fault, ...]:
    """Read several, each once; see `parse`."""
    return tuple(parse(spec) for spec in dict.fromkeys(specs))


def faults_at(place: str) -> tuple[str, ...]:
    """Return the faults of a place."""
    if place in _STANDING:
        return (_STANDING[place],)
    return (*_ANYWHERE, *_ONLY.get(place, ()))


def described() -> str:
    """Return all places and their faults in one line, for the help of `fluxcli sandbox`."""
    some = "; ".join(f"at {place} also {' '.join(kinds)}" for place, kinds in _ONLY.items())
    standing = "; ".join(f"{kind} at {place}" for place, kind in _STANDING.items())
    return (
        f"Places of --fault: {' '.join(_CALLS)}. Faults at each of them: {' '.join(_ANYWHERE)}; "
        f"{some}. Faults of every call: {standing}. @N affects the N-th call, xM M calls, %P some "
        "percent; CODE=TEXT gives a refusal its message, with + for a space."
    )


def _list_words(words: Sequence[str]) -> str:
    return "use one of " + ", ".join(f"`{word}`" for word in words)
