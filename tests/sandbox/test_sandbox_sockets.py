"""The stand-in on real ports, proved by curl and by bare sockets: also how it breaks."""

from __future__ import annotations

import json
import signal
import socket
import struct
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from fluxcli.sandbox.callbacks import signature
from fluxcli.sandbox.server import Served, serve
from fluxcli.sandbox.service import SandboxService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fluxcli.sandbox.http_messages import HttpAnswer, HttpCall

KEY = ["-H", "Authorization: Bearer k"]
AS_JSON = [*KEY, "-H", "Content-Type: application/json"]
GENERATE = "/api/v1/flux/kontext/generate"
EMPTY_REPLY, PARTIAL, TIMED_OUT, RECEIVE_ERROR = 52, 18, 28, 56


class ManualClock:
    """A clock set by hand; sleeping moves it."""

    def __init__(self) -> None:
        self.now = 1_795_341_600.0

    def wall(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@contextmanager
def served(*faults: str) -> Iterator[tuple[Served, ManualClock]]:
    """A sandbox served on free ports."""
    clock = ManualClock()
    sandbox_service = SandboxService(
        store=None, wall=clock.wall, sleep=clock.sleep, seconds=4, faults=faults
    )
    try:
        with serve(sandbox_service) as one:
            yield one, clock
    finally:
        sandbox_service.close()


def curl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run curl without a proxy, for ten seconds at most."""
    fixed = ["curl", "-sS", "--noproxy", "*", "--max-time", "10"]
    return subprocess.run([*fixed, *arguments], capture_output=True, check=False, timeout=30)


def json_from(*arguments: str) -> Any:
    """Return the JSON that curl receives."""
    ran = curl(*arguments)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def generate(one: Served, **fields: object) -> str:
    body = json.dumps({"prompt": "a", **fields})
    return str(json_from(*AS_JSON, "-d", body, one.api_url + GENERATE)["data"]["taskId"])


def result(one: Served, clock: ManualClock, **fields: object) -> str:
    """Return the link of a new result."""
    task = generate(one, **fields)
    clock.now += 6
    url = f"{one.api_url}/api/v1/flux/kontext/record-info?taskId={task}"
    return str(json_from(*KEY, url)["data"]["response"]["resultImageUrl"])


def test_upload_edit_and_download_work_over_http(tmp_path: Path) -> None:
    """API and uploads share a port; results have another one."""
    with served() as (one, clock):
        source = tmp_path / "in.png"
        source.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9000)
        form = ["-F", f"file=@{source}", "-F", "uploadPath=a", "-F", "fileName=b.png"]
        upload = json_from(*KEY, *form, f"{one.upload_url}/api/file-stream-upload")["data"]
        assert upload["fileSize"] == source.stat().st_size
        assert upload["downloadUrl"].startswith(one.result_url + "/kieai/")
        assert curl(upload["downloadUrl"]).stdout == source.read_bytes()
        link = result(one, clock, inputImage=upload["downloadUrl"], outputFormat="png")
        assert one.api_url == one.upload_url
        assert link.startswith(one.result_url + "/results/")
        assert one.result_url != one.api_url
        assert curl(link).stdout.endswith(b"IEND\xaeB`\x82")


def test_json_is_chunked_and_compressed_and_images_have_a_length() -> None:
    with served() as (one, clock):
        link = result(one, clock)
        head = curl("-i", "--compressed", *KEY, f"{one.api_url}/api/v1/chat/credit").stdout.lower()
        assert b"transfer-encoding: chunked" in head
        assert b"content-encoding: gzip" in head
        assert head.endswith(b'"data":995.0}')
        old = curl("-0", "-i", *KEY, f"{one.api_url}/api/v1/chat/credit").stdout.lower()
        assert b"content-length: 41" in old
        assert b"chunked" not in old
        peek = curl("-I", link)
        assert (peek.returncode, b"image/jpeg" in peek.stdout) == (0, True)


def test_a_chunked_request_is_accepted() -> None:
    with served() as (one, _):
        chunked = ["-H", "Transfer-Encoding: chunked", "--data-binary", '{"prompt":"a"}']
        assert json_from(*AS_JSON, *chunked, one.api_url + GENERATE)["code"] == 200


def test_one_connection_serves_many_calls() -> None:
    with served() as (one, _):
        url = f"{one.api_url}/api/v1/chat/credit"
        ran = curl("-w", " %{num_connects}\n", *KEY, url, *KEY, url)
        assert [connection.split()[-1] for connection in ran.stdout.decode().splitlines()] == [
            b"1".decode(),
            "0",
        ]


def test_a_key_sent_to_the_result_port_is_a_leak() -> None:
    with served() as (one, clock):
        link = result(one, clock)
        assert b"200" in curl("-i", *KEY, link).stdout.splitlines()[0]
        ledger = json_from(f"{one.api_url}/sandbox/ledger")
        assert ledger["leaks"] == 1
        assert ledger["tasks"] == len(ledger["charges"]) == 1


def test_an_unknown_path_or_method_is_refused() -> None:
    with served() as (one, _):
        assert json_from(f"{one.api_url}/nowhere")["code"] == 404
        assert json_from("-X", "DELETE", *KEY, one.api_url + GENERATE)["code"] == 405
        assert json_from("-X", "PUT", one.api_url + "/x")["code"] == 404


@pytest.mark.parametrize(("what", "tasks"), [("refuse", 0), ("drop", 0), ("reset", 1)])
def test_a_broken_connection_is_reset(what: str, tasks: int) -> None:
    with served(f"submit:{what}") as (one, _):
        ran = curl(*AS_JSON, "-d", '{"prompt":"a"}', one.api_url + GENERATE)
        assert ran.returncode in {EMPTY_REPLY, RECEIVE_ERROR}
        assert b"reset" in ran.stderr.lower()
        assert len(one.sandbox_service.charges()) == tasks


def test_a_silent_submission_is_charged_after_the_client_has_given_up() -> None:
    with served("submit:timeout") as (one, _):
        limit = ["--max-time", "0.3"]
        ran = curl(*AS_JSON, *limit, "-d", '{"prompt":"a"}', one.api_url + GENERATE)
        assert ran.returncode == TIMED_OUT
        deadline = time.monotonic() + 10
        while not one.sandbox_service.charges() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(one.sandbox_service.charges()) == 1


def test_a_truncated_download_ends_early() -> None:
    with served("download:truncate") as (one, clock):
        link = result(one, clock)
        assert curl(link).returncode == PARTIAL
        assert curl(link).returncode == 0


def test_a_slow_answer_is_complete() -> None:
    with served("download:slow", "credits:slow") as (one, clock):
        link, before = result(one, clock), clock.now
        first, second = curl(link).stdout, curl(link).stdout
        assert first == second
        json_from(*KEY, f"{one.api_url}/api/v1/chat/credit")
        assert clock.now == pytest.approx(before + 10)


@contextmanager
def connection(url: str) -> Iterator[socket.socket]:
    """A TCP connection to this URL."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as opened:
        yield opened


def received(opened: socket.socket) -> bytes:
    """Return all bytes until the server closes the connection."""
    whole = b""
    while data := opened.recv(65536):
        whole += data
    return whole


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 99\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nab",
    ],
)
def test_half_a_request_is_ignored(rest: bytes) -> None:
    """Nothing is answered or charged."""
    with served() as (one, _), connection(one.api_url) as opened:
        head = f"POST {GENERATE} HTTP/1.1\r\nHost: x\r\nUser-Agent: a\r\n".encode()
        opened.sendall(head + rest)
        opened.shutdown(socket.SHUT_WR)
        assert received(opened) == b""


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: x\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_request_with_an_invalid_length_is_refused(rest: bytes) -> None:
    with served() as (one, _), connection(one.api_url) as opened:
        opened.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n" + rest)
        assert received(opened).startswith(b"HTTP/1.1 400")


