"""How bytes travel: certificates, proxies, packing, limits, and what a failure proves."""

from __future__ import annotations

import gzip
import os
import socket
import ssl
import threading
import zlib
from typing import TYPE_CHECKING

import httpx
import pytest

from fluxcli.client.deadline import Deadline
from fluxcli.client.transport import ANSWER_CAP, Exchange, Transport, is_loopback
from fluxcli.errors import Code, FluxError
from tests.client import bodies
from tests.client.scripted import Script, transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the machine's own proxies."""
    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def real() -> Iterator[Transport]:
    """A line to the true network, which the tests' guard ends at this machine."""
    made = Transport(env={})
    yield made
    made.close()


def fetched(act: httpx.Response, cap: int = ANSWER_CAP) -> Exchange:
    exchange = Exchange()
    transport(Script([act])).call(
        exchange, httpx.Request("GET", "https://h.invalid/"), seconds=5, cap=cap
    )
    return exchange


class TestPacking:
    @pytest.mark.parametrize(
        ("encoding", "pack"),
        [("gzip", gzip.compress), ("X-GZIP ", gzip.compress), ("deflate", zlib.compress)],
    )
    def test_packed_answers_are_unpacked(self, encoding: str, pack: type[bytes]) -> None:
        packed = pack(bodies.GENERATE)
        answer = httpx.Response(
            200, headers={"content-encoding": encoding}, stream=httpx.ByteStream(packed)
        )
        assert fetched(answer).decoded() == bodies.GENERATE

    def test_a_packed_answer_that_was_cut_gives_what_it_holds(self) -> None:
        exchange = Exchange(encoding="gzip")
        exchange.body += gzip.compress(bodies.GENERATE)[:-10]
        assert bodies.TASK.encode() in exchange.decoded()

    def test_a_packed_answer_with_a_bad_end_gives_what_it_holds(self) -> None:
        """The checksum differs, and the id is in there all the same."""
        exchange = Exchange(encoding="gzip")
        exchange.body += gzip.compress(bodies.GENERATE)[:-8] + b"\0" * 8
        assert bodies.TASK.encode() in exchange.decoded()

    def test_what_only_claims_to_be_packed_is_taken_as_it_is(self) -> None:
        exchange = Exchange(encoding="gzip")
        exchange.body += bodies.GENERATE
        assert exchange.decoded() == bodies.GENERATE

    def test_a_bomb_is_not_unpacked_whole(self) -> None:
        exchange = Exchange(encoding="gzip")
        exchange.body += gzip.compress(b"\0" * (ANSWER_CAP * 4))
        assert len(exchange.decoded()) == ANSWER_CAP

    @pytest.mark.parametrize("share", [0.1, 0.4, 0.6, 1.0])
    def test_a_broken_bomb_is_not_unpacked_whole(self, share: float) -> None:
        exchange = Exchange(encoding="gzip")
        whole = gzip.compress(b"\0" * (ANSWER_CAP * 2))
        at = int((len(whole) - 8) * share)
        exchange.body += whole[:at] + b"\xff" * 8 + whole[at + 8 :]
        assert len(exchange.decoded()) == pytest.approx(min(1, 2 * share) * ANSWER_CAP, rel=0.05)

    @pytest.mark.parametrize(("cap", "read"), [(250, 300), (300, 300), (301, 400)])
    def test_an_answer_is_read_up_to_the_cap(self, cap: int, read: int) -> None:
        parts = httpx.Response(200, stream=_Parts([b"x" * 100] * 100))
        assert len(fetched(parts, cap=cap).body) == read

    def test_what_the_answers_head_says(self) -> None:
        head = {"retry-after": "7", "location": "/there", "content-length": "3"}
        exchange = fetched(httpx.Response(302, headers=head, stream=httpx.ByteStream(b"abc")))
        assert (exchange.status, exchange.retry_after, exchange.location) == (302, "7", "/there")
        assert (exchange.length, exchange.encoding, bytes(exchange.body)) == ("3", "", b"abc")

    def test_where_it_says_nothing(self) -> None:
        exchange = fetched(httpx.Response(200, stream=httpx.ByteStream(b"")))
        assert (exchange.retry_after, exchange.location, exchange.length) == (None, None, None)


