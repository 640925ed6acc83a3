"""A client of the sandbox for tests, on a clock that the test sets."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from fluxcli.sandbox.http_messages import HttpAnswer, HttpCall
from fluxcli.sandbox.service import SandboxService

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

API = "https://api.sandbox.invalid"
UPLOADS = "https://upload.sandbox.invalid"
RESULTS = "https://results.sandbox.invalid"
NOON = 1_795_341_600.0
DAY = 86400.0

GENERATE = f"{API}/api/v1/flux/kontext/generate"
RECORD = f"{API}/api/v1/flux/kontext/record-info"
CREDIT = f"{API}/api/v1/chat/credit"
DOWNLOAD_URL = f"{API}/api/v1/common/download-url"
STREAM = f"{UPLOADS}/api/file-stream-upload"
BASE64 = f"{UPLOADS}/api/file-base64-upload"
FROM_URL = f"{UPLOADS}/api/file-url-upload"

AGENT = {"user-agent": "some-client/1.0"}
KEYED = {**AGENT, "authorization": "Bearer 0123456789abcdef0123456789abcdef"}
AS_JSON = {**KEYED, "content-type": "application/json"}


class SandboxClient:
    """A client with a sandbox of its own.

    `now` is the sandbox's clock, `slept` how long the sandbox waited, in seconds.
    """

    def __init__(self, *, store: Path | None = None, **more: Any) -> None:
        self.now = NOON
        self.slept: list[float] = []
        self.sandbox_service = SandboxService(
            store=store, wall=lambda: self.now, sleep=self.slept.append, **({"seconds": 8} | more)
        )

    def call(
        self, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> HttpAnswer:
        """Send a call and return the answer."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        sent = KEYED if headers is None else headers
        return self.sandbox_service.handle(
            HttpCall(method, parts.netloc, parts.path, query, sent, body)
        )

    def get(self, url: str) -> Any:
        """Return the JSON that answers a GET."""
        return json.loads(self.call("GET", url).body)

    def post(self, url: str, value: object) -> Any:
        """Return the JSON that answers a POST of JSON."""
        return json.loads(self.call("POST", url, json.dumps(value).encode(), AS_JSON).body)

    def generate(self, prompt: str = "a cat", **fields: object) -> str:
        """Submit a request and return the task id."""
        answer = self.post(GENERATE, {"prompt": prompt, **fields})
        assert answer["code"] == 200, answer
        return str(answer["data"]["taskId"])

    def record(self, task: str) -> Any:
        """Return the `data` of a task's record, a second after the previous call."""
        self.now += 1
        return self.get(f"{RECORD}?taskId={task}")["data"]

    def finished(self, prompt: str = "a cat", **fields: object) -> Any:
        """Return the record of a finished task."""
        task = self.generate(prompt, **fields)
        self.now += 11
        return self.record(task)

    def picture(self, prompt: str = "a cat", **fields: object) -> bytes:
        """Return the image of a new task."""
        return self.fetch(self.finished(prompt, **fields)["response"]["resultImageUrl"]).body

    def fetch(self, url: str) -> HttpAnswer:
        """Read a URL of the result host, without the key."""
        return self.call("GET", url, headers=AGENT)

    def credits(self) -> float:
        """Return the balance."""
        return float(self.get(CREDIT)["data"])

    def upload(self, data: bytes, *, name: str = "in.png", folder: str = "images") -> Any:
        """Upload a file as multipart form data; return the JSON that answers it."""
        return json.loads(self.call("POST", STREAM, *multipart(data, folder, name)).body)


def multipart(data: bytes, folder: str | None, name: str | None) -> tuple[bytes, dict[str, str]]:
    """Return a multipart body and its headers."""
    parts = [
        b'Content-Disposition: form-data; name="file"; filename="a;b.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + data
    ]
    for field, value in (("uploadPath", folder), ("fileName", name)):
        if value is not None:
            head = f'Content-Disposition: form-data; name="{field}"\r\n\r\n'
            parts.append((head + value).encode())
    body = b"".join(b"--edge7\r\n%b\r\n" % part for part in parts) + b"--edge7--\r\n"
    return body, {**KEYED, "content-type": "multipart/form-data; boundary=edge7"}


@contextmanager
def new_client(*, store: Path | None = None, **more: Any) -> Iterator[SandboxClient]:
    """A client with a new sandbox, which is closed afterwards."""
    one = SandboxClient(store=store, **more)
    try:
        yield one
    finally:
        one.sandbox_service.close()


@contextmanager
def faulty(*faults: str, **more: Any) -> Iterator[SandboxClient]:
    """A client with a new sandbox that has these faults."""
    specs: Sequence[str] = faults
    with new_client(faults=specs, **more) as one:
        yield one
