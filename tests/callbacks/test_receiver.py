"""The receiver on its port: what is answered, and that no sender can block it."""

from __future__ import annotations

import json
import queue
import socket
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from fluxcli.callbacks.receiver import MOST_CONNECTIONS, receiving
from fluxcli.callbacks.signature import LARGEST_BODY, Verification, sign, verify

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "test-hmac-key"
TIME = 1_700_000_000


class Received:
    """A receiver and the callbacks that it passed on."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.accepted: queue.SimpleQueue[Verification] = queue.SimpleQueue()
        self.refused: queue.SimpleQueue[Verification] = queue.SimpleQueue()

    def send(self, data: bytes, *, close: bool = True) -> bytes:
        """Send raw bytes; return everything that is answered."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(data)
            if close:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(1 << 16):
                answer += piece
            return answer

    def status(self, data: bytes, *, close: bool = True) -> int:
        """Return the HTTP status that raw bytes are answered with; 0 without an answer."""
        answer = self.send(data, close=close)
        return int(answer.split(b" ")[1]) if answer else 0


@contextmanager
def _received(seconds: float = 10.0) -> Iterator[Received]:
    made = Received(0)

    def check(body: bytes, headers: list[tuple[str, str]]) -> Verification:
        return verify(body, headers, key=KEY, now=TIME, max_age=300)

    with receiving(
        port=0,
        path="/kie",
        check=check,
        accept=made.accepted.put,
        refuse=made.refused.put,
        seconds=seconds,
    ) as url:
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/kie")
        made.port = int(url.rpartition(":")[2].partition("/")[0])
        yield made


@pytest.fixture
def received() -> Iterator[Received]:
    with _received() as made:
        yield made


def request(
    body: bytes | None = None,
    *,
    task_id: str = "task12345",
    line: str = "POST /kie HTTP/1.1",
    headers: str | None = None,
    key: str = KEY,
) -> bytes:
    content = json.dumps({"taskId": task_id}).encode() if body is None else body
    signature = sign(task_id, str(TIME), key=key)
    length = f"Content-Length: {len(content)}\r\n" if headers is None else headers
    head = (
        f"{line}\r\nHost: x\r\nX-Webhook-Timestamp: {TIME}\r\n"
        f"X-Webhook-Signature: {signature}\r\n{length}\r\n"
    )
    return head.encode() + content


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def test_a_callback_is_accepted_and_passed_on_once(received: Received) -> None:
    assert received.status(request()) == 200
    assert received.accepted.get(timeout=10).task_id == "task12345"
    assert received.accepted.empty()


def test_the_answer_comes_although_the_sender_keeps_the_connection_open(
    received: Received,
) -> None:
    assert received.status(request(), close=False) == 200


def test_a_query_does_not_belong_to_the_path(received: Received) -> None:
    assert received.status(request(line="POST /kie?a=b HTTP/1.1")) == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request(key="another key"), 401),
        (request(b"no json"), 401),
        (request(b""), 401),
        (request(b"[]"), 401),
        (b"POST /kie HTTP/1.1\r\nHost: x\r\n\r\n", 401),
        (request(line="POST / HTTP/1.1"), 404),
        (request(line="GET / HTTP/1.1"), 404),
        (request(line="POST /kie/ HTTP/1.1"), 404),
        (request(line="GET /kie HTTP/1.1"), 405),
        (request(line="PUT /kie HTTP/1.1"), 405),
        (request(line="OPTIONS /kie HTTP/1.1"), 405),
        (request(line="BREW /kie HTTP/1.1"), 405),
        (request(b"x" * (LARGEST_BODY + 1)), 413),
        (request(headers="Content-Length: 99999999999999999999\r\n"), 413),
        (request(headers=f"Content-Length: {'9' * 5000}\r\n"), 413),
        (request(headers="Content-Length: -1\r\n"), 400),
        (request(headers="Content-Length: many\r\n"), 400),
        (request(b"zz\r\n", headers="Transfer-Encoding: chunked\r\n"), 400),
        (request(b"-1\r\n", headers="Transfer-Encoding: chunked\r\n"), 400),
        (request(b"1\r\nabc", headers="Transfer-Encoding: chunked\r\n"), 400),
        (
            request(chunked(b"x" * LARGEST_BODY, b"x"), headers="Transfer-Encoding: chunked\r\n"),
            413,
        ),
    ],
)
def test_a_request_that_is_not_a_callback_gets_its_status(
    received: Received, data: bytes, status: int
) -> None:
    assert received.status(data) == status
    assert received.accepted.empty()


def test_a_large_body_gets_its_answer_and_no_reset(received: Received) -> None:
    assert received.status(request(b"x" * (3 * LARGEST_BODY))) == 413


def test_the_largest_body_is_accepted(received: Received) -> None:
    body = json.dumps({"taskId": "task12345"}).encode()
    assert received.status(request(body.ljust(LARGEST_BODY))) == 200


def test_a_body_may_come_in_chunks(received: Received) -> None:
    body = chunked(b'{"task', b'Id": "task12345"}')
    headers = "Transfer-Encoding: Chunked\r\n"
    assert received.status(request(body, headers=headers)) == 200
    trailers = b"0;ext=1\r\nA: b\r\n\r\n"
    whole = body.removesuffix(b"0\r\n\r\n") + trailers
    assert received.status(request(whole, headers=headers)) == 200


def test_half_a_request_is_not_answered(received: Received) -> None:
    assert received.status(request()[:-1]) == 0
    assert received.status(request(b"3\r\nab", headers="Transfer-Encoding: chunked\r\n")) == 0


def test_parallel_callbacks_all_arrive(received: Received) -> None:
    sent = [
        threading.Thread(target=received.status, args=(request(task_id=f"task{number}"),))
        for number in range(40)
    ]
    for thread in sent:
        thread.start()
    for thread in sent:
        thread.join()
    names = {received.accepted.get(timeout=10).task_id for _ in sent}
    assert names == {f"task{number}" for number in range(40)}


def test_slow_senders_are_closed_and_block_no_other() -> None:
    """More connections than are kept, each with half a request; a real callback is accepted."""
    with _received(seconds=3.0) as made, ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", made.port), timeout=20))
            for _ in range(MOST_CONNECTIONS + 8)
        ]
        for connection in slow:
            connection.sendall(b"POST /kie HTTP/1.1\r\nA: ")
        assert made.status(request()) == 200
        assert all(map(_ended, slow))


def _ended(connection: socket.socket) -> bool:
    """Return whether the other side closes the connection without an answer."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_leaving_closes_what_is_still_open() -> None:
    with _received() as made:
        connection = socket.create_connection(("127.0.0.1", made.port), timeout=20)
        connection.sendall(b"POST /kie")
    with connection:
        assert _ended(connection)