class _Parts(httpx.SyncByteStream):
    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts


class TestTheTrace:
    def test_calls_and_answers_without_the_key(self) -> None:
        traced: list[str] = []
        script = Script([httpx.Response(200, stream=httpx.ByteStream(bodies.CREDIT))])
        request = httpx.Request("GET", "https://h.invalid/c", headers={"authorization": "Bearer k"})
        transport(script, trace=traced.append).call(Exchange(), request, seconds=5)
        assert traced == ["> GET https://h.invalid/c", f"< 200 {bodies.CREDIT.decode()}"]

    def test_of_a_long_answer_its_beginning(self) -> None:
        traced: list[str] = []
        script = Script([httpx.Response(500, stream=httpx.ByteStream(b"\xff" + b"x" * 3000))])
        transport(script, trace=traced.append).call(
            Exchange(), httpx.Request("GET", "https://h.invalid/"), seconds=5
        )
        assert traced[1] == "< 500 \N{REPLACEMENT CHARACTER}" + "x" * 1999


class TestAnExchange:
    def test_a_proxys_own_request_is_not_the_call(self) -> None:
        """CONNECT sends headers too; the paid request has not left yet."""
        left: list[str] = []
        exchange = Exchange(on_sent=lambda: left.append("now"))
        connect = httpx.Request("CONNECT", "https://proxy.invalid/")
        raw = type("Raw", (), {"method": b"CONNECT"})()
        exchange.trace("http11.send_request_headers.started", {"request": raw})
        assert (left, exchange.sent, connect.method) == ([], False, "CONNECT")
        exchange.trace("http11.send_request_headers.started", {})
        exchange.trace("http11.send_request_headers.started", {})
        assert (left, exchange.sent) == (["now"], True)

    def test_cutting_ends_a_read_in_another_thread(self) -> None:
        near, far = socket.socketpair()
        exchange = Exchange()
        stream = type("Stream", (), {"get_extra_info": lambda _self, _name: near})()
        exchange.trace("connection.connect_tcp.complete", {"return_value": stream})
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(near.recv(1)))
        reader.start()
        exchange.cut()
        reader.join(5)
        near.close()
        far.close()
        exchange.cut()
        assert got == [b""]

    def test_a_watchdog_that_is_not_needed_does_nothing(self) -> None:
        with Deadline(Exchange().cut, 60) as dog:
            pass
        assert not dog.fired


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


class TestTime:
    def test_a_server_that_only_listens_is_left_in_time(self, real: Transport, silent: str) -> None:
        exchange = Exchange()
        with pytest.raises(
            FluxError, match=r"no answer from 127\.0\.0\.1 in time|too long"
        ) as caught:
            real.call(exchange, httpx.Request("GET", silent), seconds=0.2)
        assert (caught.value.code, exchange.sent) == (Code.NETWORK, True)

    def test_a_server_that_drips_is_left_in_time(self, real: Transport) -> None:
        """Each byte arrives in time and the body never ends: the deadline ends it."""
        ended = threading.Event()

        def drip(server: socket.socket) -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
                while not ended.wait(0.02):
                    try:
                        peer.sendall(b"x")
                    except OSError:
                        return

        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=drip, args=(server,), daemon=True)
            thread.start()
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            with pytest.raises(FluxError, match="took too long to answer"):
                real.call(Exchange(), httpx.Request("GET", url), seconds=0.3)
            ended.set()
            thread.join(5)

    def test_a_drip_on_a_connection_of_an_earlier_call_is_left_in_time(
        self, real: Transport
    ) -> None:
        """A kept connection is not opened by the call that hangs on it, and is cut all the same."""
        ended = threading.Event()

        def answer_then_drip(server: socket.socket) -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                peer.recv(1000)
                while not ended.wait(0.02):
                    try:
                        peer.sendall(b"H")
                    except OSError:
                        return

        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=answer_then_drip, args=(server,), daemon=True)
            thread.start()
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            real.call(Exchange(), httpx.Request("GET", url), seconds=5)
            with pytest.raises(FluxError):
                real.call(Exchange(), httpx.Request("GET", url), seconds=0.3)
            ended.set()
            thread.join(5)


