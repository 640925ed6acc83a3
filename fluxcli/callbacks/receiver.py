"""An HTTP receiver for callbacks on a loopback port: checks, answers at once, passes them on.

What arrives may come from anywhere: a tunnel makes the port public. Every connection has a total
time limit, their number is limited, and no body is kept.
"""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final

from fluxcli.callbacks.signature import LARGEST_BODY, BodyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fluxcli.callbacks.signature import Verification

    Check = Callable[[bytes, list[tuple[str, str]]], Verification]
    Sink = Callable[[Verification], None]

CONNECTION_SECONDS: Final = 10.0
"""Seconds after which a connection is closed, even if its request is incomplete."""

MOST_CONNECTIONS: Final = 64
"""Open connections; if another one is opened, the oldest is closed."""

_LOOPBACK: Final = "127.0.0.1"
_CHECK_SECONDS: Final = 0.1
_LINE_CAP: Final = 1024
_TRAILERS: Final = 64
_DRAINED: Final = 16 * LARGEST_BODY
_BLOCK: Final = 1 << 16


class _RequestError(Exception):
    """The request is answered with this HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@contextlib.contextmanager
def receiving(
    *,
    port: int,
    path: str,
    check: Check,
    accept: Sink,
    refuse: Sink,
    seconds: float = CONNECTION_SECONDS,
) -> Iterator[str]:
    """Receive callbacks at `path` until the block ends; yield the URL. Port 0 finds a free one.

    `check` checks a body and its headers, or raises `BodyError`. `accept` is called with each
    callback that was answered with 200, `refuse` with each that was answered with 401; both
    are called in the connection's own thread. A connection lives for `seconds` at most.

    Raises:
        OSError: the port is taken.
    """
    with _Server(port, path, check, accept, refuse, seconds) as server:
        thread = threading.Thread(target=server.serve_forever, args=(_CHECK_SECONDS,), daemon=True)
        thread.start()
        try:
            yield f"http://{_LOOPBACK}:{server.server_address[1]}{path}"
        finally:
            server.shutdown()
            thread.join()
            server.close_connections(older_than=0.0)


class _Server(socketserver.ThreadingTCPServer):
    """The listening port; a daemon thread for each connection."""

    allow_reuse_address = sys.platform != "win32"  # or two programs share the port
    daemon_threads = True
    request_queue_size = 128

    def __init__(  # noqa: PLR0917 - made in one place
        self, port: int, path: str, check: Check, accept: Sink, refuse: Sink, seconds: float
    ) -> None:
        self.path = path
        self.check = check
        self.accept = accept
        self.refuse = refuse
        self.seconds = seconds
        self._lock = threading.Lock()
        self._opened: dict[socket.socket, float] = {}
        super().__init__((_LOOPBACK, port), _CallbackHandler)

    def service_actions(self) -> None:
        """Close the connections whose time is up; called after each wait for a new one."""
        self.close_connections(older_than=self.seconds)

    def close_connections(self, *, older_than: float) -> None:
        """Close the connections that were opened at least so many seconds ago."""
        latest = time.monotonic() - older_than
        with self._lock:
            for connection, opened in self._opened.items():
                if opened <= latest:
                    _shut(connection)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - typeshed's
        """Handle a connection in its own thread; close the oldest one if there are too many."""
        with self._lock:
            if len(self._opened) >= MOST_CONNECTIONS:
                oldest = min(self._opened, key=self._opened.__getitem__)
                del self._opened[oldest]
                _shut(oldest)
            self._opened[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - typeshed's
        """End a connection."""
        with self._lock:
            self._opened.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - typeshed's
        """Ignore clients that disconnected; show every other error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _CallbackHandler(BaseHTTPRequestHandler):
    """One connection, which carries one request."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Return the handler of any method: POST alone is served, by `_receive`."""
        if name.startswith("do_"):
            return self._receive
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Log nothing."""

    def version_string(self) -> str:
        """Return the Server header."""
        return "fluxcli"

    def _receive(self) -> None:
        """Queue the callback of one request, then answer, so that both have the same order."""
        try:
            callback = self._checked()
        except _RequestError as error:
            self._answer(error.status)
            self._drain()
            return
        if callback is None:
            # The request is incomplete: no client waits for the answer.
            self.close_connection = True
            return
        hand_over = self.server.accept if callback.is_accepted else self.server.refuse
        hand_over(callback)
        self._answer(200 if callback.is_accepted else 401)

    def _checked(self) -> Verification | None:
        """Return what the request proves; None if it is incomplete.

        Raises:
            _RequestError: it is not a callback at all.
        """
        if self.path.partition("?")[0] != self.server.path:
            raise _RequestError(404)
        if self.command != "POST":
            raise _RequestError(405)
        body = self._body()
        if body is None:
            return None
        try:
            return self.server.check(body, list(self.headers.items()))
        except BodyError:
            raise _RequestError(401) from None

    def _body(self) -> bytes | None:
        if self.headers.get("transfer-encoding", "").strip().lower().endswith("chunked"):
            return self._chunks()
        text = self.headers.get("content-length", "0").strip()
        if not text.isascii() or not text.isdecimal():
            raise _RequestError(400)
        # A number of so many digits, without leading zeros, is too large in any case.
        if len(text.lstrip("0")) > len(str(LARGEST_BODY)) or int(text) > LARGEST_BODY:
            raise _RequestError(413)
        data = self.rfile.read(int(text))
        return data if len(data) == int(text) else None

    def _chunks(self) -> bytes | None:
        whole = bytearray()
        while size := self._chunk_size():
            if len(whole) + size > LARGEST_BODY:
                raise _RequestError(413)
            data = self.rfile.read(size + 2)
            if len(data) < size + 2:
                return None
            if data[size:] != b"\r\n":
                raise _RequestError(400)
            whole += data[:size]
        if size is None:
            return None
        for _ in range(_TRAILERS):
            if not self.rfile.readline(_LINE_CAP).strip():
                return bytes(whole)
        raise _RequestError(400)

    def _chunk_size(self) -> int | None:
        """Return the announced size of the next chunk; None if the connection has ended."""
        line = self.rfile.readline(_LINE_CAP)
        if not line:
            return None
        digits = line.partition(b";")[0].strip()
        try:
            # Python would also read `+1`, `0x1` and `1_0`.
            if not digits.isalnum():
                raise _RequestError(400)
            return int(digits, 16)
        except ValueError:
            raise _RequestError(400) from None

    def _answer(self, status: int) -> None:
        self.close_connection = True
        self.send_response(status)
        if status == 405:  # noqa: PLR2004 - HTTP
            self.send_header("allow", "POST")
        self.send_header("content-length", "0")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.flush()

    def _drain(self) -> None:
        """Read what is still being sent: closing at once would reset the connection.

        The sender would then lose the answer.
        """
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            read = 0
            while read < _DRAINED and select.select([self.connection], [], [], 1.0)[0]:
                data = self.connection.recv(_BLOCK)
                if not data:
                    return
                read += len(data)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
