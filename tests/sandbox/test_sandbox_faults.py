"""Every fault: how it is written, which calls it affects, what it does."""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from fluxcli.sandbox import faults
from fluxcli.sandbox.faults import Fault, parse, parse_all
from tests.sandbox import sandbox_client as urls
from tests.sandbox.sandbox_client import AS_JSON, SandboxClient, faulty, multipart, new_client

if TYPE_CHECKING:
    from pathlib import Path

    from fluxcli.sandbox.http_messages import HttpAnswer

EVERYWHERE = [
    *("refuse", "reset", "drop", "timeout", "slow"),
    *("429", "402", "429-credits", "433", "455", "401", "500", "502", "503", "521"),
    *("html", "1010", "garbage", "truncated"),
]
PLACES = ["submit", "poll", "upload", "download", "credits", "link"]
ONLY = {
    "submit": ["moderated", "failed", "expired"],
    "poll": ["unknown", "moderated", "failed", "expired"],
    "download": ["truncate", "corrupt", "not-image", "expired"],
    "link": ["expired"],
}


def submitted(client: SandboxClient) -> HttpAnswer:
    return client.call("POST", urls.GENERATE, b'{"prompt":"a"}', AS_JSON)


def call_of(client: SandboxClient, place: str) -> HttpAnswer:
    """Make one successful call of this place, with everything that it needs first."""
    if place == "submit":
        return submitted(client)
    if place == "poll":
        return client.call("GET", f"{urls.RECORD}?taskId={client.generate()}")
    if place == "upload":
        return client.call("POST", urls.STREAM, *multipart(b"x", "a", "b"))
    if place == "credits":
        return client.call("GET", urls.CREDIT)
    link = client.finished()["response"]["resultImageUrl"]
    if place == "download":
        return client.fetch(link)
    return client.call("POST", urls.DOWNLOAD_URL, json.dumps({"url": link}).encode(), AS_JSON)


# How a fault is written.


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("submit:reset", Fault("submit:reset", "submit", "reset")),
        ("submit:reset@2", Fault("submit:reset@2", "submit", "reset", first=2)),
        ("poll:500x3", Fault("poll:500x3", "poll", "500", times=3)),
        ("poll:429-credits@2x3", Fault("poll:429-credits@2x3", "poll", "429-credits", 2, 3)),
        ("download:expired", Fault("download:expired", "download", "expired")),
        ("poll:503%20", Fault("poll:503%20", "poll", "503", percent=20)),
    ],
)
def test_a_fault_is_parsed(spec: str, expected: Fault) -> None:
    assert parse(spec) == expected


def test_every_kind_is_accepted_at_its_places() -> None:
    for place in PLACES:
        for word in [*EVERYWHERE, *ONLY.get(place, [])]:
            assert parse(f"{place}:{word}").kind == word


def test_the_table_of_faults_has_every_kind() -> None:
    table = set(re.findall(r"[\w-]+", faults.__doc__ or ""))
    kinds = {kind for place in PLACES for kind in faults.faults_at(place)}
    assert {kind for kind in kinds if not kind.startswith("http")} <= table


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "PLACE:FAULT"),
        ("reset", "PLACE:FAULT"),
        ("submit:", "PLACE:FAULT"),
        ("pay:reset", "`submit`, `poll`, `upload`, `download`, `credits`, `link`"),
        ("submit:explode", "`refuse`, `reset`"),
        ("submit:explode", "`moderated`"),
        ("credits:moderated", "no fault `moderated`"),
        ("submit:reset@", "no fault `reset@`"),
        ("submit:reset@2%5", "no fault `reset@2`"),
        ("submit:reset@0", "from 1"),
        ("submit:resetx0", "from 1"),
        ("submit:reset%0", "from 1 to 100"),
        ("submit:reset%101", "from 1 to 100"),
    ],
)
def test_an_invalid_fault_is_refused_with_what_is_expected(spec: str, says: str) -> None:
    with (
        pytest.raises(ValueError, match=re.escape(f"`{spec}`")) as raised,
        new_client(faults=[spec]),
    ):
        pass
    assert says in str(raised.value)


def test_a_repeated_fault_counts_once() -> None:
    assert len(parse_all(["submit:reset", "submit:reset", "poll:500"])) == 2


# Which calls have it.


def calls_with(spec: str, calls: int = 8) -> list[int]:
    return [number for number in range(1, calls + 1) if parse(spec).applies_to(number)]


