"""A service on a loopback port that answers at once, as a process of its own.

It speaks as much of the wire as a picture needs, in hand-made HTTP, so that what is measured
is the client: a record is asked for by id alone, a result is sent by the kernel. It counts
what it sees. Its clock is the judge of how late a client notices.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import subprocess
import sys
import time
import urllib.request
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_WINDOW: Final = 10.0
_GOLDEN: Final = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How it serves: `seconds` is the median of a task's log-normal duration, `sigma` its width.

    `result` is the file that every task comes to. `limit` submissions within 10 s are taken,
    more are refused; 0 takes all. With `together`, every task ends `seconds` after the first began.
    """

    result: str
    seconds: float = 0.0
    sigma: float = 0.0
    limit: int = 0
    together: bool = False


@dataclass(slots=True)
class Story:
    """One task: when it was accepted, was done, and was reported as done; how often it was read."""

    created: float
    done: float
    ran: float | None = None
    reads: int = 0


@dataclass(slots=True)
class Seen:
    """What came in. Times are this machine's, in seconds since the epoch."""

    connections: int = 0
    paying: int = 0
    """Of the connections, those that carried a submission and nothing else."""
    refused: int = 0
    stories: dict[str, Story] = field(default_factory=dict)

    @property
    def reads(self) -> int:
        """How often a record was asked for."""
        return sum(story.reads for story in self.stories.values())


class _Book:
    """The tasks, and the limit of submissions."""

    def __init__(self, manner: Manner) -> None:
        self.manner = manner
        self.seen = Seen()
        self._recent: deque[float] = deque()

    def submit(self) -> dict[str, Any]:
        now = time.time()
        while self._recent and self._recent[0] <= now - _WINDOW:
            self._recent.popleft()
        if self.manner.limit and len(self._recent) >= self.manner.limit:
            self.seen.refused += 1
            return {"code": 429, "msg": "call frequency is too high", "data": None}
        self._recent.append(now)
        number = len(self.seen.stories)
        seconds = self.manner.seconds * math.exp(self.manner.sigma * spread(number))
        task_id = f"{number:032x}"
        first = next(iter(self.seen.stories.values()), None)
        begun = first.created if first is not None and self.manner.together else now
        self.seen.stories[task_id] = Story(now, begun + seconds)
        return _good({"taskId": task_id})

    def record(self, task_id: str, origin: str) -> dict[str, Any]:
        story = self.seen.stories.get(task_id)
        if story is None:
            return {"code": 422, "msg": "The record does not exist", "data": None}
        story.reads += 1
        now = time.time()
        data = {
            "taskId": task_id,
            "paramJson": "{}",
            "createTime": int(story.created * 1000),
            "completeTime": None,
            "response": None,
            "successFlag": 0,
        }
        if now >= story.done:
            story.ran = story.ran or now
            url = f"{origin}/result/{task_id}.png"
            data |= {"completeTime": int(story.done * 1000), "successFlag": 1}
            data["response"] = {"originImageUrl": None, "resultImageUrl": url}
        return _good(data)


def spread(number: int) -> float:
    """Return the `number`-th of normal values that are spread evenly, however few are taken."""
    return NormalDist().inv_cdf((0.5 + number * _GOLDEN) % 1)


def _good(data: object) -> dict[str, Any]:
    return {"code": 200, "msg": "success", "data": data}


class _Talk(asyncio.Protocol):
    """One connection."""

    def __init__(self, book: _Book) -> None:
        self._book = book
        self._held = b""
        self._words: set[str] = set()
        self._sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._origin = "http://{}:{}".format(*transport.get_extra_info("sockname"))

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        if "/stats" not in self._words:
            self._book.seen.connections += 1
            self._book.seen.paying += self._words == {"POST"}

    def data_received(self, data: bytes) -> None:
        self._held += data
        while b"\r\n\r\n" in self._held:
            head, _, rest = self._held.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            length = next(
                (int(one[15:]) for one in lines if one[:15].lower() == "content-length:"), 0
            )
            if len(rest) < length:
                return
            self._held = rest[length:]
            self._answer(*lines[0].split(" ")[:2])

    def _answer(self, method: str, path: str) -> None:
        self._words.add("/stats" if path == "/stats" else method)
        if path.startswith("/result/"):
            self._sending = asyncio.ensure_future(self._send_result())
        elif path == "/stats":
            self._send_json(asdict(self._book.seen))
        elif method == "POST":
            self._send_json(self._book.submit())
        else:
            self._send_json(self._book.record(path.partition("taskId=")[2], self._origin))

    def _send_json(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self._transport.write(_head("application/json", len(body)) + body)

    async def _send_result(self) -> None:
        with open(self._book.manner.result, "rb") as file:  # noqa: ASYNC230, PTH123 - a local file
            self._transport.write(_head("image/png", os.fstat(file.fileno()).st_size))
            with suppress(ConnectionError):
                await asyncio.get_running_loop().sendfile(self._transport, file)


def _head(kind: str, length: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode()


@dataclass(frozen=True, slots=True)
class Served:
    """A service that runs."""

    url: str

    def seen(self) -> Seen:
        """Return what it has counted so far."""
        with urllib.request.urlopen(f"{self.url}/stats", timeout=60) as answer:  # noqa: S310 - ours
            ran = json.load(answer)
        stories = {name: Story(**one) for name, one in ran.pop("stories").items()}
        return Seen(**ran, stories=stories)


@contextmanager
def served(manner: Manner) -> Iterator[Served]:
    """Serve in a process of its own, which ends with the block, or with this process."""
    command = [sys.executable, "-m", __name__, json.dumps(asdict(manner))]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Served((process.stdout.readline() if process.stdout else "").strip())
        finally:
            process.kill()


async def _serve(manner: Manner) -> None:
    loop = asyncio.get_running_loop()
    book = _Book(manner)
    server = await loop.create_server(lambda: _Talk(book), "127.0.0.1", 0, backlog=512)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)  # noqa: T201 - read by the parent process
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(Manner(**json.loads(sys.argv[1]))))
