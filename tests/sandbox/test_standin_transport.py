"""The sandbox as an httpx transport: bytes, streams, the order of trace events, failures."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fluxcli.sandbox.in_process import SandboxTransport
from tests.sandbox import desk as ways
from tests.sandbox.desk import AGENT, KEYED, Desk, desk

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = {"prompt": "a"}
SENT = "http11.send_request_headers.started"


@contextmanager
def client(*faults: str) -> Iterator[tuple[httpx.Client, Desk]]:
    """An httpx client whose network is the stand-in."""
    with (
        desk(faults=faults) as at,
        httpx.Client(transport=SandboxTransport(at.sandbox_service), headers=KEYED) as made,
    ):
        yield made, at


def post(made: httpx.Client, ran: list[str] | None = None, read: float = 30) -> httpx.Response:
    trace = (lambda name, _: ran.append(name)) if ran is not None else None
    extensions: dict[str, Any] = {"timeout": {"read": read}}
    return made.post(
        ways.GENERATE, json=BODY, extensions=extensions | ({"trace": trace} if trace else {})
    )


def test_a_call_and_its_answer() -> None:
    with client() as (made, at):
        answer = post(made)
        task = answer.json()["data"]["taskId"]
        at.now += 11
        record = made.get(ways.RECORD, params={"taskId": task}).json()["data"]
        link = record["response"]["resultImageUrl"]
        picture = httpx.Client(transport=made._transport, headers=AGENT).get(link)
        assert picture.headers["content-type"] == "image/jpeg"
        assert int(picture.headers["content-length"]) == len(picture.content)
        assert answer.headers["content-encoding"] == "gzip"


def test_ids_with_odd_characters_are_decoded() -> None:
    with client() as (made, _):
        answer = made.get(ways.RECORD, params={"taskId": "a/b c&d"})
        assert answer.json()["code"] == 422


def test_the_agent_of_urllib_is_refused_by_the_edge() -> None:
    with client() as (made, at):
        agent = {"user-agent": "Python-urllib/3.11"}
        plain = httpx.Client(transport=made._transport, headers=agent)
        assert plain.get(f"{ways.RESULTS}/x").text == "error code: 1010"
        assert at.sandbox_service.charges() == []


def test_a_streamed_upload_is_read_to_its_end() -> None:
    """As multipart made by httpx, in parts without an announced length."""
    data = bytes(range(256)) * 2000
    with client() as (made, at):
        fields = {"uploadPath": "a", "fileName": "b.bin"}
        made_up = made.build_request("POST", ways.STREAM, data=fields, files={"file": data})
        portions = (data for data in list(made_up.stream))  # type: ignore[arg-type] # a sync stream
        headers = {"content-type": made_up.headers["content-type"]}
        answer = made.post(ways.STREAM, content=portions, headers=headers).json()
        assert answer["data"]["fileSize"] == len(data)
        assert at.fetch(answer["data"]["downloadUrl"]).body == data


def test_the_trace_is_reported_in_a_connection_s_order() -> None:
    ran: list[str] = []
    with client() as (made, _):
        post(made, ran)
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


def test_plain_http_has_no_tls_in_its_trace() -> None:
    ran: list[str] = []
    with client() as (made, at):
        at.sandbox_service.set_origins(
            ways.API.replace("https", "http"), ways.UPLOADS, ways.RESULTS
        )
        trace = {"trace": lambda name, _: ran.append(name)}
        made.get(ways.CREDIT.replace("https", "http"), extensions=trace)
    assert "connection.start_tls.started" not in ran


@pytest.mark.parametrize("moment", ["connection.connect_tcp.started", SENT])
def test_what_the_trace_raises_stops_the_call_before_it_is_made(moment: str) -> None:
    """A caller that could not record the call in time must be able to stop it."""

    def trace(name: str, _: dict[str, Any]) -> None:
        if name == moment:
            raise RuntimeError("the disk is full")

    with client() as (made, at):
        with pytest.raises(RuntimeError, match="disk"):
            made.post(ways.GENERATE, json=BODY, extensions={"trace": trace})
        assert at.sandbox_service.charges() == []


def test_a_refused_connection_fails_before_anything_is_sent() -> None:
    ran: list[str] = []
    with client("submit:refuse") as (made, at):
        with pytest.raises(httpx.ConnectError):
            post(made, ran)
        assert ran == ["connection.connect_tcp.started", "connection.connect_tcp.failed"]
        assert at.sandbox_service.charges() == []
        assert post(made).json()["code"] == 200


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
    with client(f"submit:{what}") as (made, at):
        with pytest.raises(error):
            post(made, ran)
        assert SENT in ran
        assert ran[-1] == "http11.receive_response_headers.failed"
        assert len(at.sandbox_service.charges()) == tasks


def test_silence_lasts_as_long_as_the_caller_s_patience() -> None:
    with client("submit:timeoutx2") as (made, at):
        for extensions in ({"timeout": {"read": 7.0}}, {"timeout": {"read": None}}):
            with pytest.raises(httpx.ReadTimeout):
                made.post(ways.GENERATE, json=BODY, extensions=extensions)
        assert at.slept == [7.0, 60.0]


def test_a_slow_answer_comes_if_the_caller_waits() -> None:
    with client("submit:slowx2") as (made, at):
        assert post(made).json()["code"] == 200
        assert at.slept == [5.0]
        with pytest.raises(httpx.ReadTimeout):
            post(made, read=4)
        assert at.slept == [5.0, 4]
        assert len(at.sandbox_service.charges()) == 2


def test_a_slow_download_trickles() -> None:
    with client("download:slow") as (made, at):
        link = at.finished()["response"]["resultImageUrl"]
        with httpx.Client(transport=made._transport, headers=AGENT) as bare:
            content = bare.get(link).content
            assert content == bare.get(link).content
        assert len(at.slept) == 8
        assert sum(at.slept) == pytest.approx(5)


def test_a_truncated_download_breaks_off_half_way() -> None:
    with client("download:truncate") as (made, at):
        link = at.finished()["response"]["resultImageUrl"]
        bare = httpx.Client(transport=made._transport, headers=AGENT)
        with bare.stream("GET", link) as answer:
            came: list[bytes] = []
            whole = int(answer.headers["content-length"])
            with pytest.raises(httpx.RemoteProtocolError):
                came.extend(answer.iter_raw())
        assert len(b"".join(came)) == whole // 2
        assert len(bare.get(link).content) == whole


def test_a_leaked_key_is_reported() -> None:
    with client() as (made, _):
        assert made.get(f"{ways.RESULTS}/x").status_code == 404
        assert json.loads(made.get(f"{ways.API}/sandbox/ledger").text)["leaks"] == 1