def test_a_fault_applies_to_the_calls_that_it_names() -> None:
    assert calls_with("submit:reset") == [1]
    assert calls_with("submit:reset@3") == [3]
    assert calls_with("submit:resetx2") == [1, 2]
    assert calls_with("submit:reset@3x4") == [3, 4, 5, 6]


def test_a_percentage_selects_the_same_calls_each_time() -> None:
    found = calls_with("poll:500%20", 1000)
    assert found == calls_with("poll:500%20", 1000)
    assert 150 < len(found) < 250
    assert found != calls_with("poll:502%20", 1000)
    assert calls_with("poll:500%100") == list(range(1, 9))


def test_a_fault_counts_the_calls_of_its_place_only() -> None:
    with faulty("credits:500@2") as client:
        submitted(client)
        assert client.get(urls.CREDIT)["code"] == 200
        client.call("POST", urls.CREDIT)
        assert client.get(urls.CREDIT)["code"] == 500
        assert client.get(urls.CREDIT)["code"] == 200


def test_several_faults_of_one_place_apply_in_turn() -> None:
    with faulty("submit:500", "submit:455@2", "submit:429") as client:
        codes = [json.loads(submitted(client).body)["code"] for _ in range(3)]
    assert codes == [500, 455, 200]


def test_calls_are_counted_across_processes(tmp_path: Path) -> None:
    store = tmp_path / "book"
    with faulty("credits:500@2", store=store) as client:
        assert client.get(urls.CREDIT)["code"] == 200
    with new_client(store=store) as client:
        assert client.get(urls.CREDIT)["code"] == 200
    with faulty("credits:500@2", store=store) as client:
        assert client.get(urls.CREDIT)["code"] == 500
    with faulty("credits:500@2", store=store) as client:
        assert client.get(urls.CREDIT)["code"] == 200


def test_the_count_of_calls_can_be_reset(tmp_path: Path) -> None:
    for _ in range(2):
        with faulty("credits:500", store=tmp_path / "book") as client:
            client.sandbox_service.reset_fault_counts()
            assert client.get(urls.CREDIT)["code"] == 500


# What it does.


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("what", "broken"),
    [("refuse", "refused"), ("drop", "dropped"), ("reset", "reset"), ("timeout", "silent")],
)
def test_a_connection_breaks_as_the_fault_names(place: str, what: str, broken: str) -> None:
    with faulty(f"{place}:{what}") as client:
        assert call_of(client, place).broken == broken


@pytest.mark.parametrize(
    ("what", "tasks"),
    [
        *[(what, 0) for what in ("refuse", "drop", "429", "402", "429-credits", "433", "455")],
        *[(what, 0) for what in ("401", "500", "503", "521", "1010")],
        *[(what, 1) for what in ("reset", "timeout", "slow", "502", "html", "garbage")],
        *[(what, 1) for what in ("truncated", "moderated", "failed", "expired")],
    ],
)
def test_a_faulty_submission_is_charged_as_documented(what: str, tasks: int) -> None:
    """The ledger knows the charge at the time of the answer."""
    with faulty(f"submit:{what}") as client:
        submitted(client)
        assert len(client.sandbox_service.charges()) == tasks


@pytest.mark.parametrize(
    ("what", "code"),
    [
        *[("429", 429), ("402", 402), ("429-credits", 429), ("433", 433), ("455", 455)],
        *[("401", 401), ("500", 500)],
    ],
)
@pytest.mark.parametrize("place", ["submit", "poll", "credits", "link", "upload"])
def test_an_error_code_is_answered_in_http_200(place: str, what: str, code: int) -> None:
    with faulty(f"{place}:{what}") as client:
        answer = call_of(client, place)
    body: Any = json.loads(answer.body)
    assert (answer.status, body["code"]) == (200, code)
    assert body.get("success") is (False if place == "upload" else None)
    assert ("Credits insufficient" in body["msg"]) == (what in {"402", "429-credits"})


@pytest.mark.parametrize("code", [401, 402, 429, 433, 455, 500, 502, 503, 521])
def test_a_failed_download_has_its_http_status(code: int) -> None:
    with faulty(f"download:{code}") as client:
        assert call_of(client, "download").status == code


@pytest.mark.parametrize("what", ["502", "503", "521"])
def test_gateway_errors_have_their_http_status_and_an_html_page(what: str) -> None:
    with faulty(f"submit:{what}") as client:
        answer = submitted(client)
    assert answer.status == int(what)
    assert answer.body.startswith(b"<!DOCTYPE html>")


