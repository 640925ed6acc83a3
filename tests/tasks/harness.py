"""A job on one image with a scripted service, a journal and a simulated clock."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from fluxcli.client.client import Service
from fluxcli.files.output_path import parse_target
from fluxcli.journal.journal import Journal
from fluxcli.tasks.job import PictureJob
from fluxcli.tasks.run_options import PictureRequest, RunOptions, TaskServices, Wait
from tests.client import bodies
from tests.client.scripted import API, KEY, UPLOADS, Script, transport
from tests.journal.samples import request
from tests.worlds import SwiftClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from fluxcli.events import Event
    from fluxcli.tasks.run_options import JobStep, Source
    from tests.client.scripted import Act

RUNNING = b'{"code":200,"msg":"success","data":{"successFlag":0,"paramJson":"{}"}}'
FAILED = (
    b'{"code":200,"msg":"success","data":{"successFlag":3,"errorCode":500,"errorMessage":"no"}}'
)
RESULT = "https://results.invalid/r.jpeg"


def answer(content: bytes, status: int = 200, *, retry_after: str | None = None) -> httpx.Response:
    """Return an answer of these bytes."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


def refusal(code: int, message: str = "no") -> httpx.Response:
    """Return an answer whose envelope has this error code."""
    return answer(b'{"code":%d,"msg":"%s","data":null}' % (code, message.encode()))


def finished(url: str = RESULT, **fields: str) -> httpx.Response:
    """Return the record of a finished task, its result at `url`."""
    extra = "".join(f',"{name}":{value}' for name, value in fields.items())
    body = (
        '{"code":200,"msg":"success","data":{"successFlag":1,"response":{"resultImageUrl":"%s"}%s}}'
    )
    return answer((body % (url, extra)).encode())


@dataclass
class JobHarness:
    """What a job on one image needs. `answers` maps a part of a URL to its answers, in order.

    The last answer of a URL is repeated. `requested` lists the parts that were requested.
    """

    folder: Path
    answers: dict[str, list[Act]] = field(default_factory=dict)
    clock: SwiftClock = field(default_factory=SwiftClock)
    requested: list[str] = field(default_factory=list)
    journal: Journal = field(init=False)
    services: TaskServices = field(init=False)

    def __post_init__(self) -> None:
        """Add the default answers; make the journal and the services."""
        usual: dict[str, list[Act]] = {
            "kontext/generate": [answer(bodies.GENERATE)],
            "record-info": [finished()],
            "jobs/recordInfo": [refusal(422, "recordInfo is null")],
            "file-stream-upload": [answer(bodies.UPLOADED)],
        }
        self.answers = usual | self.answers
        self.journal = Journal(self.folder / "state", clock=self.clock, sandbox=False)
        service = Service(
            transport=transport(Script([self._act])),
            key=lambda: KEY,
            base_url=API,
            upload_url=UPLOADS,
        )
        self.services = TaskServices(
            service=service, journal=self.journal, clock=self.clock, account="a"
        )

    def _act(self, call: httpx.Request) -> httpx.Response:
        part = next(part for part in self.answers if part in str(call.url))
        self.requested.append(part)
        acts = self.answers[part]
        act = acts.pop(0) if len(acts) > 1 else acts[0]
        if isinstance(act, Exception):
            raise act
        if isinstance(act, httpx.Response):
            # An answer is consumed when it is read, and may be needed again.
            return httpx.Response(act.status_code, headers=act.headers, stream=act.stream)
        return act(call)

    def make(
        self,
        *,
        source: Source | None = None,
        output: str = "fox.jpg",
        count: int = 1,
        fingerprint: str = "f",
        during: Callable[[Event], None] = lambda _: None,
        **options: Any,
    ) -> list[Event]:
        """Make one image and return its events. `during` is called with each event."""
        requested = request(mode="edit", aspect_ratio=None) if source else request()
        target = parse_target(output, cwd=self.folder)
        run = self.journal.open_run(fingerprint, new=False)
        work = PictureJob("1", self.services, RunOptions(**{"timeout": 900.0} | options))
        request_for = PictureRequest(request=requested, target=target, source=source, count=count)
        try:
            return self.drive(work.make(request_for, run), during)
        finally:
            self.journal.release(run)

    def drive(
        self, steps: Iterable[JobStep], during: Callable[[Event], None] = lambda _: None
    ) -> list[Event]:
        """Run the steps of a job and return its events; a wait advances the clock."""
        events: list[Event] = []
        for step in steps:
            if isinstance(step, Wait):
                self.clock.sleep(step.until - self.clock.monotonic())
            else:
                events.append(step)
                during(step)
        return events

    def fail_journal(self, condition: str) -> None:
        """Let the journal fail, as on a full disk, when a changed task meets `condition`."""
        self._trigger(f"BEFORE UPDATE ON tasks WHEN {condition}")

    def fail_limiter(self) -> None:
        """Let the journal fail when the slot of a submission is released."""
        self._trigger("BEFORE UPDATE ON submissions")

    def _trigger(self, when: str) -> None:
        self.journal.submission_limiter.acquire("nobody")
        with closing(sqlite3.connect(self.folder / "state" / "journal.sqlite3")) as db:
            db.execute(f"CREATE TRIGGER jam {when} BEGIN SELECT RAISE(FAIL, 'disk full'); END")
            db.commit()
