"""An httpx transport that answers from the sandbox inside this process.

It reports the same events, in the same order, to a request's `trace` as a real connection, so
that a caller can distinguish "never sent" from "may have been sent", and it raises what httpx
raises at the same moments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx

from fluxcli.sandbox.http_messages import HttpCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fluxcli.sandbox.http_messages import HttpAnswer
    from fluxcli.sandbox.service import SandboxService

_TIMEOUT: Final = 60.0
"""Seconds until a silent answer counts as timed out, if the request sets none."""


class SandboxTransport(httpx.BaseTransport):
    """Sends requests to a sandbox; may be shared by many clients and threads."""

    def __init__(self, sandbox_service: SandboxService) -> None:
        self._service = sandbox_service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request.

        Raises:
            httpx.TransportError: as the fault of this call requires.
        """
        trace = request.extensions.get("trace") or _no_trace
        url = request.url
        head = HttpCall(
            request.method,
            url.netloc.decode("ascii"),
            url.raw_path.decode("ascii").partition("?")[0],
        )
        fault = self._service.next_fault(head)
        _connect(request, trace, refused=fault is not None and fault.kind == "refuse")
        call = _sent(request, trace, head)
        answer = self._service.answer_call(call, fault)
        trace("http11.receive_response_headers.started", {"request": request})
        try:
            self._await_head(request, answer)
        except httpx.TransportError as error:
            trace("http11.receive_response_headers.failed", {"exception": error})
            raise
        headers = [*answer.headers, ("content-length", str(len(answer.body)))]
        trace(
            "http11.receive_response_headers.complete",
            {"return_value": (b"HTTP/1.1", answer.status, b"", headers)},
        )
        stream = _Body(answer, self._service.sleep, request, trace)
        return httpx.Response(answer.status, headers=headers, stream=stream, request=request)

    def _await_head(self, request: httpx.Request, answer: HttpAnswer) -> None:
        """Wait until the head comes, or fail as the connection does."""
        timeout = request.extensions.get("timeout", {}).get("read") or _TIMEOUT
        waiting = answer.delay if len(answer.pieces()) == 1 else 0.0
        if answer.broken == "silent" or waiting > timeout:
            self._service.sleep(timeout)
            raise httpx.ReadTimeout("timed out", request=request)
        if waiting:
            self._service.sleep(waiting)
        if answer.broken == "reset":
            raise httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
        if answer.broken == "dropped":
            raise httpx.RemoteProtocolError(
                "Server disconnected without sending a response.", request=request
            )


class _Body(httpx.SyncByteStream):
    """An answer's body, with its delay and its truncation."""

    def __init__(
        self,
        answer: HttpAnswer,
        sleep: Callable[[float], None],
        request: httpx.Request,
        trace: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._answer = answer
        self._sleep = sleep
        self._request = request
        self._trace = trace

    def __iter__(self) -> Iterator[bytes]:
        self._trace("http11.receive_response_body.started", {"request": self._request})
        pieces = self._answer.pieces()
        for piece in pieces:
            if len(pieces) > 1:
                self._sleep(self._answer.delay / len(pieces))
            yield piece
        if self._answer.broken == "truncated":
            raise httpx.RemoteProtocolError(
                "peer closed connection without sending complete message body "
                f"(received {sum(map(len, pieces))} bytes, expected {len(self._answer.body)})",
                request=self._request,
            )
        self._trace("http11.receive_response_body.complete", {"return_value": None})

    def close(self) -> None:
        self._trace("http11.response_closed.started", {})
        self._trace("http11.response_closed.complete", {"return_value": None})


def _no_trace(name: str, info: dict[str, Any]) -> None:
    """Ignore trace events."""


def _connect(
    request: httpx.Request, trace: Callable[[str, dict[str, Any]], None], *, refused: bool
) -> None:
    """Report the events of opening a connection."""
    url = request.url
    trace("connection.connect_tcp.started", {"host": url.host, "port": url.port})
    if refused:
        error = httpx.ConnectError("[Errno 111] Connection refused", request=request)
        trace("connection.connect_tcp.failed", {"exception": error})
        raise error
    trace("connection.connect_tcp.complete", {"return_value": None})
    if url.scheme == "https":
        trace("connection.start_tls.started", {"server_hostname": url.host})
        trace("connection.start_tls.complete", {"return_value": None})


def _sent(
    request: httpx.Request, trace: Callable[[str, dict[str, Any]], None], head: HttpCall
) -> HttpCall:
    """Return the whole call, its streamed body read."""
    trace("http11.send_request_headers.started", {"request": request})
    trace("http11.send_request_headers.complete", {"return_value": None})
    trace("http11.send_request_body.started", {"request": request})
    body = request.read()
    trace("http11.send_request_body.complete", {"return_value": None})
    headers = {name.lower(): value for name, value in request.headers.items()}
    return HttpCall(head.method, head.host, head.path, dict(request.url.params), headers, body)
