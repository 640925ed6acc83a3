"""The service for whole users: its own clock, its own books, and odd answers on demand.

It is the sandbox under the real service's addresses, without the mark by which a sandbox
identifies itself. Its clock is right, even if the user's clock is wrong.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from fluxcli.client.transport import Transport
from fluxcli.prices_and_limits import API_URL, UPLOAD_URL
from fluxcli.sandbox import answers
from fluxcli.sandbox.faults import Fault
from fluxcli.sandbox.http_messages import HttpAnswer
from fluxcli.sandbox.in_process import SandboxTransport
from fluxcli.sandbox.service import SandboxService
from tests.worlds import NOON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fluxcli.sandbox.http_messages import Broken, HttpCall
    from tests.worlds import SwiftClock

RESULTS: Final = "https://results.invalid"
SECONDS: Final = 8.0
MARK: Final = "x-fluxcli-sandbox"
OTHER_TASK: Final = "0123456789abcdef0123456789abcdef"
ORDINARY_WORDS: Final = (
    "String index out of range: -1",
    "Parameter index out of range",
    "A retry is required",
    "the worker must be restarted",
    "credit of this idea goes to nobody",
    "internal error, please try again later.",
)
"""Texts of a code 500 that prove nothing, whether or not a task was created."""


@dataclass(frozen=True, slots=True)
class Oddity(Fault):
    """One odd answer at `place`. `worked`: the service did what it was asked for nevertheless.

    `change` makes the odd answer of the right one.
    """

    worked: bool = False
    change: Callable[[HttpAnswer], HttpAnswer] = lambda right: right

    def __str__(self) -> str:
        return f"{self.place}: {self.kind}{' (done)' if self.worked else ''}"

    __repr__ = __str__


def _odd(
    place: str, name: str, answer: HttpAnswer | Callable[[HttpAnswer], HttpAnswer], *, worked: bool
) -> Oddity:
    change = answer if callable(answer) else lambda _: answer
    return Oddity(f"{place}:{name}", place, name, worked=worked, change=change)


def _breaks(how: Broken) -> Callable[[HttpAnswer], HttpAnswer]:
    return lambda right: replace(right, broken=how)


def _unclear() -> Iterator[tuple[str, HttpAnswer | Callable[[HttpAnswer], HttpAnswer]]]:
    """Answers that come with and without a task."""
    for words in ORDINARY_WORDS:
        yield f"500 {words}", answers.refusal(500, words)
    yield "HTML", answers.page(200, "One moment, please...")
    yield "HTTP 500", answers.refusal(500, ORDINARY_WORDS[0], status=500)
    yield "HTTP 502", answers.page(502, "502 Bad Gateway")
    yield "HTTP 504", answers.page(504, "504 Gateway Time-out")
    yield "408", answers.refusal(408, "no answer from upstream")
    yield "501", answers.refusal(501, "generation failed")
    yield "no data", answers.encoded({"code": 200, "msg": "success", "data": None})
    yield "empty", HttpAnswer(200)
    yield "dropped", _breaks("dropped")
    yield "silence", _breaks("silent")


def _submissions() -> Iterator[Oddity]:
    for name, answer in _unclear():
        yield _odd("submit", name, answer, worked=True)
        yield _odd("submit", name, answer, worked=False)
    yield _odd("submit", "cut off", _breaks("truncated"), worked=True)
    yield _odd("submit", "reset", _breaks("reset"), worked=True)
    for code in (400, 401, 402, 404, 405, 422, 429, 433, 455, 505):
        yield _odd("submit", f"code {code}", answers.refusal(code, "no"), worked=False)
    yield _odd("submit", "no credits", answers.refusal(429, answers.NO_CREDITS), worked=False)
    yield _odd("submit", "no field", answers.refusal(500, answers.FIELD_REQUIRED), worked=False)
    yield _odd("submit", "edge block", answers.edge_block(), worked=False)
    yield _odd("submit", "HTTP 521", answers.page(521, "Web server is down"), worked=False)
    yield _odd("submit", "refuse", HttpAnswer(broken="refused"), worked=False)


def _reads(place: str) -> Iterator[Oddity]:
    """Answers to what costs nothing."""
    for name, answer in _unclear():
        yield _odd(place, name, answer, worked=False)
    for code in (401, 404, 422, 429, 455, 505):
        yield _odd(place, f"code {code}", answers.refusal(code, "no"), worked=False)
    yield _odd(place, "HTTP 404", answers.plain(404, "404 Not Found"), worked=False)
    yield _odd(place, "edge block", answers.edge_block(), worked=False)
    yield _odd(place, "refuse", HttpAnswer(broken="refused"), worked=False)


def _other_record(right: HttpAnswer) -> HttpAnswer:
    """Return the record of another task."""
    record = json.loads(right.body)
    if not isinstance(record.get("data"), dict):
        return right
    return answers.success(record["data"] | {"taskId": OTHER_TASK})


def _results() -> Iterator[Oddity]:
    for status in (401, 403, 404, 410, 429, 500, 503):
        yield _odd("download", f"HTTP {status}", answers.plain(status, "no"), worked=False)
    yield _odd("download", "HTML", answers.page(200, "One moment, please..."), worked=False)
    yield _odd("download", "refuse", HttpAnswer(broken="refused"), worked=False)
    yield _odd("download", "cut off", _breaks("truncated"), worked=True)
    yield _odd(
        "download",
        "half an image",
        lambda right: replace(right, body=right.body[: len(right.body) // 2]),
        worked=True,
    )


ODDITIES: Final = (
    *_submissions(),
    *_reads("poll"),
    _odd("poll", "another task's record", _other_record, worked=True),
    *_results(),
    *_reads("link"),
    *_reads("upload"),
)


class OddService(SandboxService):
    """One account of the service. `clock` passes its time; steps of the clock do not touch it."""

    def __init__(self, store: Path, clock: SwiftClock) -> None:
        super().__init__(
            store=store,
            wall=lambda: NOON + clock.monotonic(),
            sleep=clock.sleep,
            seconds=SECONDS,
            credits=1e9,
            api_url=API_URL,
            upload_url=UPLOAD_URL,
            result_url=RESULTS,
        )
        self.odd: list[list[Oddity | int]] = []
        """Odd answers to come, each with the number of calls that it is for."""

    def transport(self) -> Transport:
        """Return connections to it."""
        return Transport(env={}, transport=SandboxTransport(self))

    def next_fault(self, call: HttpCall) -> Fault | None:
        """Return the odd answer that this call gets, if one is waiting for its place."""
        place = self._place(call)
        for waiting in self.odd:
            oddity, left = waiting
            if isinstance(oddity, Oddity) and isinstance(left, int) and oddity.place == place:
                waiting[1] = left - 1
                if left <= 1:
                    self.odd.remove(waiting)
                return oddity
        return None

    def answer_call(self, call: HttpCall, fault: Fault | None) -> HttpAnswer:
        """Answer a call, oddly or not."""
        if isinstance(fault, Oddity):
            right = self._answered(call, None) if fault.worked else HttpAnswer(200, (), b"{}")
            answer = fault.change(right)
        else:
            answer = self._answered(call, None)
        answer = answers.marked(answers.packed(answer, call), self.wall())
        headers = tuple(header for header in answer.headers if header[0] != MARK)
        return replace(answer, headers=headers)
