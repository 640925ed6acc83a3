"""The answers are those that were recorded on the wire or reported, word for word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox import sandbox_client as urls
from tests.sandbox.sandbox_client import AS_JSON, KEYED, SandboxClient, multipart, new_client

UNAUTHORIZED = (
    '{"code":401,"msg":"Unauthorized \u2013 Authentication failed. Please check that your '
    'Authorization and Content-Type headers are correctly set."}'
)


def test_a_submission_is_answered_with_an_opaque_id(client: SandboxClient) -> None:
    """Recorded: an envelope with nothing but `taskId`."""
    answer = client.call("POST", urls.GENERATE, b'{"prompt":"a"}', AS_JSON)
    task = json.loads(answer.body)["data"]["taskId"]
    assert answer.status == 200
    assert answer.body.decode() == f'{{"code":200,"msg":"success","data":{{"taskId":"{task}"}}}}'
    assert len(task) == 32


def test_a_running_task_has_the_recorded_form(client: SandboxClient) -> None:
    """Recorded: an echo of the request as a string, times in milliseconds, nulls."""
    task = client.generate("Turn", uploadCn=False)
    assert client.record(task) == {
        "taskId": task,
        "paramJson": '{"prompt":"Turn","uploadCn":false}',
        "response": None,
        "completeTime": None,
        "createTime": 1795341600000,
        "successFlag": 0,
        "errorCode": None,
        "errorMessage": None,
    }


def test_a_finished_task_has_the_reported_form(client: SandboxClient) -> None:
    """Reported: flag 1, both links under `response`, the times as whole milliseconds."""
    record = client.finished()
    assert record["successFlag"] == 1
    assert (record["errorCode"], record["errorMessage"]) == (None, None)
    assert record["response"].keys() == {"originImageUrl", "resultImageUrl"}
    assert record["response"]["resultImageUrl"].startswith(f"{urls.RESULTS}/results/")
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
def test_a_failed_task_has_the_recorded_form(
    client: SandboxClient, prompt: str, flag: int, code: int, message: str
) -> None:
    """Recorded: a failed task still answers code 200, with no response."""
    record = client.finished(f"x {prompt} y")
    assert record["response"] is None
    assert (record["successFlag"], record["errorCode"]) == (flag, code)
    assert record["errorMessage"] == message
    assert isinstance(record["completeTime"], int)


@pytest.mark.parametrize("query", ["?taskId=none", "?taskId=", "", "?taskid=none"])
def test_an_unknown_task_is_code_422(client: SandboxClient, query: str) -> None:
    """Recorded: code 422 in HTTP 200, data null."""
    answer = client.call("GET", urls.RECORD + query)
    assert answer.status == 200
    assert answer.body == b'{"code":422,"msg":"The record does not exist","data":null}'


def test_the_balance_is_a_float() -> None:
    """Recorded: `5916.25`."""
    with new_client(credits=5916.25) as client:
        body = client.call("GET", urls.CREDIT).body
    assert body == b'{"code":200,"msg":"success","data":5916.25}'
    with new_client() as client:
        assert client.call("GET", urls.CREDIT).body.endswith(b'"data":1000.0}')


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
def test_a_bad_key_is_code_401(client: SandboxClient, headers: dict[str, str]) -> None:
    """Recorded: code 401 in HTTP 200, without `data`."""
    sent = {**urls.AGENT, "content-type": "application/json", **headers}
    answer = client.call("POST", urls.GENERATE, b'{"prompt":"a"}', sent)
    assert (answer.status, answer.body.decode()) == (200, UNAUTHORIZED)
    assert client.call("GET", urls.CREDIT, headers=sent).body.decode() == UNAUTHORIZED


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_wrong_content_type_is_code_401_too(client: SandboxClient, kind: str | None) -> None:
    """Documented: the same 401 for both."""
    sent = KEYED | ({"content-type": kind} if kind else {})
    assert client.call("POST", urls.GENERATE, b'{"prompt":"a"}', sent).body.decode() == UNAUTHORIZED
    assert client.sandbox_service.charges() == []


def test_a_content_type_with_a_charset_is_accepted(client: SandboxClient) -> None:
    sent = {**KEYED, "content-type": "Application/JSON; charset=utf-8"}
    assert b'"code":200' in client.call("POST", urls.GENERATE, b'{"prompt":"a"}', sent).body


@pytest.mark.parametrize(
    "url", ["https://example.com/a.png", "nonsense", "", f"{urls.RESULTS}/results/none.png", None]
)
def test_a_link_of_another_host_cannot_be_renewed(client: SandboxClient, url: str | None) -> None:
    """Recorded: 422 `url is wrong`."""
    answer = client.post(urls.DOWNLOAD_URL, {"url": url})
    assert answer == {"code": 422, "msg": "url is wrong", "data": None}


@pytest.mark.parametrize("body", [b'{"prompt":""}', b"{}", b'{"prompt":null}', b'{"prompt":7}'])
def test_a_missing_prompt_is_code_500(client: SandboxClient, body: bytes) -> None:
    """Recorded: code 500, and the field is not named."""
    answer = client.call("POST", urls.GENERATE, body, AS_JSON)
    assert answer.body == b'{"code":500,"msg":"This field is required","data":null}'


def test_too_low_a_balance_is_code_402() -> None:
    """Reported: code 402 and its message; nothing is charged."""
    with new_client(credits=4.9) as client:
        assert client.post(urls.GENERATE, {"prompt": "a"}) == {
            "code": 402,
            "msg": "Credits insufficient : Your current balance isn't enough to run this request. "
            "Please top up to continue.",
            "data": None,
        }
        assert client.sandbox_service.charges() == []


def test_too_many_submissions_are_code_429(client: SandboxClient) -> None:
    """Reported: the message of code 429."""
    for _ in range(20):
        client.generate()
    assert client.post(urls.GENERATE, {"prompt": "a"}) == {
        "code": 429,
        "msg": "Your call frequency is too high. Please try again later.",
        "data": None,
    }


def test_an_upload_with_a_name_has_the_recorded_form(client: SandboxClient) -> None:
    """Recorded: `success` is there twice, and the link has the account and the path."""
    client.now = 1776323952.862
    url = f"{urls.RESULTS}/kieai/10001/images/test-uploads/test-base64.png"
    sent = {
        "base64Data": "data:image/png;base64," + "iVBORw0KGgo" + "A" * 82 + "A==",
        "uploadPath": "images/test-uploads",
        "fileName": "test-base64.png",
    }
    answer = client.post(urls.BASE64, sent)
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


def test_an_upload_without_a_name_gets_one(client: SandboxClient) -> None:
    """Recorded: a name such as `1777534514383-w5dsj9ctw1.jpg`."""
    client.now = 1777534514.383
    body, headers = multipart(b"\xff\xd8\xff rest", "images/test-uploads", None)
    data: Any = json.loads(client.call("POST", urls.STREAM, body, headers).body)["data"]
    assert data["fileName"].startswith("1777534514383-")
    assert data["fileName"].endswith(".jpg")
    assert data["mimeType"] == "image/jpeg"
    assert data["filePath"] == f"kieai/10001/images/test-uploads/{data['fileName']}"


def test_an_upload_without_its_parameter_is_code_400(client: SandboxClient) -> None:
    """Recorded: HTTP 200, `success` false, no `data`."""
    answer = client.call("POST", urls.FROM_URL, b'{"uploadPath":"images"}', AS_JSON)
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
def test_a_callback_has_the_documented_form(
    client: SandboxClient, prompt: str, expected: dict[str, Any]
) -> None:
    """Documented: the links are in `data.info`."""
    from fluxcli.sandbox.creation import callback  # noqa: PLC0415 - only here

    tasks: list[Any] = []
    client.sandbox_service.on_task = tasks.append
    client.generate(prompt, callBackUrl="http://127.0.0.1:9/x")
    body: Any = callback(tasks[0], result_url=urls.RESULTS)
    assert body["data"]["taskId"] == tasks[0].id
    links = body["data"]["info"]
    body["data"]["taskId"] = "T"
    if expected["code"] == 200:
        assert links["resultImageUrl"] == f"{urls.RESULTS}/results/{tasks[0].id}.jpeg"
        body["data"]["info"] = {"originImageUrl": "O", "resultImageUrl": "R"}
    assert body == expected