def test_chunk_extensions_and_trailers_are_ignored() -> None:
    with served() as (one, _), connection(one.api_url) as opened:
        opened.sendall(
            f"POST {GENERATE} HTTP/1.1\r\nHost: x\r\nUser-Agent: a\r\nConnection: close\r\n"
            "Authorization: Bearer k\r\nContent-Type: application/json\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
            '5;a=b\r\n{"pro\r\n9\r\nmpt":"a"}\r\n0\r\nTrailer: x\r\n\r\n'.encode()
        )
        assert b'"code":200' in received(opened)


def test_closing_the_server_ends_its_connections_and_threads() -> None:
    """Also idle ones, and those that wait for an answer."""
    before = threading.active_count()
    begun = time.monotonic()
    with served("credits:timeout") as (one, _):
        idle, silent = (
            socket.create_connection(("127.0.0.1", int(one.api_url.rpartition(":")[2])), timeout=10)
            for _ in range(2)
        )
        silent.sendall(
            b"GET /api/v1/chat/credit HTTP/1.1\r\nHost: x\r\nUser-Agent: a\r\n"
            b"Authorization: Bearer k\r\n\r\n"
        )
        time.sleep(0.05)
    assert time.monotonic() - begun < 5
    assert threading.active_count() == before
    idle.close()
    silent.close()


def test_a_client_that_disconnects_causes_no_output(capfd: pytest.CaptureFixture[str]) -> None:
    with served() as (one, _):
        for _ in range(3):
            with connection(one.api_url) as opened:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                opened.sendall(b"GET /api/v1/chat/credit HT")
        json_from(*KEY, f"{one.api_url}/api/v1/chat/credit")
    assert capfd.readouterr() == ("", "")


def test_an_exception_in_the_sandbox_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """Otherwise it would look like a broken connection."""

    class Broken(SandboxService):
        def handle(self, call: HttpCall) -> HttpAnswer:
            raise ZeroDivisionError(call.path)

    broken = Broken(store=None, wall=time.time, sleep=time.sleep)
    with serve(broken) as one:
        assert curl(f"{one.api_url}/x").returncode == EMPTY_REPLY
    broken.close()
    assert "ZeroDivisionError: /x" in capfd.readouterr().err