def test_unreadable_answers_are_of_the_named_kind() -> None:
    with faulty("submit:html", "submit:garbage@2", "submit:truncated@3", "submit:1010@4") as client:
        page, garbage, cut, blocked = (submitted(client) for _ in range(4))
        whole = submitted(client)
    assert (page.status, page.body[:9]) == (200, b"<!DOCTYPE")
    with pytest.raises(UnicodeDecodeError):
        garbage.body.decode()
    assert cut.body.startswith(b'{"code":200,"msg":"success","data":{"taskId":"')
    assert len(cut.body) < len(whole.body) - 20
    assert (blocked.status, blocked.body) == (403, b"error code: 1010")


def test_a_slow_answer_is_complete_after_its_delay() -> None:
    with faulty("download:slow", "credits:slow") as client:
        download, balance = call_of(client, "download"), call_of(client, "credits")
    assert (download.delay, balance.delay) == (5.0, 5.0)
    assert len(balance.pieces()) == 1
    assert len(download.pieces()) > 4
    assert b"".join(download.pieces()) == download.body


def test_a_new_task_may_be_unknown_for_some_reads() -> None:
    with faulty("poll:unknownx2") as client:
        task = client.generate()
        url = f"{urls.RECORD}?taskId={task}"
        assert [client.get(url)["code"] for _ in range(3)] == [422, 422, 200]


@pytest.mark.parametrize("place", ["submit", "poll"])
@pytest.mark.parametrize(("what", "flag"), [("moderated", 2), ("failed", 3)])
def test_a_failed_task_stays_failed_and_is_refunded(place: str, what: str, flag: int) -> None:
    """Its price is refunded, and the next task succeeds."""
    with faulty(f"{place}:{what}") as client:
        task = client.generate()
        client.now += 11 * (place == "submit")
        assert client.record(task)["successFlag"] == flag
        assert client.record(task)["successFlag"] == flag
        assert client.credits() == 1000.0
        assert client.finished()["successFlag"] == 1


def test_a_finished_task_does_not_fail() -> None:
    with faulty("poll:failed") as client:
        assert client.finished()["successFlag"] == 1


def test_an_expired_result_link_can_be_renewed() -> None:
    with faulty("submit:expired") as client:
        link = client.finished()["response"]["resultImageUrl"]
        assert client.fetch(link).status == 404
        again = client.post(urls.DOWNLOAD_URL, {"url": link})["data"]
        assert client.fetch(again).status == 200


def test_a_download_may_be_missing_once() -> None:
    with faulty("download:expired") as client:
        link = client.finished()["response"]["resultImageUrl"]
        assert [client.fetch(link).status for _ in range(2)] == [404, 200]


def test_a_renewed_link_may_be_expired() -> None:
    with faulty("link:expired") as client:
        link = client.finished()["response"]["resultImageUrl"]
        links = [client.post(urls.DOWNLOAD_URL, {"url": link})["data"] for _ in range(2)]
        assert [client.fetch(one).status for one in links] == [404, 200]


def test_an_expired_record_stays_unknown_and_paid() -> None:
    with faulty("poll:expired") as client:
        task = client.generate()
        for _ in range(2):
            assert client.get(f"{urls.RECORD}?taskId={task}")["code"] == 422
        client.now += 11
        assert client.credits() == 995.0
        assert len(client.sandbox_service.charges()) == 1


def test_a_truncated_download_has_half_the_bytes() -> None:
    with faulty("download:truncate") as client:
        answer = call_of(client, "download")
    assert answer.broken == "truncated"
    assert b"".join(answer.pieces()) == answer.body[: len(answer.body) // 2]


def test_a_corrupt_download_has_the_right_length_and_headers() -> None:
    with faulty("download:corrupt") as client:
        link = client.finished(outputFormat="png")["response"]["resultImageUrl"]
        bad, good = client.fetch(link), client.fetch(link)
    assert len(bad.body) == len(good.body)
    assert bad.headers == good.headers
    assert (bad.body[:100], bad.body[-12:]) == (good.body[:100], good.body[-12:])
    assert zlib.crc32(bad.body) != zlib.crc32(good.body)


def test_a_download_that_is_no_image_is_declared_as_one() -> None:
    with faulty("download:not-image") as client:
        answer = call_of(client, "download")
    assert answer.header("content-type") == "image/jpeg"
    assert answer.body.isascii()


def test_a_leaked_key_is_counted_in_a_faulty_answer_too() -> None:
    with faulty("download:500") as client:
        answer = client.call("GET", f"{urls.RESULTS}/results/x.png", headers=AS_JSON)
        assert answer.status == 500
        assert client.get(f"{urls.API}/sandbox/ledger")["leaks"] == 1
