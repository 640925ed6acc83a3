"""Proxies and the hosts that are reached without one, as curl decides it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from fluxcli.client.proxies import proxy_for
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = [
    ("*", "api.invalid", True),
    ("", "api.invalid", False),
    ("invalid", "api.invalid", True),
    (".invalid", "api.invalid", True),
    ("api.invalid", "api.invalid", True),
    ("API.Invalid", "api.invalid", True),
    ("pi.invalid", "api.invalid", False),
    ("other,api.invalid", "api.invalid", True),
    ("other, api.invalid", "api.invalid", True),
    ("other api.invalid", "api.invalid", True),
    ("127.1.2.3", "127.1.2.3", True),
    ("127.1.2.4", "127.1.2.3", False),
    ("127.1.0.0/16", "127.1.2.3", True),
    ("127.2.0.0/16", "127.1.2.3", False),
    ("127.1.2.3/32", "127.1.2.3", True),
    ("127.1.2.99/24", "127.1.2.3", True),
    ("fe80::/10,fd00::/64,[::1]", "127.1.2.3", False),
    ("fe80::/10,fd00::/64,::1", "api.invalid", False),
    ("::1", "[::1]", True),
    ("fd00::/64", "[::1]", False),
    ("127.0.0.0/8", "api.invalid", False),
]
"""What `NO_PROXY` says, a host, and whether it is reached without the proxy."""

BRACKETED = [
    ("::/64", "[::1]", True),
    ("[::1]", "[::1]", True),
    ("[::]/64", "[::1]", True),
    ("[::1]:1", "[::1]", True),
]
"""Entries that some container engines write; curl 7.88 does not understand all of them."""


def decided(no_proxy: str, host: str) -> bool:
    env = {"http_proxy": "http://127.0.0.1:9", "NO_PROXY": no_proxy}
    return proxy_for(f"http://{host}:1/x", env) is None


@pytest.mark.parametrize(("no_proxy", "host", "direct"), [*TABLE, *BRACKETED])
def test_which_hosts_are_reached_without_a_proxy(no_proxy: str, host: str, *, direct: bool) -> None:
    assert decided(no_proxy, host) is direct


class _Proxy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(299)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        del format, args


@pytest.fixture(scope="module")
def proxy() -> Iterator[str]:
    """A proxy that answers everything with 299."""
    server = HTTPServer(("127.0.0.1", 0), _Proxy)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


def _curl_version() -> tuple[int, ...]:
    if shutil.which("curl") is None:
        return (0,)
    err = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"curl (\d+)\.(\d+)", err)
    return (int(found[1]), int(found[2])) if found else (0,)


@pytest.mark.skipif(_curl_version() < (7, 86), reason="curl knows networks since 7.86")
@pytest.mark.parametrize(("no_proxy", "host", "direct"), TABLE)
def test_curl_decides_the_same(proxy: str, no_proxy: str, host: str, *, direct: bool) -> None:
    """A direct connection goes to a closed port of this machine."""
    env = {"PATH": os.environ["PATH"], "http_proxy": proxy, "NO_PROXY": no_proxy}
    command = ["curl", "-gs", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5"]
    command += ["--resolve", "api.invalid:1:127.0.0.1", f"http://{host}:1/x"]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (ran.stdout != "299") is direct


@pytest.mark.parametrize(
    ("env", "found"),
    [
        ({}, None),
        ({"https_proxy": "p:1"}, ("http://p:1", "https_proxy")),
        ({"HTTPS_PROXY": "http://p:1"}, ("http://p:1", "HTTPS_PROXY")),
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}, ("http://a:1", "https_proxy")),
        ({"http_proxy": "http://p:1"}, None),
        ({"ALL_PROXY": "socks5h://p:1"}, ("socks5h://p:1", "ALL_PROXY")),
        ({"https_proxy": "", "all_proxy": "http://p:1"}, ("http://p:1", "all_proxy")),
        ({"https_proxy": "http://p:1", "no_proxy": "x.y:443"}, None),
        ({"https_proxy": "http://p:1", "no_proxy": "x.y:80"}, ("http://p:1", "https_proxy")),
    ],
)
def test_which_variable_counts(env: dict[str, str], found: tuple[str, str] | None) -> None:
    assert proxy_for("https://x.y/z", env) == found


def test_a_program_behind_a_web_server_ignores_the_variable_that_a_header_can_set() -> None:
    env = {"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}
    assert proxy_for("http://x.y/z", env) is None


@pytest.mark.parametrize(
    ("name", "value", "entry"),
    [
        ("NO_PROXY", "a,fe80::/200,b", "fe80::/200"),
        ("no_proxy", "10.0.0.0/99", "10.0.0.0/99"),
        ("NO_PROXY", "ok,[::1", "[::1"),
        ("NO_PROXY", "[nothing]", "[nothing]"),
        ("https_proxy", "ftp://p:1", "ftp://p:1"),
        ("HTTPS_PROXY", "http://", "http://"),
        ("https_proxy", "http://p:99999", "http://p:99999"),
        ("https_proxy", "ftp://user:secret@p:1", "ftp://***@p:1"),
    ],
)
def test_a_bad_entry_is_named_with_its_variable(name: str, value: str, entry: str) -> None:
    with pytest.raises(FluxError) as caught:
        proxy_for("https://x.y/z", {"ALL_PROXY": "http://p:1", name: value})
    assert (caught.value.code, caught.value.status) == (Code.ENVIRONMENT_INVALID, 2)
    assert f"`{name}` holds `{entry}`" in caught.value.message
    assert "secret" not in caught.value.message
