"""The sandbox on two loopback ports: API and uploads on one, results on the other."""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from fluxcli.sandbox.answers import JSON_UTF8, plain
from fluxcli.sandbox.callbacks import Callbacks
from fluxcli.sandbox.http_messages import HttpCall
from fluxcli.sandbox.service import SandboxService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fluxcli.sandbox.http_messages import HttpAnswer

_LOOPBACK: Final = "127.0.0.1"
_CHECK_SECONDS: Final = 0.02
_LINE_CAP: Final = 1024
_RESET: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER with no seconds: closing sends a reset, not an orderly end."""
_WAIT_SECONDS: Final = 0.5 if sys.platform == "win32" else None
"""On Windows Ctrl-C does not end a wait; it is noticed afterwards."""


class Served:
    """A running sandbox server. The origins have no trailing slash."""

    def __init__(self, api_url: str, result_url: str, sandbox_service: SandboxService) -> None:
        self.api_url = api_url
        self.upload_url = api_url
        self.result_url = result_url
        self.sandbox_service = sandbox_service
        self._never = threading.Event()

    def wait(self) -> None:
        """Wait until an exception is raised in this thread, as Ctrl-C does."""
        while not self._never.wait(_WAIT_SECONDS):
            pass


@contextlib.contextmanager
def serve(
    sandbox_service: SandboxService | Callable[[str, str, str], SandboxService],
    *,
    port: int = 0,
    results_port: int = 0,
) -> Iterator[Served]:
    """Serve a sandbox on loopback ports until the block ends; 0 finds a free port.

    `sandbox_service` is a service, which then uses the served origins, or a function that makes
    one for the origins of API, uploads and results.

    Raises:
        OSError: a port is taken.
    """
    with _LoopbackServer(port) as api, _LoopbackServer(results_port) as results:
        if isinstance(sandbox_service, SandboxService):
            sandbox_service.set_origins(api.origin, api.origin, results.origin)
        else:
            sandbox_service = sandbox_service(api.origin, api.origin, results.origin)
        with api.open(sandbox_service), results.open(sandbox_service), Callbacks(sandbox_service):
            yield Served(api.origin, results.origin, sandbox_service)


class _LoopbackServer(socketserver.ThreadingTCPServer):
    """One listening port; a thread for each connection."""

    # On Windows this would let two servers listen at one port.
    allow_reuse_address = sys.platform != "win32"
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        super().__init__((_LOOPBACK, port), _SandboxHandler)
        self.authority = f"{_LOOPBACK}:{self.server_address[1]}"
        self.origin = f"http://{self.authority}"
        self.sandbox_service: SandboxService
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def open(self, sandbox_service: SandboxService) -> Iterator[None]:
        """Answer until the block ends; then close every connection."""
        self.sandbox_service = sandbox_service
        thread = threading.Thread(target=self.serve_forever, args=(_CHECK_SECONDS,))
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            with self._lock:
                for connection in self._connections:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - typeshed's
        """Handle a connection in its own thread."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - typeshed's
        """End a connection."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - typeshed's
        """Ignore clients that disconnected; show every other error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _SandboxHandler(BaseHTTPRequestHandler):
    """One connection and its calls, one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _LoopbackServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Log nothing."""

    def version_string(self) -> str:
        """Return the Server header."""
        return "sandbox"

    def _handle(self) -> None:
        """Answer one call."""
        try:
            body = self._body()
        except ValueError:
            self.close_connection = True
            self._send(plain(400, "400 Bad Request"))
            return
        if body is None:
            # An incomplete call is not answered.
            self.close_connection = True
            return
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = HttpCall(
            self.command, self.server.authority, path, dict(parse_qsl(query)), headers, body
        )
        self._send(self.server.sandbox_service.handle(call))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _handle  # noqa: N815 - the base's names

    def _body(self) -> bytes | None:
        """Return the whole request body; None if the client disconnected."""
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self._chunks()
        length = int(self.headers.get("content-length") or 0)
        if length < 0:
            raise ValueError(length)
        data = self.rfile.read(length)
        return data if len(data) == length else None

    def _chunks(self) -> bytes | None:
        whole = bytearray()
        while True:
            line = self.rfile.readline(_LINE_CAP)
            if not line.endswith(b"\n"):
                return None
            size = int(line.partition(b";")[0], 16)
            if not size:
                break
            data = self.rfile.read(size)
            if len(data) < size or not self.rfile.readline(_LINE_CAP).endswith(b"\n"):
                return None
            whole += data
        while self.rfile.readline(_LINE_CAP).strip():
            pass  # Trailers.
        return bytes(whole)

    def _send(self, answer: HttpAnswer) -> None:
        """Send an answer, or break the connection as it requires."""
        if answer.broken == "silent":
            self._wait_for_disconnect()
        if answer.broken not in {"no", "truncated"}:
            self._reset()
            return
        pieces = answer.pieces()
        if len(pieces) == 1 and answer.delay:
            self.server.sandbox_service.sleep(answer.delay)
        chunked = self._head(answer)
        if self.command == "HEAD":
            return
        for piece in pieces:
            if len(pieces) > 1:
                self.server.sandbox_service.sleep(answer.delay / len(pieces))
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _head(self, answer: HttpAnswer) -> bool:
        """Send the head; return whether the body goes in chunks, as the service's JSON does."""
        chunked = (
            answer.header("content-type") == JSON_UTF8
            and self.request_version == "HTTP/1.1"
            and bool(answer.body)
        )
        # The answer has the service's own `Date`.
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if chunked:
            self.send_header("transfer-encoding", "chunked")
        else:
            self.send_header("content-length", str(len(answer.body)))
        if answer.broken == "truncated":
            self.send_header("connection", "close")
        self.end_headers()
        return chunked

    def _wait_for_disconnect(self) -> None:
        """Send nothing until the client disconnects or the server closes."""
        # The socket becomes readable at the end of the connection, also when we close it.
        select.select([self.connection], [], [])

    def _reset(self) -> None:
        """Reset the connection."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        # The reading end holds the socket open; only the last close sends the reset.
        self.rfile.close()
        self.connection.close()
