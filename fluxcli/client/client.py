"""What the house may ask of the service, in the house's own words.

Every call returns facts or raises a `FluxError`; `submit`, the one that costs money, raises
nothing but returns a verdict. The key goes to the two configured hosts and nowhere else:
results are fetched by clients that never see it, and redirects are not followed with it.
"""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

import httpx

from fluxcli.client.responses import (
    SubmissionAccepted,
    SubmissionRefused,
    SubmissionResult,
    SubmissionUnknown,
    error_of,
    failure_of,
    of_submission,
)
from fluxcli.client.transport import Exchange, Transport
from fluxcli.client.wire_kontext import KontextWireFormat, Record, Reply, decode, link
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import BinaryIO

    from fluxcli.models import Request

__all__ = [
    "Download",
    "Record",
    "Service",
    "SubmissionAccepted",
    "SubmissionRefused",
    "SubmissionResult",
    "SubmissionUnknown",
    "failure_of",
]

SUBMIT_SECONDS: Final = 130.0
"""The edge gives up on the service after 100 to 120 s; beyond that no answer comes."""

READ_SECONDS: Final = 30.0
UPLOAD_SECONDS: Final = 600.0
SILENCE_SECONDS: Final = 30.0
"""A result that sends nothing for so long is fetched anew; a slow one is left its time."""

REDIRECTS: Final = 5
_BLOCK: Final = 256 << 10
_FOLDER: Final = "fluxcli"
_GONE: Final = frozenset({403, 404, 410})
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Download:
    """A result under way: its bytes, and how many were promised (None: not told)."""

    chunks: Generator[bytes]
    length: int | None


class LinkGoneError(FluxError):
    """The result's link is dead (403, 404 or 410); a new one can be asked for."""