def test_a_port_that_is_taken_is_an_error() -> None:
    with served() as (one, _):
        port = int(one.api_url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), serve(one.sandbox_service, port=port):
            pass


def test_a_sandbox_can_be_made_once_the_ports_are_known() -> None:
    clock = ManualClock()
    made: list[SandboxService] = []

    def make(api: str, uploads: str, results: str) -> SandboxService:
        made.append(
            SandboxService(
                store=None,
                wall=clock.wall,
                sleep=clock.sleep,
                api_url=api,
                upload_url=uploads,
                result_url=results,
            )
        )
        return made[0]

    with serve(make) as one:
        assert result(one, clock).startswith(one.result_url)
        assert one.sandbox_service is made[0]
    made[0].close()


def test_an_exception_of_a_signal_handler_ends_the_wait() -> None:

    def arrived(*_: object) -> None:
        raise InterruptedError

    def wait(one: Served) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        one.wait()

    earlier = signal.signal(signal.SIGALRM, arrived)
    try:
        with served() as (one, _), pytest.raises(InterruptedError):
            wait(one)
    finally:
        signal.signal(signal.SIGALRM, earlier)


# Callbacks.


class CallbackServer(HTTPServer):
    """Records callbacks, and refuses the first `refused`; `complete` is set after `expected`."""

    def __init__(self, refused: int, expected: int) -> None:
        super().__init__(("127.0.0.1", 0), CallbackHandler)
        self.refused = refused
        self.expected = expected
        self.received: list[tuple[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.complete = threading.Event()


class CallbackHandler(BaseHTTPRequestHandler):
    server: CallbackServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append((self.path, json.loads(body)))
        self.server.headers.append(dict(self.headers))
        self.send_response(500 if len(self.server.received) <= self.server.refused else 200)
        self.end_headers()
        if len(self.server.received) == self.server.expected:
            self.server.complete.set()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@contextmanager
def callback_server(refused: int = 0, expected: int = 1) -> Iterator[tuple[CallbackServer, str]]:
    with CallbackServer(refused, expected) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listener, f"http://127.0.0.1:{listener.server_port}"
        finally:
            listener.shutdown()
            thread.join()


def test_a_callback_is_delivered() -> None:
    with served() as (one, clock), callback_server() as (listener, url):
        task = generate(one, callBackUrl=f"{url}/here?a=b")
        assert not listener.complete.wait(0.2)
        clock.now += 6
        assert listener.complete.wait(10)
        ((path, body),) = listener.received
        assert path == "/here?a=b"
        assert (body["code"], body["data"]["taskId"]) == (200, task)
        link = body["data"]["info"]["resultImageUrl"]
        assert curl(link).stdout.startswith(b"\xff\xd8")


@pytest.mark.parametrize(("refused", "times"), [(2, 3), (9, 4)])
def test_a_refused_callback_is_sent_four_times_at_most(refused: int, times: int) -> None:
    with served() as (one, clock), callback_server(refused, times) as (listener, url):
        generate(one, callBackUrl=url)
        clock.now += 6
        assert listener.complete.wait(10)
        time.sleep(0.2)
        assert len(listener.received) == times


def test_a_callback_that_cannot_be_delivered_is_dropped() -> None:
    """A closed port, another host, another scheme: the sandbox goes on."""
    with served() as (one, clock):
        urls = ["http://example.invalid/x", "https://127.0.0.1/x", "nonsense", "http://127.0.0.1:1"]
        for url in urls:
            generate(one, callBackUrl=url)
        clock.now += 6
        time.sleep(0.3)
        assert len(one.sandbox_service.charges()) == len(urls)


def test_the_signature_is_the_documented_one() -> None:
    assert signature("test-hmac-key", "task12345", 1_700_000_000.9) == {
        "x-webhook-timestamp": "1700000000",
        "x-webhook-signature": "iAK10TB94/cmCArw3NRzmTCDpiQFjZRtMLlQ+XL+4Ak=",
    }


def test_callbacks_of_both_apis_are_signed_if_a_key_is_set() -> None:
    with served() as (one, clock), callback_server(expected=2) as (listener, url):
        one.sandbox_service.webhook_key = "secret"
        generate(one, callBackUrl=url)
        body = {"model": "flux1-kontext", "callBackUrl": url, "input": {"prompt": "a"}}
        json_from(*AS_JSON, "-d", json.dumps(body), f"{one.api_url}/api/v1/jobs/createTask")
        clock.now += 6
        assert listener.complete.wait(10)
        for (_, sent), headers in zip(listener.received, listener.headers, strict=True):
            task = sent["data"]["taskId"]
            assert headers.items() >= signature("secret", task, clock.now).items()
        assert {"info", "resultJson"} <= {
            key for _, sent in listener.received for key in sent["data"]
        }
