"""HTTP transport: connections, certificates, deadlines, and what a failure proves.

Knows httpx and sockets; knows nothing of tasks or money. Exceptions of httpx and
of the system are translated here and nowhere else. Measured with httpx 0.28.1: transports are not
shared between threads (httpcore 1.0.9 has an open race); there is no total timeout, so a deadline
thread shuts the socket; a kept-alive connection that the other side is closing looks like a lost
answer, so a submission uses a new connection. httpx's transports are used without its `Client`:
redirects, cookies and its reading of the environment are never wanted, and it takes more than a
quarter of a call's CPU.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from fluxcli import __version__
from fluxcli.client.deadline import CONNECT_SECONDS, Deadline, start_deadlines
from fluxcli.client.proxies import proxy_for
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, exhausted
from fluxcli.system.headroom import MEMORY, try_memory
from fluxcli.system.shell_syntax import unset_variable

USER_AGENT: Final = f"fluxcli/{__version__} (+https://github.com/fluxcli/fluxcli)"
"""The edge refuses some default agents, so every call names the product."""

HEADERS: Final = {"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "gzip"}
"""What every request says."""

ANSWER_CAP: Final = 4 << 20
"""No JSON answer is read beyond this many bytes, compressed or not."""

SANDBOX_HEADER: Final = b"x-fluxcli-sandbox"
"""The stand-in sends it with every answer."""

KEEPALIVE_SECONDS: Final = 60.0

_HEADERS_SENT: Final = "http11.send_request_headers.started"
_BROKEN: Final = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, ValueError)
_RESULTS: Final = ("http://result.invalid", "https://result.invalid")
"""The hosts of results are not known before; a variable that no call could use is reported."""

_CA_FILES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_CA_FOLDERS: Final = "SSL_CERT_DIR"

Trace = Callable[[str], None]


@dataclass(slots=True)
class Exchange:
    """What is known of one request, filled in while it is sent and answered.

    `sent` turns true just before the request's first byte leaves. Until then a failure
    proves that nothing was received. `on_sent` is called at that moment, and the byte
    leaves only after it returned.
    """

    on_sent: Callable[[], None] | None = None
    sent: bool = False
    status: int | None = None
    encoding: str = ""
    retry_after: str | None = None
    location: str | None = None
    length: str | None = None
    date: str | None = None
    sandbox: bool = False
    body: bytearray = field(default_factory=bytearray)
    sockets: list[socket.socket] = field(default_factory=list)

    def trace(self, name: str, info: dict[str, Any]) -> None:
        """Record httpcore's progress (its `trace` request extension).

        For a proxied request the CONNECT sends headers too; only the call itself counts.
        """
        if name.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = info.get("return_value")
            found = stream.get_extra_info("socket") if stream is not None else None
            if isinstance(found, socket.socket):
                self.sockets.append(found)
        elif name == _HEADERS_SENT and not self.sent:
            request = info.get("request")
            method = getattr(request, "method", None)
            # The stand-in's requests have text here, which `python -bb` does not compare.
            if isinstance(method, bytes) and method == b"CONNECT":
                return
            if self.on_sent is not None:
                self.on_sent()
            self.sent = True

    def answered(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep what matters of an answer's head."""
        found = {name.lower(): value.decode("latin-1") for name, value in headers}
        self.status = status
        self.encoding = found.get(b"content-encoding", "").strip().lower()
        self.retry_after = found.get(b"retry-after")
        self.location = found.get(b"location")
        self.sandbox = SANDBOX_HEADER in found
        self.date = found.get(b"date")
        self.length = found.get(b"content-length")

    def cut(self) -> None:
        """End the request from another thread: its next read or write fails."""
        for one in self.sockets:
            with contextlib.suppress(OSError):
                # The plain shutdown: a TLS socket's own would wait for its reader.
                socket.socket.shutdown(one, socket.SHUT_RDWR)

    def decoded(self) -> bytes:
        """Return the body so far, decompressed; of broken data the part before the damage."""
        if self.encoding not in {"gzip", "x-gzip", "deflate"}:
            return bytes(self.body)
        with contextlib.suppress(zlib.error):
            return zlib.decompressobj(wbits=47).decompress(bytes(self.body), ANSWER_CAP)
        return _salvaged(self.body) or bytes(self.body)


def _salvaged(archive: bytes | bytearray) -> bytes:
    """Decompress broken data byte by byte up to the damage: it may hold a task id."""
    unpacker, found = zlib.decompressobj(wbits=47), bytearray()
    with contextlib.suppress(zlib.error):
        for at in range(len(archive)):
            found += unpacker.decompress(archive[at : at + 1])
    return bytes(found)