class Service:
    """Calls to one account. Safe to share between threads."""

    def __init__(
        self,
        *,
        transport: Transport,
        key: Callable[[], str],
        base_url: str,
        upload_url: str,
        wire: KontextWireFormat | None = None,
    ) -> None:
        self._line = transport
        self._key = key
        self._base = base_url
        self._upload = upload_url
        self._dialect = wire or KontextWireFormat()

    def prepare(self) -> None:
        """Raise what the key and the environment would raise, before anything is recorded."""
        self._key()
        for url in (self._base, self._upload):
            self._line.client(url)

    def submit(self, request: Request, *, on_sent: Callable[[], None]) -> SubmissionResult:
        """Ask for a picture. This costs money: it is sent once, and judged for the worse.

        `on_sent` is called just before the first byte leaves and may raise to stop it.
        """
        exchange = Exchange(on_sent=on_sent)
        content = json.dumps(self._dialect.body(request)).encode()
        call = self._request("POST", self._base + self._dialect.submit_path, content)
        broken: FluxError | None = None
        try:
            self._line.call(exchange, call, seconds=SUBMIT_SECONDS, fresh=True)
        except FluxError as error:
            if not exchange.sent:
                return SubmissionRefused(error, again=error.code is Code.NETWORK)
            broken = error
        reply = _reply(exchange)
        if broken is None:
            return of_submission(reply, self._dialect)
        found = self._dialect.task_id(reply)
        return SubmissionAccepted(found) if found else SubmissionUnknown(broken.message)

    def read(self, task_id: str) -> Record:
        """Read a task.

        Raises:
            FluxError: TASK_NOT_FOUND, or what the answer or the network means.
        """
        reply = self._call("GET", self._base + self._dialect.record_path(task_id))
        if reply.code in {404, 422} and reply.enveloped:
            raise FluxError(
                Code.TASK_NOT_FOUND,
                f"the service knows no task `{task_id}`",
                hint="fluxcli status",
                task_id=task_id,
            )
        return self._dialect.record(self._good(reply).data)

    def is_echo(self, record: Record, request: Request) -> bool | None:
        """Tell whether a record is of this request; None if it tells too little."""
        return self._dialect.echoes(record.echo, request)

    def request_of(self, record: Record) -> Request:
        """Return the request that a record echoes; what it leaves out is the default."""
        return self._dialect.request(record.echo)

    def credits(self) -> float:
        """Return the account's balance, in credits."""
        reply = self._good(self._call("GET", self._base + self._dialect.credits_path))
        if isinstance(reply.data, int | float) and not isinstance(reply.data, bool):
            return float(reply.data)
        raise FluxError(Code.SERVICE_ERROR, "the service's answer holds no balance")

    def relink(self, url: str) -> str:
        """Return a new link, good for 20 minutes, to the result at `url`."""
        content = json.dumps({"url": url}).encode()
        reply = self._good(self._call("POST", self._base + self._dialect.relink_path, content))
        fresh = link(reply.data)
        if fresh is None:
            raise FluxError(Code.SERVICE_ERROR, "the service's answer holds no new link")
        return fresh

    def upload(self, file: BinaryIO, *, name: str, mime: str) -> str:
        """Upload a picture under the unique `name`; return its public URL. Costs nothing."""
        fields = {"uploadPath": _FOLDER, "fileName": name}
        call = httpx.Request(
            "POST",
            self._upload + self._dialect.upload_path,
            headers=self._auth(),
            files={"file": (name, file, mime)},
            data=fields,
        )
        return self._uploaded(self._run(call, seconds=UPLOAD_SECONDS))

    def upload_text(self, data: bytes, *, name: str, mime: str) -> str:
        """Upload a small picture, under about 1 MB, in one JSON call; return its public URL."""
        text = f"data:{mime};base64,{b64encode(data).decode()}"
        return self._sent_up(self._dialect.upload_text_path, name, {"base64Data": text})

    def upload_link(self, url: str, *, name: str) -> str:
        """Let the upload host fetch the picture at `url`; return its public URL there."""
        return self._sent_up(self._dialect.upload_link_path, name, {"fileUrl": url})

    def _sent_up(self, path: str, name: str, what: dict[str, str]) -> str:
        content = json.dumps({**what, "uploadPath": _FOLDER, "fileName": name}).encode()
        call = self._request("POST", self._upload + path, content)
        return self._uploaded(self._run(call, seconds=UPLOAD_SECONDS))

    def _uploaded(self, reply: Reply) -> str:
        url = self._dialect.upload_url(self._good(reply).data)
        if url is None:
            raise FluxError(Code.SERVICE_ERROR, "the service's answer holds no URL of the upload")
        return url

    def fetch(self, url: str, *, seconds: float) -> Download:
        """Open a result: without key or cookies, redirects followed by hand.

        Raises:
            LinkGoneError: the link is dead.
            FluxError: DOWNLOAD_FAILED or NETWORK.
        """
        for _ in range(REDIRECTS + 1):
            exchange = Exchange()
            # The length and the checks are of the bytes as they are kept.
            call = httpx.Request("GET", url, headers={"accept-encoding": "identity"})
            chunks = self._line.stream(exchange, call, seconds=seconds, silence=SILENCE_SECONDS)
            first = next(chunks, b"")
            if exchange.status not in _MOVED:
                return _opened(exchange, first, chunks, url)
            chunks.close()
            url = _next_hop(url, exchange.location)
        raise FluxError(Code.DOWNLOAD_FAILED, f"the result's link redirects over {REDIRECTS} times")

    def _auth(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._key()}"}

    def _request(self, method: str, url: str, content: bytes | None = None) -> httpx.Request:
        headers = self._auth() | {"content-type": "application/json"}
        return httpx.Request(method, url, headers=headers, content=content)

    def _call(self, method: str, url: str, content: bytes | None = None) -> Reply:
        return self._run(self._request(method, url, content), seconds=READ_SECONDS)

    def _run(self, request: httpx.Request, *, seconds: float) -> Reply:
        exchange = Exchange()
        self._line.call(exchange, request, seconds=seconds)
        return _reply(exchange)

    def _good(self, reply: Reply) -> Reply:
        if not reply.good:
            raise error_of(reply, self._dialect)
        return reply


def _reply(exchange: Exchange) -> Reply:
    return decode(exchange.status or 0, exchange.decoded(), exchange.retry_after)


def _opened(exchange: Exchange, first: bytes, chunks: Generator[bytes], url: str) -> Download:
    if exchange.status != 200:  # noqa: PLR2004 - HTTP
        message = f"{urlsplit(url).hostname} answered HTTP {exchange.status} for the result"
        kind: Any = LinkGoneError if exchange.status in _GONE else FluxError
        raise kind(Code.DOWNLOAD_FAILED, message)
    length = None
    with suppress(TypeError, ValueError):
        length = int(exchange.length or "")
    return Download(_gathered(first, chunks), length)


def _gathered(first: bytes, rest: Generator[bytes]) -> Generator[bytes]:
    """Yield a result in blocks: whatever is done with a piece costs more than joining two."""
    block = bytearray(first)
    with closing(rest):
        for piece in rest:
            block += piece
            if len(block) >= _BLOCK:
                yield bytes(block)
                block.clear()
    yield bytes(block)


def _next_hop(url: str, location: str | None) -> str:
    target = link(urljoin(url, location or ""))
    if not location or target is None:
        raise FluxError(Code.DOWNLOAD_FAILED, "the result's link redirects to nowhere")
    if url.startswith("https:") and not target.startswith("https:"):
        raise FluxError(Code.DOWNLOAD_FAILED, "the result's link redirects from https to http")
    return target
