"""fluxcli and curl in the same environment: the same way to the service, the same certificates.

The service is a TLS server on this machine behind the name `api.invalid`; only a proxy can reach
it by that name. Both programs get the same variables. What the proxies received, and how the
program ended, is compared.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest
import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.worlds import World

SECONDS: Final = 20.0
ANSWER: Final = json.dumps({"code": 200, "msg": "success", "data": 7}).encode()
CURL: Final = {0: "answered", 5: "no proxy", 6: "no such host", 7: "refused", 35: "no TLS"} | {
    56: "proxy refuses",
    60: "certificate",
    97: "proxy refuses",
}
"""The exit statuses of curl."""

PROXY: Final = "http://127.0.0.1:{first}"
OTHER: Final = "http://127.0.0.1:{second}"
TRUST: Final = {"SSL_CERT_FILE": "{ca}"}
WAYS: Final[dict[str, dict[str, str]]] = {
    "no proxy": {},
    "https_proxy": {"https_proxy": PROXY},
    "HTTPS_PROXY": {"HTTPS_PROXY": PROXY},
    "lower case first": {"https_proxy": PROXY, "HTTPS_PROXY": OTHER},
    "lower case empty": {"https_proxy": "", "HTTPS_PROXY": PROXY},
    "all_proxy": {"all_proxy": PROXY},
    "ALL_PROXY": {"ALL_PROXY": PROXY},
    "its own before all": {"HTTPS_PROXY": PROXY, "all_proxy": OTHER},
    "of the other scheme": {"http_proxy": PROXY},
    "without a scheme": {"https_proxy": "127.0.0.1:{first}"},
    "with a slash": {"https_proxy": PROXY + "/"},
    "scheme in capitals": {"https_proxy": "HTTP://127.0.0.1:{first}"},
    "user and password": {"https_proxy": "http://us%40er:pa%3Ass@127.0.0.1:{first}"},
    "user alone": {"https_proxy": "http://user@127.0.0.1:{first}"},
    "refuses": {"https_proxy": "http://127.0.0.1:{refusing}"},
    "closed port": {"https_proxy": "http://127.0.0.1:{closed}"},
    "unknown proxy": {"https_proxy": "http://proxy.invalid:3128"},
    "NO_PROXY host": {"https_proxy": PROXY, "NO_PROXY": "api.invalid"},
    "NO_PROXY suffix": {"https_proxy": PROXY, "NO_PROXY": "invalid"},
    "NO_PROXY dotted": {"https_proxy": PROXY, "no_proxy": ".invalid"},
    "NO_PROXY part of a label": {"https_proxy": PROXY, "no_proxy": "i.invalid"},
    "NO_PROXY capitals": {"https_proxy": PROXY, "no_proxy": "API.INVALID"},
    "NO_PROXY everything": {"https_proxy": PROXY, "no_proxy": "*"},
    "NO_PROXY list": {"https_proxy": PROXY, "no_proxy": "a.b, ,api.invalid"},
    "NO_PROXY blanks": {"https_proxy": PROXY, "no_proxy": "  "},
    "NO_PROXY empty": {"https_proxy": PROXY, "no_proxy": "", "NO_PROXY": "*"},
    "NO_PROXY network": {"https_proxy": PROXY, "no_proxy": "10.0.0.0/8,fe80::/10,fd00::/64"},
    "NO_PROXY IPv6": {"https_proxy": PROXY, "no_proxy": "::1,fe80::1"},
    "NO_PROXY lower case first": {"https_proxy": PROXY, "no_proxy": "a.b", "NO_PROXY": "*"},
    "NO_PROXY and all_proxy": {"all_proxy": PROXY, "no_proxy": "api.invalid"},
}
TRUSTS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "trusted file": ("good", {"SSL_CERT_FILE": "{ca}"}),
    "trusted folder": ("good", {"SSL_CERT_DIR": "{folder}"}),
    "list of folders": ("good", {"SSL_CERT_DIR": "{empty}:{folder}"}),
    "file and folder": ("good", {"SSL_CERT_FILE": "{other}", "SSL_CERT_DIR": "{folder}"}),
    "curl's variable": ("good", {"CURL_CA_BUNDLE": "{ca}"}),
    "not trusted": ("good", {}),
    "another authority": ("good", {"SSL_CERT_FILE": "{other}"}),
    "empty folder": ("good", {"SSL_CERT_DIR": "{empty}"}),
    "self-signed": ("self-signed", {"SSL_CERT_FILE": "{ca}"}),
    "expired": ("expired", {"SSL_CERT_FILE": "{ca}"}),
    "another host": ("another host", {"SSL_CERT_FILE": "{ca}"}),
}


@dataclass(slots=True)
class Proxy:
    """A proxy: connects every CONNECT to one server, and keeps the request heads."""

    target: int = 0
    refusing: bool = False
    heads: list[str] = field(default_factory=list)
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        """Serve one connection after the other until the listener is closed."""
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(SECONDS)
                self._tunnel(connection)

    def _tunnel(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(1)
        self.heads.append(head.decode())
        if self.refusing:
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.target), SECONDS) as beyond:
            back = threading.Thread(target=_copy, args=(beyond, connection), daemon=True)
            back.start()
            _copy(connection, beyond)
            back.join(SECONDS)

    def received(self) -> list[tuple[str, str]]:
        """Return what was asked for since the last call: the target, and who the user is."""
        found = []
        for head in self.heads:
            lines = head.split("\r\n")
            users = [line.split()[-1] for line in lines if line.lower().startswith("proxy-auth")]
            found.append((lines[0].split()[1], base64.b64decode("".join(users)).decode()))
        self.heads.clear()
        return found


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@dataclass(slots=True)
class Service:
    """The service behind the proxies, with one of several certificates."""

    contexts: dict[str, ssl.SSLContext]
    certificate: str = "good"
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def serve(self) -> None:
        """Answer one connection after the other until the listener is closed."""
        while True:
            try:
                plain = self.listener.accept()[0]
            except OSError:
                return
            with plain, contextlib.suppress(OSError):
                plain.settimeout(SECONDS)
                with self.contexts[self.certificate].wrap_socket(plain, server_side=True) as secure:
                    while b"\r\n\r\n" not in (head := secure.recv(65536)) and head:
                        pass
                    start = f"HTTP/1.1 200 OK\r\nContent-Length: {len(ANSWER)}\r\n"
                    secure.sendall(start.encode() + b"Connection: close\r\n\r\n" + ANSWER)


@dataclass(slots=True)
class Network:
    """The service, its proxies, and what `{name}` stands for in a variable's value."""

    service: Service
    first: Proxy
    second: Proxy
    refusing: Proxy
    values: dict[str, str]

    def variables(self, template: dict[str, str]) -> dict[str, str]:
        """Return the variables of a set-up."""
        return {name: text.format(**self.values) for name, text in template.items()}

    def received(self) -> list[list[tuple[str, str]]]:
        """Return what each proxy was asked for; a repeated request counts once."""
        proxies = (self.first, self.second, self.refusing)
        return [list(dict.fromkeys(one.received())) for one in proxies]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A service and three proxies, on loopback ports."""
    folder = tmp_path_factory.mktemp("certificates")
    authority, other = trustme.CA(), trustme.CA()
    past = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    certificates = {
        "good": authority.issue_cert("api.invalid"),
        "self-signed": trustme.CA().issue_cert("api.invalid"),
        "expired": authority.issue_cert("api.invalid", not_before=past, not_after=past),
        "another host": authority.issue_cert("other.invalid"),
    }
    contexts = {}
    for name, certificate in certificates.items():
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(contexts[name])
    for name in ("hashed", "empty"):
        (folder / name).mkdir()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    other.cert_pem.write_to_path(folder / "other.pem")
    _hash(folder / "ca.pem", folder / "hashed")
    service = Service(contexts)
    port = int(service.listener.getsockname()[1])
    proxies = (Proxy(port), Proxy(port), Proxy(port, refusing=True))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        values = {"closed": str(closed.getsockname()[1])}
    values |= {"ca": str(folder / "ca.pem"), "other": str(folder / "other.pem")}
    values |= {"folder": str(folder / "hashed"), "empty": str(folder / "empty")}
    names = ("first", "second", "refusing")
    values |= {name: str(one.port) for name, one in zip(names, proxies, strict=True)}
    for one in (service, *proxies):
        threading.Thread(target=one.serve, daemon=True).start()
    yield Network(service, *proxies, values)
    for one in (service, *proxies):
        with contextlib.suppress(OSError):
            one.listener.shutdown(socket.SHUT_RDWR)
        one.listener.close()


def _hash(certificate: Path, folder: Path) -> None:
    """Put a certificate into a folder under the name by which OpenSSL finds it."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    command = ["openssl", "x509", "-hash", "-noout", "-in", str(certificate)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    shutil.copy(certificate, folder / f"{found}.0")