class TestWhatAFailureProves:
    def test_no_server_listens(self, real: Transport) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        exchange = Exchange()
        with pytest.raises(FluxError, match=r"cannot connect to 127\.0\.0\.1: \S") as caught:
            real.call(exchange, httpx.Request("GET", f"http://127.0.0.1:{port}/"), seconds=5)
        assert (caught.value.code, exchange.sent) == (Code.NETWORK, False)
        assert caught.value.hint == "fluxcli config check"

    def test_a_name_that_is_unknown(self, real: Transport) -> None:
        exchange = Exchange()
        with pytest.raises(FluxError, match=r"cannot connect to unknown\.invalid"):
            real.call(exchange, httpx.Request("GET", "http://unknown.invalid/"), seconds=5)
        assert not exchange.sent

    def test_an_impossible_url(self, real: Transport) -> None:
        with pytest.raises(FluxError, match="before the request was sent"):
            real.call(Exchange(), httpx.Request("GET", "ftp://127.0.0.1/"), seconds=5)

    def test_an_exception_is_shown_short_and_in_one_line(self) -> None:
        script = Script([httpx.ReadError("line\n" * 200)])
        with pytest.raises(FluxError) as caught:
            transport(script).call(
                Exchange(), httpx.Request("GET", "https://h.invalid/"), seconds=5
            )
        assert caught.value.message.endswith(": " + ("line " * 40))

    def test_a_break_after_the_call_left(self) -> None:
        exchange = Exchange()
        script = Script([httpx.ReadError("")])
        with pytest.raises(FluxError, match="broke after the request was sent: ReadError"):
            transport(script).call(exchange, httpx.Request("GET", "https://h.invalid/"), seconds=5)


class TestCertificates:
    """The user's own, by the standard variables; a bad one is reported at once."""

    @pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"])
    @pytest.mark.parametrize("content", [None, b"", b"no certificate"])
    def test_a_bad_variable(self, name: str, content: bytes | None, tmp_path: Path) -> None:
        place = tmp_path / "ca.pem"
        if content is not None:
            place.write_bytes(content)
        with pytest.raises(FluxError) as caught:
            Transport(env={name: str(place)}).connections("https://h.invalid/")
        assert (caught.value.code, caught.value.status) == (Code.ENVIRONMENT_INVALID, 2)
        assert caught.value.hint == f"unset {name}"
        assert str(place) in caught.value.message

    def test_plain_http_to_this_machine_needs_none(self, tmp_path: Path) -> None:
        made = Transport(env={"SSL_CERT_FILE": str(tmp_path / "none")})
        made.connections("http://127.0.0.1:1/")
        made.close()

    @pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"])
    def test_a_good_variable(self, name: str, tmp_path: Path) -> None:
        """Nothing but what it names is trusted; what a folder holds is read when it is met."""
        place = tmp_path / "ca.pem"
        place.write_text(_some_certificate())
        is_folder = name == "SSL_CERT_DIR"
        made = Transport(env={name: str(tmp_path if is_folder else place)})
        assert isinstance(made.connections("https://h.invalid/"), httpx.HTTPTransport)
        assert made._tls(secure=True).cert_store_stats()["x509"] == (0 if is_folder else 1)
        made.close()

    def test_a_file_and_a_list_of_folders_add_up(self, tmp_path: Path) -> None:
        """As in OpenSSL; a folder of the list that does not exist is skipped."""
        place = tmp_path / "ca.pem"
        place.write_text(_some_certificate())
        folders = []
        for name in ("a", "b"):
            folders.append(tmp_path / name)
            folders[-1].mkdir()
        listed = os.pathsep.join(map(str, [*folders, tmp_path / "none", ""]))
        made = Transport(env={"SSL_CERT_FILE": str(place), "SSL_CERT_DIR": listed})
        made.connections("https://h.invalid/")
        assert made._tls(secure=True).cert_store_stats()["x509"] == 1
        made.close()

    def test_a_folder_of_the_list_that_is_a_file_is_named(self, tmp_path: Path) -> None:
        place = tmp_path / "file"
        place.write_bytes(b"")
        listed = f"{tmp_path}{os.pathsep}{place}"
        with pytest.raises(FluxError, match=f"`SSL_CERT_DIR` names `{place}`"):
            Transport(env={"SSL_CERT_DIR": listed}).connections("https://h.invalid/")

    def test_without_a_variable_there_are_certificates_too(self, real: Transport) -> None:
        assert isinstance(real.connections("https://h.invalid/"), httpx.HTTPTransport)


