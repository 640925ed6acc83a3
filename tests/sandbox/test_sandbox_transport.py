"""The sandbox as an httpx transport: bytes, streams, the order of trace events, failures."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fluxcli.sandbox.in_process import SandboxTransport
from tests.sandbox import sandbox_client as urls
from tests.sandbox.sandbox_client import AGENT, KEYED, SandboxClient, new_client

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = {"prompt": "a"}
SENT = "http11.send_request_headers.started"


@contextmanager
def network(*faults: str) -> Iterator[tuple[httpx.Client, SandboxClient]]:
    """An httpx client that is connected to a sandbox in the same process."""
    with (
        new_client(faults=faults) as client,
        httpx.Client(transport=SandboxTransport(client.sandbox_service), headers=KEYED) as http,
    ):
        yield http, client


def post(http: httpx.Client, ran: list[str] | None = None, read: float = 30) -> httpx.Response:
    trace = (lambda name, _: ran.append(name)) if ran is not None else None
    extensions: dict[str, Any] = {"timeout": {"read": read}}
    return http.post(
        urls.GENERATE, json=BODY, extensions=extensions | ({"trace": trace} if trace else {})
    )


def test_a_request_is_answered_as_by_the_service() -> None:
    with network() as (http, client):
        answer = post(http)
        task = answer.json()["data"]["taskId"]
        client.now += 11
        record = http.get(urls.RECORD, params={"taskId": task}).json()["data"]
        link = record["response"]["resultImageUrl"]
        picture = httpx.Client(transport=http._transport, headers=AGENT).get(link)
        assert picture.headers["content-type"] == "image/jpeg"
        assert int(picture.headers["content-length"]) == len(picture.content)
        assert answer.headers["content-encoding"] == "gzip"


def test_percent_encoded_ids_are_decoded() -> None:
    with network() as (http, _):
        answer = http.get(urls.RECORD, params={"taskId": "a/b c&d"})
        assert answer.json()["code"] == 422


def test_the_agent_of_urllib_is_refused() -> None:
    with network() as (http, client):
        agent = {"user-agent": "Python-urllib/3.11"}
        plain = httpx.Client(transport=http._transport, headers=agent)
        assert plain.get(f"{urls.RESULTS}/x").text == "error code: 1010"
        assert client.sandbox_service.charges() == []


def test_a_streamed_upload_is_received_completely() -> None:
    """As httpx sends multipart: in parts, without a length in advance."""
    data = bytes(range(256)) * 2000
    with network() as (http, client):
        fields = {"uploadPath": "a", "fileName": "b.bin"}
        multipart = http.build_request("POST", urls.STREAM, data=fields, files={"file": data})
        portions = (data for data in list(multipart.stream))  # type: ignore[arg-type] # a sync stream
        headers = {"content-type": multipart.headers["content-type"]}
        answer = http.post(urls.STREAM, content=portions, headers=headers).json()
        assert answer["data"]["fileSize"] == len(data)
        assert client.fetch(answer["data"]["downloadUrl"]).body == data


def test_trace_events_come_in_the_order_of_a_connection() -> None:
    ran: list[str] = []
    with network() as (http, _):
        post(http, ran)
    assert ran == [
        "connection.connect_tcp.started",
        "connection.connect_tcp.complete",
        "connection.start_tls.started",
        "connection.start_tls.complete",
        "http11.send_request_headers.started",
        "http11.send_request_headers.complete",
        "http11.send_request_body.started",
        "http11.send_request_body.complete",
        "http11.receive_response_headers.started",
        "http11.receive_response_headers.complete",
        "http11.receive_response_body.started",
        "http11.receive_response_body.complete",
        "http11.response_closed.started",
        "http11.response_closed.complete",
    ]


def test_plain_http_has_no_tls_trace_events() -> None:
    ran: list[str] = []
    with network() as (http, client):
        client.sandbox_service.set_origins(
            urls.API.replace("https", "http"), urls.UPLOADS, urls.RESULTS
        )
        trace = {"trace": lambda name, _: ran.append(name)}
        http.get(urls.CREDIT.replace("https", "http"), extensions=trace)
    assert "connection.start_tls.started" not in ran


@pytest.mark.parametrize("moment", ["connection.connect_tcp.started", SENT])
def test_an_exception_in_the_trace_stops_the_call(moment: str) -> None:
    """A caller that cannot record the submission must be able to stop it."""

    def trace(name: str, _: dict[str, Any]) -> None:
        if name == moment:
            raise RuntimeError("the disk is full")

    with network() as (http, client):
        with pytest.raises(RuntimeError, match="disk"):
            http.post(urls.GENERATE, json=BODY, extensions={"trace": trace})
        assert client.sandbox_service.charges() == []


def test_a_refused_connection_fails_before_anything_is_sent() -> None:
    ran: list[str] = []
    with network("submit:refuse") as (http, client):
        with pytest.raises(httpx.ConnectError):
            post(http, ran)
        assert ran == ["connection.connect_tcp.started", "connection.connect_tcp.failed"]
        assert client.sandbox_service.charges() == []
        assert post(http).json()["code"] == 200


@pytest.mark.parametrize(
    ("what", "error", "tasks"),
    [
        ("reset", httpx.ReadError, 1),
        ("drop", httpx.RemoteProtocolError, 0),
        ("timeout", httpx.ReadTimeout, 1),
    ],
)
def test_a_broken_answer_fails_after_everything_was_sent(
    what: str, error: type[Exception], tasks: int
) -> None:
    ran: list[str] = []
    with network(f"submit:{what}") as (http, client):
        with pytest.raises(error):
            post(http, ran)
        assert SENT in ran
        assert ran[-1] == "http11.receive_response_headers.failed"
        assert len(client.sandbox_service.charges()) == tasks


def test_a_silent_answer_lasts_until_the_client_s_timeout() -> None:
    with network("submit:timeoutx2") as (http, client):
        for extensions in ({"timeout": {"read": 7.0}}, {"timeout": {"read": None}}):
            with pytest.raises(httpx.ReadTimeout):
                http.post(urls.GENERATE, json=BODY, extensions=extensions)
        assert client.slept == [7.0, 60.0]


def test_a_slow_answer_arrives_if_the_timeout_allows_it() -> None:
    with network("submit:slowx2") as (http, client):
        assert post(http).json()["code"] == 200
        assert client.slept == [5.0]
        with pytest.raises(httpx.ReadTimeout):
            post(http, read=4)
        assert client.slept == [5.0, 4]
        assert len(client.sandbox_service.charges()) == 2


def test_a_slow_download_arrives_in_parts() -> None:
    with network("download:slow") as (http, client):
        link = client.finished()["response"]["resultImageUrl"]
        with httpx.Client(transport=http._transport, headers=AGENT) as bare:
            content = bare.get(link).content
            assert content == bare.get(link).content
        assert len(client.slept) == 8
        assert sum(client.slept) == pytest.approx(5)


def test_a_truncated_download_ends_half_way() -> None:
    with network("download:truncate") as (http, client):
        link = client.finished()["response"]["resultImageUrl"]
        bare = httpx.Client(transport=http._transport, headers=AGENT)
        with bare.stream("GET", link) as answer:
            came: list[bytes] = []
            whole = int(answer.headers["content-length"])
            with pytest.raises(httpx.RemoteProtocolError):
                came.extend(answer.iter_raw())
        assert len(b"".join(came)) == whole // 2
        assert len(bare.get(link).content) == whole


def test_a_leaked_key_is_counted() -> None:
    with network() as (http, _):
        assert http.get(f"{urls.RESULTS}/x").status_code == 404
        assert json.loads(http.get(f"{urls.API}/sandbox/ledger").text)["leaks"] == 1