def by_curl(network: Network, env: dict[str, str]) -> tuple[str, object]:
    """Ask for the balance with curl; return how it ended, and what the proxies received."""
    command = ["curl", "-sS", "--max-time", "10", "https://api.invalid/api/v1/chat/credit"]
    ran = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env},
        capture_output=True,
        check=False,
    )
    return CURL.get(ran.returncode, str(ran.returncode)), network.received()


def by_fluxcli(network: Network, world: World, env: dict[str, str]) -> tuple[str, object]:
    """Ask for the balance with fluxcli; return the same."""
    ran = world.run("credits", env={"FLUXCLI_BASE_URL": "https://api.invalid", **env})
    if ran.status == 0:
        return "answered", network.received()
    assert ran.status == 5, ran
    texts = {
        "CERTIFICATE_VERIFY_FAILED": "certificate",
        "no test leaves this machine": "no such host",
        "Connection refused": "refused",
        "403 Forbidden": "proxy refuses",
    }
    found = next((outcome for text, outcome in texts.items() if text in ran.err), ran.err)
    if found == "no such host" and "proxy.invalid" in str(env):
        found = "no proxy"
    return found, network.received()


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


@needs_curl
@pytest.mark.parametrize("name", WAYS)
def test_both_take_the_same_way(network: Network, world: World, name: str) -> None:
    network.service.certificate = "good"
    env = network.variables(WAYS[name] | TRUST)
    assert by_fluxcli(network, world, env) == by_curl(network, env)


@needs_curl
@pytest.mark.parametrize("name", TRUSTS)
def test_both_trust_the_same_certificates(network: Network, world: World, name: str) -> None:
    network.service.certificate, variables = TRUSTS[name]
    env = network.variables(variables | {"https_proxy": PROXY})
    assert by_fluxcli(network, world, env) == by_curl(network, env)


@pytest.mark.parametrize("proxy", ["refusing", "closed"])
@pytest.mark.parametrize("words", [("credits",), ("credits", "--debug"), ("config", "check")])
def test_a_password_of_a_proxy_is_not_shown(
    network: Network, world: World, proxy: str, words: tuple[str, ...]
) -> None:
    address = f"http://user:hunter2@127.0.0.1:{network.values[proxy]}"
    env = {"FLUXCLI_BASE_URL": "https://api.invalid", "HTTPS_PROXY": address}
    ran = world.run(*words, env=env)
    assert ran.status == 5
    assert "hunter2" not in ran.err + ran.out.decode()
