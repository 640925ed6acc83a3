"""Faults on request: which calls fail, and how.

A fault is written `PLACE:FAULT[@N][xM]`, or `PLACE:FAULT%P`. It strikes the N-th such call
(default: the first) and M calls in all (default: one), or P percent of them, always the same
ones.

PLACE: `submit poll upload download credits link kontext jobs`

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
| `400 408 422 501 505` (submit) | HTTP 200 with that `code` | not done |
| `http400` … `http503` (submit) | that HTTP status with the envelope | not done |
| `gone` (kontext, jobs) | code 404 at both paths of that API, at every call | not done |
| `1010` | HTTP 403, `error code: 1010` | not done |
| `html garbage truncated` | HTTP 200 with a page, with bytes of no meaning, with two thirds of the JSON | done |
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

PLACES: Final = ("submit", "poll", "upload", "download", "credits", "link", "kontext", "jobs")
_ANYWHERE: Final = (
    *("refuse", "reset", "drop", "timeout", "slow"),
    *("429", "402", "429-credits", "433", "455", "401", "500", "502", "503", "521"),
    *("html", "1010", "garbage", "truncated"),
)
_ONLY: Final = {
    "submit": (
        *("moderated", "failed", "expired", "400", "408", "422", "501", "505"),
        *("http400", "http401", "http402", "http404", "http422", "http429"),
        *("http500", "http502", "http503"),
    ),
    "poll": ("unknown", "moderated", "failed", "expired"),
    "download": ("truncate", "corrupt", "not-image", "expired"),
    "link": ("expired",),
}
_FORMATS: Final = frozenset({"kontext", "jobs"})
_SPEC: Final = re.compile(
    r"(?P<place>[^:]+):(?P<kind>.+?)(?:(?:@(?P<first>\d+))?(?:x(?P<times>\d+))?|%(?P<percent>\d+))",
)
_ALL: Final = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `first` and `times` count such calls from 1; `percent` replaces them."""

    spec: str
    place: str
    kind: str
    first: int = 1
    times: int = 1
    percent: int | None = None

    def strikes(self, number: int) -> bool:
        """Return whether it strikes the call of this number, counted from 1."""
        if self.percent is not None:
            return zlib.crc32(f"{self.spec} {number}".encode()) % _ALL < self.percent
        return self.first <= number < self.first + self.times


def parse(spec: str) -> Fault:
    """Read one fault.

    Raises:
        ValueError: it is not one; the message lists the valid ones.
    """
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise ValueError(f"`{spec}` is not a fault; write `PLACE:FAULT[@N][xM]` or `PLACE:FAULT%P`")
    place, kind = found["place"], found["kind"]
    if place not in PLACES:
        raise ValueError(f"`{spec}`: `{place}` is not a place for a fault; {_list_words(PLACES)}")
    words = (*_ANYWHERE, *_ONLY.get(place, ())) if place not in _FORMATS else ("gone",)
    if kind not in words:
        raise ValueError(f"`{spec}`: `{place}` has no fault `{kind}`; {_list_words(words)}")
    first, times = int(found["first"] or 1), int(found["times"] or 1)
    percent = None if found["percent"] is None else int(found["percent"])
    if not first or not times or (percent is not None and not 0 < percent <= _ALL):
        raise ValueError(f"`{spec}`: calls are counted from 1, and percent go from 1 to 100")
    return Fault(spec, place, kind, first, times, percent)


def parse_all(specs: Sequence[str]) -> tuple[Fault, ...]:
    """Read several, each once; see `parse`."""
    return tuple(parse(spec) for spec in dict.fromkeys(specs))


def _list_words(words: Sequence[str]) -> str:
    return "use one of " + ", ".join(f"`{word}`" for word in words)