class Transport:
    """Makes httpx's transports, one set for each thread, and runs calls on them.

    `transport` replaces the network (the sandbox does so). `trace` receives each call and
    answer, without credentials.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        transport: httpx.BaseTransport | None = None,
        trace: Trace | None = None,
    ) -> None:
        self._env = env
        self._transport = transport
        self._trace = trace
        self._local = threading.local()
        self._trusting: ssl.SSLContext | None = None
        self._trustless: ssl.SSLContext | None = None
        self._guard = threading.Lock()
        self._made: list[httpx.BaseTransport] = []
        self._proxies: dict[str, tuple[str, str] | None] = {}

    def connections(self, url: str, *, fresh: bool = False) -> httpx.BaseTransport:
        """Return this thread's connections for `url`'s kind of address.

        `fresh` gives one that never uses a connection twice.

        Raises:
            FluxError: a proxy or certificate variable cannot be used.
        """
        if self._transport is not None:
            return self._transport
        origin = "/".join(url.split("/", 3)[:3])
        if origin not in self._proxies:
            # A proxy is never used for this machine itself.
            self._proxies[origin] = None if is_loopback(url) else proxy_for(url, self._env)
        secure, proxy = url.startswith("https:"), self._proxies[origin]
        name = f"connections_{fresh}_{secure}_{proxy}"
        found: httpx.BaseTransport | None = getattr(self._local, name, None)
        if found is None:
            found = self._make(secure=secure, proxy=proxy, fresh=fresh)
            self._made.append(found)
            setattr(self._local, name, found)
        return found

    def _make(
        self, *, secure: bool, proxy: tuple[str, str] | None, fresh: bool
    ) -> httpx.HTTPTransport:
        address, variable = proxy or (None, "")
        try:
            return httpx.HTTPTransport(
                # Without one, httpx makes one for each transport.
                verify=self._tls(secure=secure),
                trust_env=False,
                proxy=address,
                limits=httpx.Limits(
                    max_keepalive_connections=0 if fresh else 4,
                    keepalive_expiry=KEEPALIVE_SECONDS,
                ),
            )
        except ImportError:
            from fluxcli.system.upgrade import install_command

            raise FluxError(
                Code.ENVIRONMENT_INVALID,
                f"the variable `{variable}` names a SOCKS proxy, which needs one more package",
                hint=install_command("socks"),
            ) from None
        except (ValueError, httpx.InvalidURL) as error:
            raise FluxError(
                Code.ENVIRONMENT_INVALID,
                f"the proxy in the variable `{variable}` cannot be used: {_brief(error)}",
                hint=unset_variable(variable),
            ) from None

    def close(self) -> None:
        """Close all connections; no call may be running."""
        while self._made:
            self._made.pop().close()

    def prepare(self, *urls: str) -> None:
        """Make what calls to `urls` and to hosts of results need, and what all threads share.

        What cannot be had is met here, before anything is submitted.

        Raises:
            FluxError: a proxy or certificate variable cannot be used, or NO_RESOURCES.
        """
        try:
            try_memory(MEMORY)
            for url in urls:
                self.connections(url)
            if self._transport is None:
                for result in _RESULTS:
                    if proxy := proxy_for(result, self._env):
                        self._make(secure=False, proxy=proxy, fresh=True).close()
                self._tls(secure=False)
            start_deadlines()
        except (OSError, MemoryError) as error:
            raise (exhausted(error, sent=False) or error) from error

    def _tls(self, *, secure: bool) -> ssl.SSLContext:
        """Return the one context for https, or the one for plain http, which trusts nobody."""
        with self._guard:
            if secure:
                self._trusting = self._trusting or _trust(self._env)
                return self._trusting
            self._trustless = self._trustless or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            return self._trustless

    def call(
        self,
        exchange: Exchange,
        request: httpx.Request,
        *,
        seconds: float,
        fresh: bool = False,
        cap: int = ANSWER_CAP,
    ) -> None:
        """Send `request`, and collect its answer's bytes in `exchange`, at most `cap`.

        Raises:
            FluxError: NETWORK, with `exchange` showing how far it got.
        """
        for chunk in self.stream(exchange, request, seconds=seconds, fresh=fresh):
            exchange.body += chunk
            if len(exchange.body) >= cap:
                break
        if self._trace is not None:
            self._trace(f"< {exchange.status} {exchange.decoded()[:2000].decode(errors='replace')}")

    def stream(
        self,
        exchange: Exchange,
        request: httpx.Request,
        *,
        seconds: float,
        silence: float | None = None,
        fresh: bool = False,
    ) -> Generator[bytes]:
        """Send `request`, and yield its answer's bytes as they come, undecoded.

        It may take `seconds` in all, and with `silence`, so many without a single byte.

        Raises:
            FluxError: NETWORK, with `exchange` showing how far it got.
        """
        url = str(request.url)
        connections = self.connections(url, fresh=fresh)
        longest_pause = seconds if silence is None else min(seconds, silence)
        timeout = httpx.Timeout(longest_pause, connect=min(seconds, CONNECT_SECONDS))
        request.extensions = {"trace": exchange.trace, "timeout": timeout.as_dict()}
        exchange.sockets = self._open_sockets()
        if self._trace is not None:
            self._trace(f"> {request.method} {url}")
        with Deadline(exchange.cut, seconds) as deadline, _translated(url, exchange, deadline):
            response = connections.handle_request(request)
            with contextlib.closing(response):
                exchange.answered(response.status_code, response.headers.raw)
                yield from response.iter_raw()

    def _open_sockets(self) -> list[socket.socket]:
        """Return this thread's connections: a call may travel on one that an earlier call made."""
        known: list[socket.socket] = getattr(self._local, "sockets", [])
        self._local.sockets = known = [one for one in known if one.fileno() >= 0]
        return known