def _some_certificate() -> str:
    context = httpx.create_ssl_context()
    return ssl.DER_cert_to_PEM_cert(context.get_ca_certs(binary_form=True)[0])


class TestProxies:
    @pytest.mark.parametrize("url", ["gopher://h:1", "socks4://h:1"])
    def test_a_proxy_of_an_unknown_kind_is_named(self, url: str) -> None:
        """It is an error of the environment, before anything is recorded."""
        with pytest.raises(FluxError) as caught:
            Transport(env={"HTTPS_PROXY": url}).connections("https://h.invalid/")
        assert (caught.value.code, caught.value.status) == (Code.ENVIRONMENT_INVALID, 2)
        assert f"`HTTPS_PROXY` holds `{url}`" in caught.value.message

    def test_a_socks_proxy_needs_one_more_package(self) -> None:
        with pytest.raises(FluxError, match="`HTTPS_PROXY` names a SOCKS proxy") as caught:
            Transport(env={"HTTPS_PROXY": "socks5://h:1"}).connections("https://h.invalid/")
        assert caught.value.hint == "pip install 'fluxcli[socks]'"

    def test_a_proxy_s_password_is_not_shown(self) -> None:
        with pytest.raises(FluxError) as caught:
            Transport(env={"HTTPS_PROXY": "gopher://me:hunter2@h:1"}).connections(
                "https://h.invalid/"
            )
        assert "hunter2" not in caught.value.message

    def test_this_machine_is_never_asked_through_one(self) -> None:
        made = Transport(env={"HTTP_PROXY": "gopher://h:1"})
        assert isinstance(made.connections("http://127.0.0.1:1/"), httpx.HTTPTransport)
        made.close()

    def test_networks_and_brackets_in_no_proxy_are_not_an_error(self) -> None:
        env = {"NO_PROXY": "localhost,fe80::/10,fd00::/64,[::1]", "HTTPS_PROXY": "http://h:1"}
        made = Transport(env=env)
        assert isinstance(made.connections("https://h.invalid/"), httpx.HTTPTransport)
        made.close()


class TestConnections:
    def test_one_for_each_kind_of_address(self, real: Transport) -> None:
        here = real.connections("http://127.0.0.1/")
        assert real.connections("http://localhost/x") is here
        assert real.connections("https://h.invalid/") is not here
        assert real.connections("http://127.0.0.1/", fresh=True) is not here

    def test_one_for_each_thread(self, real: Transport) -> None:
        """They are not shared: the library below has a race."""
        mine = real.connections("http://127.0.0.1/")
        theirs: list[httpx.BaseTransport] = []
        thread = threading.Thread(
            target=lambda: theirs.append(real.connections("http://127.0.0.1/"))
        )
        thread.start()
        thread.join(5)
        assert theirs[0] is not mine


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://localhost/", True),
        ("http://localhost.:80/", True),
        ("http://127.0.0.1:8080", True),
        ("http://127.9.9.9/", True),
        ("http://[::1]:80/", True),
        ("http://localhost.example.com/", False),
        ("http://127.0.0.1.example.com/", False),
        ("http://10.0.0.1/", False),
        ("https://api.kie.ai", False),
        ("nonsense", False),
    ],
)
def test_loopback(url: str, here: bool) -> None:  # noqa: FBT001 - a column
    assert is_loopback(url) is here
