"""The answers are those that were recorded on the wire or reported, word for word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox import desk as ways
from tests.sandbox.desk import AS_JSON, KEYED, Desk, desk, multipart

UNAUTHORIZED = (
    '{"code":401,"msg":"Unauthorized \u2013 Authentication failed. Please check that your '
    'Authorization and Content-Type headers are correctly set."}'
)


def test_a_submission_is_answered_with_an_opaque_id(at: Desk) -> None:
    """Recorded: an envelope with nothing but `taskId`."""
    answer = at.call("POST", ways.GENERATE, b'{"prompt":"a"}', AS_JSON)
    task = json.loads(answer.body)["data"]["taskId"]
    assert answer.status == 200
    assert answer.body.decode() == f'{{"code":200,"msg":"success","data":{{"taskId":"{task}"}}}}'
    assert len(task) == 32


def test_a_running_record(at: Desk) -> None:
    """Recorded: an echo of the request as a string, times in milliseconds, nulls."""
    task = at.generate("Turn", uploadCn=False)
    assert at.record(task) == {
        "taskId": task,
        "paramJson": '{"prompt":"Turn","uploadCn":false}',
        "response": None,
        "completeTime": None,
        "createTime": 1795341600000,
        "successFlag": 0,
        "errorCode": None,
        "errorMessage": None,
    }


def test_a_finished_record(at: Desk) -> None:
    """Reported: flag 1, both links under `response`, the times as whole milliseconds."""
    record = at.finished()
    assert record["successFlag"] == 1
    assert (record["errorCode"], record["errorMessage"]) == (None, None)
    assert record["response"].keys() == {"originImageUrl", "resultImageUrl"}
    assert record["response"]["resultImageUrl"].startswith(f"{ways.RESULTS}/results/")
    assert isinstance(record["completeTime"], int)
    assert 6000 <= record["completeTime"] - record["createTime"] <= 10000


@pytest.mark.parametrize(
    ("prompt", "flag", "code", "message"),
    [
        (
            "[moderated]",
            2,
            400,
            "Your prompt was flagged by Website as violating content policies.",
        ),
        ("[fails]", 3, 501, "Generation failed, please try again later."),
    ],
)
def test_a_failed_record(at: Desk, prompt: str, flag: int, code: int, message: str) -> None:
    """Recorded: a failed task still answers code 200, with no response."""
    record = at.finished(f"x {prompt} y")
    assert record["response"] is None
    assert (record["successFlag"], record["errorCode"]) == (flag, code)
    assert record["errorMessage"] == message
    assert isinstance(record["completeTime"], int)


@pytest.mark.parametrize("query", ["?taskId=none", "?taskId=", "", "?taskid=none"])
def test_an_unknown_task(at: Desk, query: str) -> None:
    """Recorded: code 422 in HTTP 200, data null."""
    answer = at.call("GET", ways.RECORD + query)
    assert answer.status == 200
    assert answer.body == b'{"code":422,"msg":"The record does not exist","data":null}'


def test_the_balance_is_a_bare_float() -> None:
    """Recorded: `5916.25`."""
    with desk(credits=5916.25) as at:
        body = at.call("GET", ways.CREDIT).body
    assert body == b'{"code":200,"msg":"success","data":5916.25}'
    with desk() as at:
        assert at.call("GET", ways.CREDIT).body.endswith(b'"data":1000.0}')


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer refused"},
        {"authorization": "Bearer "},
        {"authorization": "Basic abc"},
        {"authorization": "0123456789abcdef"},
    ],
)
def test_a_bad_key(at: Desk, headers: dict[str, str]) -> None:
    """Recorded: code 401 in HTTP 200, without `data`."""
    sent = {**ways.AGENT, "content-type": "application/json", **headers}
    answer = at.call("POST", ways.GENERATE, b'{"prompt":"a"}', sent)
    assert (answer.status, answer.body.decode()) == (200, UNAUTHORIZED)
    assert at.call("GET", ways.CREDIT, headers=sent).body.decode() == UNAUTHORIZED


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_wrong_content_type_reads_as_a_bad_key(at: Desk, kind: str | None) -> None:
    """Documented: the same 401 for both."""
    sent = KEYED | ({"content-type": kind} if kind else {})
    assert at.call("POST", ways.GENERATE, b'{"prompt":"a"}', sent).body.decode() == UNAUTHORIZED
    assert at.sandbox_service.charges() == []


def test_a_content_type_with_a_charset_is_fine(at: Desk) -> None:
    sent = {**KEYED, "content-type": "Application/JSON; charset=utf-8"}
    assert b'"code":200' in at.call("POST", ways.GENERATE, b'{"prompt":"a"}', sent).body


@pytest.mark.parametrize(
    "url", ["https://example.com/a.png", "nonsense", "", f"{ways.RESULTS}/results/none.png", None]
)
def test_a_foreign_link_cannot_be_reissued(at: Desk, url: str | None) -> None:
    """Recorded: 422 `url is wrong`."""
    answer = at.post(ways.DOWNLOAD_URL, {"url": url})
    assert answer == {"code": 422, "msg": "url is wrong", "data": None}


@pytest.mark.parametrize("body", [b'{"prompt":""}', b"{}", b'{"prompt":null}', b'{"prompt":7}'])
def test_a_missing_prompt(at: Desk, body: bytes) -> None:
    """Recorded: code 500, of all codes, and no name of the field."""
    answer = at.call("POST", ways.GENERATE, body, AS_JSON)
    assert answer.body == b'{"code":500,"msg":"This field is required","data":null}'


def test_an_empty_balance() -> None:
    """Reported: the 402 and its words; nothing is charged."""
    with desk(credits=4.9) as at:
        assert at.post(ways.GENERATE, {"prompt": "a"}) == {
            "code": 402,
            "msg": "Credits insufficient : Your current balance isn't enough to run this request. "
            "Please top up to continue.",
            "data": None,
        }
        assert at.sandbox_service.charges() == []


def test_too_many_submissions(at: Desk) -> None:
    """Reported: the words of the 429."""
    for _ in range(20):
        at.generate()
    assert at.post(ways.GENERATE, {"prompt": "a"}) == {
        "code": 429,
        "msg": "Your call frequency is too high. Please try again later.",
        "data": None,
    }


def test_an_upload_with_a_name(at: Desk) -> None:
    """Recorded: success is said twice, and the link names the account and the path."""
    at.now = 1776323952.862
    url = f"{ways.RESULTS}/kieai/10001/images/test-uploads/test-base64.png"
    sent = {
        "base64Data": "data:image/png;base64," + "iVBORw0KGgo" + "A" * 82 + "A==",
        "uploadPath": "images/test-uploads",
        "fileName": "test-base64.png",
    }
    answer = at.post(ways.BASE64, sent)
    size = answer["data"].pop("fileSize")
    assert size == 70
    assert answer == {
        "success": True,
        "code": 200,
        "msg": "File uploaded successfully",
        "data": {
            "success": True,
            "fileName": "test-base64.png",
            "filePath": "kieai/10001/images/test-uploads/test-base64.png",
            "downloadUrl": url,
            "mimeType": "image/png",
            "uploadedAt": "2026-04-16T07:19:12.862Z",
        },
    }


def test_an_upload_without_a_name(at: Desk) -> None:
    """Recorded: the service makes one up, `1777534514383-w5dsj9ctw1.jpg`."""
    at.now = 1777534514.383
    body, headers = multipart(b"\xff\xd8\xff rest", "images/test-uploads", None)
    data: Any = json.loads(at.call("POST", ways.STREAM, body, headers).body)["data"]
    assert data["fileName"].startswith("1777534514383-")
    assert data["fileName"].endswith(".jpg")
    assert data["mimeType"] == "image/jpeg"
    assert data["filePath"] == f"kieai/10001/images/test-uploads/{data['fileName']}"


def test_an_upload_that_misses_its_parameter(at: Desk) -> None:
    """Recorded: HTTP 200, `success` false, no `data`."""
    answer = at.call("POST", ways.FROM_URL, b'{"uploadPath":"images"}', AS_JSON)
    assert answer.status == 200
    assert answer.body == (
        b'{"success":false,"code":400,'
        b'"msg":"Missing required parameter: fileUrl (file download URL)"}'
    )


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (
            "a",
            {
                "code": 200,
                "msg": "BFL image generated successfully.",
                "data": {"taskId": "T", "info": {"originImageUrl": "O", "resultImageUrl": "R"}},
            },
        ),
        (
            "[moderated]",
            {
                "code": 400,
                "msg": "Your prompt was flagged by Website as violating content policies.",
                "data": {"taskId": "T", "info": {"originImageUrl": "", "resultImageUrl": ""}},
            },
        ),
    ],
)
def test_the_body_of_a_callback(at: Desk, prompt: str, expected: dict[str, Any]) -> None:
    """Documented: the links lie under `data.info`."""
    from fluxcli.sandbox.creation import callback  # noqa: PLC0415 - only here

    tasks: list[Any] = []
    at.sandbox_service.on_task = tasks.append
    at.generate(prompt, callBackUrl="http://127.0.0.1:9/x")
    body: Any = callback(tasks[0], result_url=ways.RESULTS)
    assert body["data"]["taskId"] == tasks[0].id
    links = body["data"]["info"]
    body["data"]["taskId"] = "T"
    if expected["code"] == 200:
        assert links["resultImageUrl"] == f"{ways.RESULTS}/results/{tasks[0].id}.jpeg"
        body["data"]["info"] = {"originImageUrl": "O", "resultImageUrl": "R"}
    assert body == expected