@contextlib.contextmanager
def _translated(url: str, exchange: Exchange, deadline: Deadline) -> Iterator[None]:
    """Translate what httpx and the system raise into one `FluxError`."""
    host = urlsplit(url).hostname or url
    try:
        with _reporting_exhaustion(exchange):
            yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise _network(f"cannot connect to {host}: {_brief(error)}") from error
    except httpx.TimeoutException as error:
        raise _network(f"no answer from {host} in time") from error
    except (*_BROKEN, MemoryError) as error:
        if deadline.fired:
            raise _network(f"{host} took too long to answer") from error
        how = "after" if exchange.sent else "before"
        detail = _brief(error)
        raise _network(
            f"the connection to {host} broke {how} the request was sent: {detail}"
        ) from error


@contextlib.contextmanager
def _reporting_exhaustion(exchange: Exchange) -> Iterator[None]:
    """Translate a lack of file handles, threads or memory before a request was sent."""
    try:
        yield
    except (httpx.HTTPError, OSError, MemoryError) as error:
        lack = None if exchange.sent else exhausted(error, sent=False)
        if lack is not None:
            raise lack from error
        raise


def _network(message: str) -> FluxError:
    return FluxError(Code.NETWORK, message, hint="fluxcli config check")


def _brief(error: BaseException) -> str:
    """Return the text of an exception in one line of at most 200 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200]


def _trust(env: Mapping[str, str]) -> ssl.SSLContext:
    """Return the certificates to trust: those of the standard variables, else certifi's.

    As in Python's ssl, `SSL_CERT_FILE` and the list of folders in `SSL_CERT_DIR` add up, and a
    folder of the list that does not exist is skipped.

    Raises:
        FluxError: a variable names something that cannot be used.
    """
    files = [(name, env[name]) for name in _CA_FILES if env.get(name)][:1]
    folders = [one for one in env.get(_CA_FOLDERS, "").split(os.pathsep) if one]
    if not files and not folders:
        return httpx.create_ssl_context(trust_env=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name, place in files:
        if os.path.isdir(place):  # noqa: PTH112 - ssl wants text
            _load(context, name, place, capath=place)
        else:
            _load(context, name, place, cafile=place)
    usable = [one for one in folders if os.path.exists(one)]  # noqa: PTH110 - ssl wants text
    for place in usable or folders:
        if not os.path.isdir(place):  # noqa: PTH112 - ssl wants text
            raise _bad_certificates(_CA_FOLDERS, place, "is not a folder")
        _load(context, _CA_FOLDERS, place, capath=place)
    return context


def _load(
    context: ssl.SSLContext,
    variable: str,
    place: str,
    *,
    cafile: str | None = None,
    capath: str | None = None,
) -> None:
    try:
        context.load_verify_locations(cafile=cafile, capath=capath)
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = f"holds no usable certificates: {_brief(error)}"
        raise _bad_certificates(variable, place, reason) from None


def _bad_certificates(variable: str, place: str, reason: str) -> FluxError:
    return FluxError(
        Code.ENVIRONMENT_INVALID,
        f"`{variable}` names `{place}`, which {reason}",
        hint=unset_variable(variable),
    )


def is_loopback(url: str) -> bool:
    """Return whether `url` names this machine, by name or address, without a lookup."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
