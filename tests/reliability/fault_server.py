"""A service made to misbehave, and to keep count: raw sockets, no HTTP library, no sandbox.

It speaks just enough HTTP/1.1 for the client, and remembers every byte that it was sent. A
*charge* is a task that came to exist. Each stage of a picture's way can be struck by faults
(`faults.py`), before or after the task exists.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qs, quote, urlsplit

from tests.reliability.pictures import picture

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable
    from typing import Self

Stage = Literal["submit", "poll", "upload", "credits", "relink", "result"]
When = Literal["before", "after"]

CREATE_TASK: Final = "/api/v1/jobs/createTask"
RECORD_INFO: Final = "/api/v1/jobs/recordInfo"
STAGES: Final[dict[str, Stage]] = {
    "/api/v1/flux/kontext/generate": "submit",
    "/api/v1/flux/kontext/record-info": "poll",
    CREATE_TASK: "submit",
    RECORD_INFO: "poll",
    "/api/file-stream-upload": "upload",
    "/api/v1/chat/credit": "credits",
    "/api/v1/common/download-url": "relink",
}
HEAD_LIMIT: Final = 64 * 1024
LIMIT: Final = 20
WINDOW: Final = 10.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One request as it came: at which host (`api` or `result`), its head and body."""

    host: str
    head: bytes
    body: bytes

    @property
    def target(self) -> str:
        """The path and query that were asked for."""
        return self.head.split(b" ", 2)[1].decode("latin-1")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, before any fault."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def raw(self) -> bytes:
        """Return its bytes on the wire."""
        head = [f"HTTP/1.1 {self.status} Whatever", f"Content-Length: {len(self.body)}"]
        head += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + self.body


@dataclass(slots=True)
class Wire:
    """One connection, with the ways to ruin it."""

    socket: socket.socket
    over: bool = False

    def send(self, data: bytes) -> None:
        """Send; a client that is gone is no trouble."""
        try:
            self.socket.sendall(data)
        except OSError:
            self.over = True

    def drip(self, data: bytes, *, seconds: float) -> None:
        """Send byte by byte."""
        for at in range(len(data)):
            self.send(data[at : at + 1])
            if self.over:
                return
            time.sleep(seconds)

    def reset(self) -> None:
        """End it with an RST."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.over = True

    def finish(self) -> None:
        """End it with a FIN."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        self.over = True

    def stall(self, seconds: float) -> None:
        """Say nothing until the client goes away, at most so long."""
        self.socket.settimeout(seconds)
        with contextlib.suppress(OSError):
            self.socket.recv(1)
        self.over = True


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong. `act` does it to the connection, given what would be right.

    `early` strikes before the request is read to its end. `decisive` says that the client can
    decide from what it sees whether a task exists.
    """

    name: str
    act: Callable[[Wire, Answer], None]
    early: bool = False
    decisive: bool = False


@dataclass(slots=True)
class Made:
    """A task that exists, and was charged for."""

    id: str
    request: dict[str, Any]
    picture: bytes
    polls: int = 0
    link: int = 0
    fetched: int = 0
    """How many links to its result were given out after the first, and how often it went out."""
    port: int = 0
    """The client's port of the connection that it was submitted on."""
    jobs: bool = False
    """Whether the jobs API made it: the other API does not know it."""


@dataclass(slots=True)
class _Strike:
    fault: Fault
    when: When
    times: int


