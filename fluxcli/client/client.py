"""Calls to the service: submit, read, upload, download, credits.

Every call returns a value or raises a `FluxError`; `submit`, the one that costs money, returns
a submission result instead. The key is sent to the two configured hosts only: results are
fetched without it, and redirects are not followed with it.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import httpx

from fluxcli.client import wire
from fluxcli.client.deadline import READ_SECONDS, SUBMIT_SECONDS, UPLOAD_SECONDS
from fluxcli.client.responses import (
    SubmissionAccepted,
    SubmissionRefused,
    SubmissionResult,
    SubmissionUnknown,
    error_of,
    of_submission,
    wire_gone,
)
from fluxcli.client.result_stream import open_result
from fluxcli.client.transport import HEADERS, Exchange, Transport, is_loopback
from fluxcli.client.wire import Record, Reply, WireFormat, WireName, decode, link
from fluxcli.client.wire_jobs import MODEL, JobsWireFormat, tiers_of
from fluxcli.client.wire_kontext import KontextWireFormat
from fluxcli.errors import Code, FluxError
from fluxcli.prices_and_limits import MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Protocol

    from fluxcli.client.price_pages import Prices
    from fluxcli.task_types import Request, Task

    class Readable(Protocol):
        """A file that can be sent."""

        def read(self, count: int = -1, /) -> bytes:
            """Return the next bytes."""

        def seek(self, offset: int, whence: int = 0, /) -> int:
            """Go to a position."""

        def tell(self) -> int:
            """Return the position."""

    class OriginMemory(Protocol):
        """What was learnt about the service at one origin, kept between runs."""

        def wire(self) -> WireName | None:
            """Return the wire format that was found to work within the last day."""

        def remember_wire(self, name: WireName) -> None:
            """Keep the wire format that works."""


_FOLDER: Final = "fluxcli"
_PASSING: Final = (Code.NETWORK, Code.RATE_LIMITED, Code.SERVICE_ERROR, Code.MAINTENANCE)
_SHORTEST_KEY: Final = 8
_NO_PATH: Final = frozenset({404, 505})
_ESCAPED: Final = rb"\\u00([2-7][0-9a-fA-F])"
_SCHEMA_PATH: Final = f"/api/v1/models/{MODEL}/schema"
_PRICE_PATH: Final = f"/api/v1/models/{MODEL}/price"


class Service:
    """Calls to one account. Safe to share between threads."""

    def __init__(
        self,
        *,
        transport: Transport,
        key: Callable[[], str],
        base_url: str,
        upload_url: str,
        api: str = "auto",
        memory: OriginMemory | None = None,
    ) -> None:
        self._transport = transport
        self._key = key
        self._base = base_url
        self._upload_host = upload_url
        self._api = api
        self._memory = memory
        self._wires: dict[str, WireFormat] = {
            "kontext": KontextWireFormat(),
            "jobs": JobsWireFormat(),
        }
        self._gone: set[str] = set()
        self.is_sandbox = False
        """Whether an answer identified the service as the stand-in."""
        self.answered_at: float | None = None
        """When it last answered, by the service's own clock; None if it reports none."""
        known = memory.wire() if memory is not None and api == "auto" else None
        self._current: WireName = "jobs" if api == "jobs" else known or "kontext"

    @property
    def is_local(self) -> bool:
        """Whether the service runs on this machine."""
        return is_loopback(self._base)

    @property
    def account(self) -> str:
        """A short hash of address and key: what is shared within one account is kept by it."""
        name = f"{self._base}\0{self._key()}".encode()
        return hashlib.blake2s(name, digest_size=8).hexdigest()

    @property
    def wire(self) -> WireName:
        """The wire format that submissions use now."""
        return self._current

    def prepare(self) -> None:
        """Raise the errors of the key and of the environment, before anything is recorded."""
        self._key()
        self._transport.prepare(self._base, self._upload_host)

    def submit(self, request: Request, *, on_sent: Callable[[], None]) -> SubmissionResult:
        """Submit a request. This costs money: it is sent once, and an unclear answer is `unknown`.

        `on_sent` is called just before the first byte leaves and may raise to stop it. With
        `auto`, a service that provably does not offer the first format is called in the other
        one from then on: the result is `switched` and the same request may be sent again.
        """
        name = self._current
        if name == "jobs" and request.model == MAX:
            try:
                self._find_tiers(request)
            except FluxError as error:
                return SubmissionRefused(error, again=error.code in _PASSING)
        result = self._submitted(request, self._wires[name], on_sent)
        is_news = self._api == "auto" and (name == "jobs" or bool(self._gone))
        if is_news and self._memory is not None and isinstance(result, SubmissionAccepted):
            self._memory.remember_wire(name)
        if not isinstance(result, SubmissionRefused) or not result.gone:
            return result
        self._gone.add(name)
        other: WireName = "jobs" if name == "kontext" else "kontext"
        if self._api == "auto" and other not in self._gone:
            self._current = other
            return SubmissionRefused(result.error, again=True, switched=other)
        return SubmissionRefused(wire_gone(result.error))

    def _submitted(
        self, request: Request, form: WireFormat, on_sent: Callable[[], None]
    ) -> SubmissionResult:
        exchange = Exchange(on_sent=on_sent)
        content = json.dumps(form.body(request)).encode()
        call = self._request("POST", self._base + form.submit_path, content)
        broken: FluxError | None = None
        try:
            self._transport.call(exchange, call, seconds=SUBMIT_SECONDS, fresh=True)
        except FluxError as error:
            if not exchange.sent:
                return SubmissionRefused(error, again=error.code is Code.NETWORK)
            broken = error
        reply = self._reply(exchange)
        if broken is None:
            result = of_submission(reply)
        else:
            found = wire.task_id_of(reply)
            result = SubmissionAccepted(found) if found else SubmissionUnknown(broken.message)
        if isinstance(result, SubmissionAccepted):
            return SubmissionAccepted(result.task_id, wire=form.name)
        return result

    def _find_tiers(self, request: Request) -> None:
        """Find out how the jobs API selects the model `max`.

        Raises:
            FluxError: it cannot be selected, or the schema cannot be read.
        """
        jobs = self._wires["jobs"]
        if isinstance(jobs, JobsWireFormat) and request.model not in jobs.tier:
            reply = self._call("GET", self._base + _SCHEMA_PATH)
            if not reply.good and (error := error_of(reply)).code is not Code.REJECTED:
                raise error
            jobs.tier = tiers_of(reply.data)
            if request.model not in jobs.tier:
                raise FluxError(
                    Code.REJECTED if self._api == "auto" else Code.INVALID_REQUEST,
                    "the jobs API has no field that chooses `max`; nothing was sent",
                    hint="--model pro",
                )

    def read(self, task_id: str, *, form: str | None = None) -> Record:
        """Read a task in the wire format `form`; None tries both, the current one first.

        Raises:
            FluxError: TASK_NOT_FOUND, or what the answer or the network means.
        """
        names = (
            [form]
            if form in self._wires
            else sorted(self._wires, key=lambda name: name != self._current)
        )
        missing: FluxError | None = None
        for name in names:
            reply = self._call("GET", self._base + self._wires[name].record_path(task_id))
            if (record := self._wires[name].record(reply)) is not None:
                return record
            if not (reply.code in {404, 422, 505} and (reply.enveloped or len(names) > 1)):
                raise error_of(reply)
            if reply.enveloped or missing is None:
                missing = FluxError(
                    Code.TASK_NOT_FOUND if reply.enveloped else Code.SERVICE_ERROR,
                    f"the service does not know task `{task_id}`",
                    hint="fluxcli status",
                    task_id=task_id,
                )
        raise missing or FluxError(Code.SERVICE_ERROR, "no wire format is configured")

    def is_foreign(self, record: Record, task: Task) -> bool:
        """Return whether a record belongs to another task than `task`."""
        if record.task_id is not None and task.task_id not in {None, record.task_id}:
            return True
        return self._form_of(record).has_prompt(record.echo, task.request) is False

    def is_echo(self, record: Record, request: Request) -> bool | None:
        """Return whether a record is of this request; None if it holds too little to decide."""
        return self._form_of(record).echoes(record.echo, request)

    def request_of(self, record: Record) -> Request:
        """Return the request that a record echoes; a field that is missing has its default."""
        return self._form_of(record).request(record.echo)

    def _form_of(self, record: Record) -> WireFormat:
        return self._wires[record.form]

    def prices(self) -> Prices:
        """Return the prices in the service's own price text. Free; at most once a second."""
        from fluxcli.client.price_pages import prices_of

        return prices_of(self._good(self._call("GET", self._base + _PRICE_PATH)).data)

    def credits(self) -> float:
        """Return the account's balance, in credits."""
        reply = self._call("GET", self._base + wire.CREDITS_PATH)
        if reply.code in _NO_PATH:
            raise wire_gone(error_of(reply))
        self._good(reply)
        if isinstance(reply.data, int | float) and not isinstance(reply.data, bool):
            return float(reply.data)
        raise FluxError(Code.SERVICE_ERROR, "the service's answer has no balance")

    def relink(self, url: str) -> str:
        """Return a new link, good for 20 minutes, to the result at `url`."""
        content = json.dumps({"url": url}).encode()
        reply = self._good(self._call("POST", self._base + wire.RELINK_PATH, content))
        fresh = link(reply.data)
        if fresh is None:
            raise FluxError(Code.SERVICE_ERROR, "the service's answer has no new link")
        return fresh

    def upload(self, file: Readable, *, name: str, mime: str) -> str:
        """Upload an image under the unique `name`; return its public URL. Free of charge."""
        fields = {"uploadPath": _FOLDER, "fileName": name}
        call = httpx.Request(
            "POST",
            self._upload_host + wire.UPLOAD_PATH,
            headers=HEADERS | self._auth(),
            files={"file": (name, cast("BinaryIO", file), mime)},
            data=fields,
        )
        return self._upload_url(self._run(call, seconds=UPLOAD_SECONDS))

    def upload_text(self, data: bytes, *, name: str, mime: str) -> str:
        """Upload a small image, under about 1 MB, in one JSON call; return its public URL."""
        text = f"data:{mime};base64,{b64encode(data).decode()}"
        return self._json_upload(wire.UPLOAD_TEXT_PATH, name, {"base64Data": text})

    def upload_link(self, url: str, *, name: str) -> str:
        """Make the upload host fetch the image at `url`; return its public URL there."""
        return self._json_upload(wire.UPLOAD_LINK_PATH, name, {"fileUrl": url})

    def _json_upload(self, path: str, name: str, fields: dict[str, str]) -> str:
        content = json.dumps({**fields, "uploadPath": _FOLDER, "fileName": name}).encode()
        call = self._request("POST", self._upload_host + path, content)
        return self._upload_url(self._run(call, seconds=UPLOAD_SECONDS))

    def _upload_url(self, reply: Reply) -> str:
        data = self._good(reply).data
        url = link(data.get("downloadUrl")) if isinstance(data, dict) else None
        if url is None:
            raise FluxError(Code.SERVICE_ERROR, "the service's answer has no URL of the upload")
        return url

    def fetch(self, url: str, *, seconds: float) -> Generator[bytes]:
        """Open a result for download, as `result_stream.open_result` does."""
        return open_result(self._transport, url, seconds=seconds)

    def _auth(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._key()}"}

    def _request(self, method: str, url: str, content: bytes | None = None) -> httpx.Request:
        headers = HEADERS | self._auth() | {"content-type": "application/json"}
        return httpx.Request(method, url, headers=headers, content=content)

    def _call(self, method: str, url: str, content: bytes | None = None) -> Reply:
        return self._run(self._request(method, url, content), seconds=READ_SECONDS)

    def _run(self, request: httpx.Request, *, seconds: float) -> Reply:
        exchange = Exchange()
        self._transport.call(exchange, request, seconds=seconds)
        return self._reply(exchange)

    def _good(self, reply: Reply) -> Reply:
        if not reply.good:
            raise error_of(reply)
        return reply

    def _reply(self, exchange: Exchange) -> Reply:
        """Decode an answer; the key, if the service repeats it, is removed from all of it."""
        body = exchange.decoded()
        self.is_sandbox = self.is_sandbox or exchange.sandbox
        self.answered_at = wire.http_date(exchange.date)
        return decode(exchange.status or 0, redacted(body, self._key()), exchange.retry_after)


def redacted(body: bytes, key: str) -> bytes:
    """Return an answer without the key, in plain, escaped or changed case."""
    if len(key) < _SHORTEST_KEY:
        return body
    if b"\\u" in body:
        # Escaped letters could spell it too.
        body = re.sub(_ESCAPED, lambda found: bytes([int(found[1], 16)]), body)
    return re.sub(re.escape(key.encode()), b"[redacted]", body, flags=re.IGNORECASE)