@dataclass(slots=True)
class FaultServer:
    """The service on two loopback ports, `api_url` and `result_url`. Use it in a `with`.

    A task is finished at its `ready_after`-th poll. With `limited`, it refuses more than 20
    submissions in 10 s. It hangs up on a client that says nothing for `idle` seconds. `tls` puts
    the results behind https.
    """

    ready_after: int = 2
    limited: bool = False
    idle: float = 30.0
    tls: ssl.SSLContext | None = None
    tasks: dict[str, Made] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    refusals: int = 0
    on_request: Callable[[Stage], tuple[Fault, When] | None] | None = None
    """Chooses a fault for each request, where no strike is planned."""
    failing: bool = False
    """Every task fails at the end instead."""
    _strikes: dict[Stage, list[_Strike]] = field(default_factory=dict)
    _guard: threading.RLock = field(default_factory=threading.RLock)
    _listeners: dict[str, socket.socket] = field(default_factory=dict)
    _open: set[socket.socket] = field(default_factory=set)
    _threads: list[threading.Thread] = field(default_factory=list)
    _recent: deque[float] = field(default_factory=deque)
    _number: int = 0

    # -- what a test asks of it ---------------------------------------------------------

    @property
    def api_url(self) -> str:
        """The address of the API and of the uploads."""
        return self._url("api")

    @property
    def result_url(self) -> str:
        """The address of the results."""
        return self._url("result")

    @property
    def charges(self) -> int:
        """How many tasks came to exist."""
        return len(self.tasks)

    def strike(self, stage: Stage, fault: Fault, *, when: When = "after", times: int = 1) -> None:
        """Let the next `times` requests at `stage` go wrong, before or after their effect."""
        with self._guard:
            self._strikes.setdefault(stage, []).append(_Strike(fault, when, times))

    def heal(self) -> None:
        """Forget all strikes that are still planned."""
        with self._guard:
            self._strikes.clear()

    def restore(self, tasks: Iterable[Made]) -> None:
        """Go back to a time when these tasks existed, not polled yet, and no others."""
        with self._guard:
            self.tasks = {task.id: replace(task, polls=0) for task in tasks}
            self.heard.clear()

    def made_for(self, prompt: str) -> list[Made]:
        """Return the tasks that exist for a prompt: what a person finds in the service's logs."""
        with self._guard:
            return [task for task in self.tasks.values() if task.request.get("prompt") == prompt]

    # -- life ---------------------------------------------------------------------------

    def __enter__(self) -> Self:
        for host in ("api", "result"):
            listener = socket.create_server(("127.0.0.1", 0), backlog=128)
            self._listeners[host] = listener
            self._spawn(self._accept, host, listener)
        return self

    def __exit__(self, *_: object) -> None:
        with self._guard:
            ends = [*self._listeners.values(), *self._open]
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in list(self._threads):
            thread.join(timeout=5.0)

    def _url(self, host: str) -> str:
        scheme = "https" if host == "result" and self.tls else "http"
        return f"{scheme}://127.0.0.1:{self._listeners[host].getsockname()[1]}"

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()

    def _accept(self, host: str, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(self.idle)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._guard:
                self._open.add(connection)
            self._spawn(self._serve, host, connection)

    def _serve(self, host: str, connection: socket.socket) -> None:
        kept = b""
        try:
            with contextlib.suppress(OSError):
                if host == "result" and self.tls:
                    connection = self._secured(connection, self.tls)
                wire = Wire(connection)
                while not wire.over:
                    kept = self._exchange(host, wire, kept)
        finally:
            with self._guard:
                self._open.discard(connection)
            connection.close()

    def _secured(self, connection: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
        secured = tls.wrap_socket(connection, server_side=True)
        with self._guard:
            self._open.discard(connection)
            self._open.add(secured)
        return secured

    # -- one request --------------------------------------------------------------------

    def _exchange(self, host: str, wire: Wire, kept: bytes) -> bytes:
        """Read one request and answer it; return what came after it."""
        while b"\r\n\r\n" not in kept:
            more = wire.socket.recv(65536)
            if not more or len(kept) > HEAD_LIMIT:
                wire.over = True
                return b""
            kept += more
        head, _, kept = kept.partition(b"\r\n\r\n")
        stage = self._stage(host, head)
        strike = self._next(stage)
        if strike is not None and strike.fault.early:
            self._remember(host, head, b"")
            strike.fault.act(wire, Answer(500, b""))
            return b""
        length = re.search(rb"(?i)^content-length: *(\d+)", head, re.MULTILINE)
        wanted = int(length[1]) if length else 0
        while len(kept) < wanted:
            more = wire.socket.recv(65536)
            if not more:
                wire.over = True
                return b""
            kept += more
        body, kept = kept[:wanted], kept[wanted:]
        self._remember(host, head, body)
        self._answer(wire, stage, strike, head, body)
        return kept

    def _answer(
        self, wire: Wire, stage: Stage, strike: _Strike | None, head: bytes, body: bytes
    ) -> None:
        effective = strike is None or strike.when == "after"
        port = wire.socket.getpeername()[1] if stage == "submit" else 0
        answer = self._respond(stage, head, body, effective=effective, port=port)
        if strike is None:
            wire.send(answer.raw())
        else:
            strike.fault.act(wire, answer)

    def _stage(self, host: str, head: bytes) -> Stage:
        target = head.split(b" ", 2)[1].decode("latin-1")
        return "result" if host == "result" else STAGES.get(urlsplit(target).path, "poll")

    def _next(self, stage: Stage) -> _Strike | None:
        with self._guard:
            for strike in self._strikes.get(stage, []):
                if strike.times > 0:
                    strike.times -= 1
                    return strike
            chosen = self.on_request(stage) if self.on_request else None
        return None if chosen is None else _Strike(*chosen, times=0)

    def _remember(self, host: str, head: bytes, body: bytes) -> None:
        with self._guard:
            self.heard.append(Heard(host, head, body))

    # -- what is right ------------------------------------------------------------------

    def _respond(
        self, stage: Stage, head: bytes, body: bytes, *, effective: bool, port: int
    ) -> Answer:
        target = head.split(b" ", 2)[1].decode("latin-1")
        with self._guard:
            match stage:
                case "submit":
                    jobs = urlsplit(target).path == CREATE_TASK
                    return self._submit(body, effective=effective, port=port, jobs=jobs)
                case "poll":
                    parts = urlsplit(target)
                    task_id = parse_qs(parts.query).get("taskId", [""])[0]
                    return self._record(task_id, jobs=parts.path == RECORD_INFO)
                case "upload":
                    return _good({"downloadUrl": f"{self.result_url}/up/1.png", "fileSize": 1})
                case "credits":
                    return _good(812.5)
                case "relink":
                    return self._relink(body)
                case "result":
                    return self._result(target)

    def _submit(self, body: bytes, *, effective: bool, port: int, jobs: bool) -> Answer:
        request = json.loads(body)
        if jobs:
            request = request["input"]
        if self.limited and not self._admitted():
            self.refusals += 1
            return _bad(429, "call frequency is too high")
        if not effective:
            return _bad(500, "nothing was made")
        self._number += 1
        task_id = f"fluxkontext_{self._number:08x}c0de"
        form = str(request.get("outputFormat") or request.get("output_format") or "jpeg")
        made = Made(task_id, request, picture(form, task_id), port=port, jobs=jobs)
        self.tasks[task_id] = made
        return _good({"taskId": task_id, "recordId": task_id} if jobs else {"taskId": task_id})

    def _admitted(self) -> bool:
        now = time.monotonic()
        while self._recent and now - self._recent[0] >= WINDOW:
            self._recent.popleft()
        if len(self._recent) >= LIMIT:
            return False
        self._recent.append(now)
        return True

    def _record(self, task_id: str, *, jobs: bool) -> Answer:
        task = self.tasks.get(task_id)
        if task is None or task.jobs != jobs:
            return _bad(422, "recordInfo is null" if jobs else "The record does not exist")
        task.polls += 1
        done = task.polls >= self.ready_after
        result = self._link(task) if done and not self.failing else None
        return (
            self._jobs_record(task, result, done=done)
            if jobs
            else _good(
                {
                    "taskId": task.id,
                    "paramJson": json.dumps(task.request),
                    "createTime": 1_795_341_600_000,
                    "completeTime": 1_795_341_608_000 if done else None,
                    "response": {"originImageUrl": None, "resultImageUrl": result}
                    if result
                    else None,
                    "successFlag": (3 if self.failing else 1) if done else 0,
                    "errorCode": 501 if done and self.failing else 0,
                    "errorMessage": "generation failed" if done and self.failing else "",
                }
            )
        )

    def _jobs_record(self, task: Made, result: str | None, *, done: bool) -> Answer:
        failed = done and self.failing
        param = {"input": json.dumps(task.request), "model": "flux1-kontext"}
        return _good(
            {
                "taskId": task.id,
                "model": "flux1-kontext",
                "state": "fail" if failed else "success" if done else "generating",
                "param": json.dumps(param),
                "resultJson": json.dumps({"resultUrls": [result]}) if result else "",
                "failCode": "501" if failed else None,
                "failMsg": "generation failed" if failed else None,
                "costTime": 8 if done else None,
                "completeTime": 1_795_341_608_000 if done else None,
                "createTime": 1_795_341_600_000,
                "creditsConsumed": (0.0 if failed else 5.0) if done else None,
            }
        )

    def _link(self, task: Made) -> str:
        return f"{self.result_url}/r/{quote(task.id)}?v={task.link}"

    def _relink(self, body: bytes) -> Answer:
        path = urlsplit(json.loads(body)["url"]).path
        task = self.tasks.get(path.rpartition("/")[2])
        if task is None:
            return _bad(422, "url is wrong")
        task.link += 1
        return _good(self._link(task))

    def _result(self, target: str) -> Answer:
        task = self.tasks.get(urlsplit(target).path.rpartition("/")[2])
        if task is None:
            return Answer(404, b"<html>not found</html>", (("Content-Type", "text/html"),))
        task.fetched += 1
        kind = "image/png" if task.picture.startswith(b"\x89PNG") else "image/jpeg"
        return Answer(
            200, task.picture, (("Content-Type", kind), ("Set-Cookie", "who=you; Path=/"))
        )


def _good(data: object) -> Answer:
    return envelope(200, "success", data)


def _bad(code: int, message: str) -> Answer:
    return envelope(code, message, None)


def envelope(code: object, message: object, data: object, *, http: int = 200) -> Answer:
    """Return an answer in the service's own wrapping."""
    body = json.dumps({"code": code, "msg": message, "data": data}).encode()
    return Answer(http, body, (("Content-Type", "application/json"),))
