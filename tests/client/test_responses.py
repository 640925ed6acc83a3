"""What an answer means: whether it was charged, and what the user does next."""

from __future__ import annotations

import json

import pytest

from fluxcli.client.responses import (
    SubmissionAccepted,
    SubmissionRefused,
    SubmissionResult,
    SubmissionUnknown,
    described,
    error_of,
    failure_of,
    of_submission,
)
from fluxcli.client.wire import Record, decode
from fluxcli.errors import Code
from tests.client import bodies

CREDITS_GONE = "Credits insufficient : please top up"
NO_CREDITS = json.loads(bodies.NO_CREDITS)["msg"]


def body(code: int, message: str = "") -> bytes:
    return json.dumps({"code": code, "msg": message, "data": None}).encode()


def result_of(http: int, content: bytes, retry_after: str | None = None) -> SubmissionResult:
    return of_submission(decode(http, content, retry_after))


@pytest.mark.parametrize(
    ("code", "message", "expected", "again"),
    [
        (400, "flagged as violating content policies", Code.MODERATED, False),
        (400, "bad parameter", Code.REJECTED, False),
        (401, "Unauthorized", Code.AUTH_REFUSED, False),
        (402, "Credits insufficient", Code.CREDITS_INSUFFICIENT, False),
        (403, "Forbidden", Code.AUTH_REFUSED, False),
        (404, "Not Found", Code.REJECTED, False),
        (422, "参数错误", Code.REJECTED, False),
        (422, "nsfw", Code.MODERATED, False),
        (429, "Your call frequency is too high", Code.RATE_LIMITED, True),
        (429, CREDITS_GONE, Code.CREDITS_INSUFFICIENT, False),
        (429, "您的积分不足", Code.CREDITS_INSUFFICIENT, False),
        (429, "TOP UP", Code.CREDITS_INSUFFICIENT, False),
        (433, "limit of this key", Code.KEY_CAP_REACHED, False),
        (455, "maintenance", Code.MAINTENANCE, True),
        (500, "This field is required", Code.REJECTED, False),
        (500, "safetyTolerance is not within the range of allowed options", Code.REJECTED, False),
        (500, "prompt is required", Code.REJECTED, False),
        (500, "input.aspect_ratio is required", Code.REJECTED, False),
        (500, " value must be within the  specified range. ", Code.REJECTED, False),
        (500, "Credits insufficient", Code.CREDITS_INSUFFICIENT, False),
        (500, NO_CREDITS, Code.CREDITS_INSUFFICIENT, False),
        (500, "This interface is temporarily paused.", Code.MAINTENANCE, False),
        (408, "This interface is temporarily paused", Code.MAINTENANCE, False),
        (505, "disabled", Code.FEATURE_DISABLED, False),
    ],
)
def test_codes_that_prove_a_refusal(
    code: int,
    message: str,
    expected: Code,
    again: bool,  # noqa: FBT001 - a column
) -> None:
    """Nothing was made and nothing is paid; only what passes by itself is sent again."""
    found = result_of(200, body(code, message))
    assert isinstance(found, SubmissionRefused)
    assert (found.error.code, found.again) == (expected, again)


KEY_PAGE = "https://kie.ai/api-key"


@pytest.mark.parametrize(
    ("code", "text", "words", "hint"),
    [
        (400, "bad", "the service refused the request", None),
        (400, "nsfw", "the content policy refused the request", None),
        (401, "x", "the service refused the API key", f"make a key at {KEY_PAGE}, then "),
        (402, "x", "not enough credits", "fluxcli credits"),
        (403, "x", "the service refused the API key", f"make a key at {KEY_PAGE}, then "),
        (404, "x", "the service refused the request", None),
        (422, "x", "the service refused the request", None),
        (429, "x", "too many calls for this account", None),
        (433, "x", "the key's usage cap is reached", f"raise the key's limit at {KEY_PAGE}"),
        (455, "x", "the service is under maintenance", None),
        (500, "This interface is temporarily paused", "the service has paused this model", None),
        (500, "prompt is required", "the service refused the request", None),
        (505, "x", "the service has switched this off", None),
    ],
)
def test_a_refusal_says_what_happened_and_repeats_the_service(
    code: int, text: str, words: str, hint: str | None
) -> None:
    found = result_of(200, body(code, text))
    assert isinstance(found, SubmissionRefused)
    assert found.error.message == f"{words}: {text} (HTTP 200, code {code})"
    if hint is not None:
        assert (found.error.hint or "").startswith(hint)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (408, "no output for 10 minutes"),
        (501, "generation failed"),
        (500, "String index out of range: -1"),
        (500, "Parameter index out of range (1 > number of parameters, which is 0)."),
        (500, "A retry is required"),
        (500, "the worker must be restarted"),
        (500, "This field is required by the worker"),
        (500, "Error: This field is required"),
        (500, "nonsense is required"),
        (500, "aspectRatio 5:4"),
        (500, "此字段为必填项"),
        (500, "积分不足"),
        (500, "Credits insufficient to finish, task kept"),
        (500, "Your balance changed while the task ran"),
        (500, "safety tolerance out of range"),
        (406, "not acceptable"),
        (409, "conflict"),
        (410, "gone"),
        (451, "legal"),
        (500, "Internal Error, Please try again later."),
        (500, "the model is busy, prompt again"),
        (500, "load balancer error"),
        (500, "received an invalid response from upstream"),
        (500, "accreditation service down"),
        (502, "aspectRatio"),
        (500, ""),
        (502, "bad gateway"),
        (503, "unavailable"),
        (504, "timeout"),
        (599, "?"),
        (-1, "?"),
        (0, "?"),
    ],
)
def test_codes_that_prove_nothing(code: int, message: str) -> None:
    """It may have been accepted, so it is never sent again."""
    assert isinstance(result_of(200, body(code, message)), SubmissionUnknown)


REFUSALS = "400 401 402 403 404 405 422 433 505"
HTTP_REFUSALS = "411 413 414 415 431"


def test_which_codes_prove_by_themselves_that_nothing_was_made() -> None:
    """With all others the outcome of a submission is unknown."""
    found = [
        code
        for code in range(201, 600)
        if isinstance(result_of(200, body(code)), SubmissionRefused)
    ]
    assert found == sorted([*map(int, REFUSALS.split()), 429, 455])


def test_which_statuses_of_the_edge_prove_it() -> None:
    """Without an answer of the service: what the edge alone says, or a proxy."""
    found = [
        http
        for http in range(201, 600)
        if isinstance(result_of(http, b"<html>"), SubmissionRefused)
    ]
    assert found == sorted(
        [*map(int, f"{REFUSALS} {HTTP_REFUSALS}".split()), 429, 455, 521, 522, 523, 525, 526, 530]
    )


@pytest.mark.parametrize("http", [521, 522, 523, 525, 526, 530])
def test_the_edge_that_never_reached_the_service(http: int) -> None:
    found = result_of(http, b"<html>Web server is down</html>")
    assert isinstance(found, SubmissionRefused)
    assert found.again


@pytest.mark.parametrize("http", [500, 502, 503, 504, 520, 524, 408])
def test_http_failures_that_prove_nothing(http: int) -> None:
    assert isinstance(result_of(http, b"<html>oops</html>"), SubmissionUnknown)


@pytest.mark.parametrize(
    ("http", "content", "code"),
    [
        (403, b"error code: 1010", Code.EDGE_BLOCKED),
        (403, b"<html>Sorry, you have been blocked</html>", Code.EDGE_BLOCKED),
        (403, body(403, "forbidden"), Code.AUTH_REFUSED),
        (401, b"", Code.AUTH_REFUSED),
        (429, b"error code: 1015", Code.RATE_LIMITED),
        (429, b"", Code.RATE_LIMITED),
        (400, b"<html>Bad Request</html>", Code.REJECTED),
        (413, b"", Code.REJECTED),
        (402, body(402, "x"), Code.CREDITS_INSUFFICIENT),
        (455, b"", Code.MAINTENANCE),
    ],
)
def test_http_statuses_that_prove_a_refusal(http: int, content: bytes, code: Code) -> None:
    found = result_of(http, content)
    assert isinstance(found, SubmissionRefused)
    assert found.error.code is code


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>One moment, please...</html>", b'{"code":200,"msg":"succ', b"null", b"\x80\xff"],
)
def test_a_success_without_an_id_proves_nothing(content: bytes) -> None:
    found = result_of(200, content)
    assert isinstance(found, SubmissionUnknown)
    assert "HTTP 200" in found.reason


@pytest.mark.parametrize(
    ("http", "content"),
    [
        (200, bodies.GENERATE),
        (502, bodies.GENERATE),
        (200, bodies.GENERATE[:-2]),
        (422, b'{"code":422,"msg":"no","taskId":"e730dcfe4e5d59332daf52c08a960085"}'),
        (
            200,
            b'{"code":500,"msg":"This field is required","data":{"task":{"task_id":"%s"}}}'
            % bodies.TASK.encode(),
        ),
        (200, b'{"code":501,"data":"{\\"taskId\\":\\"e730dcfe4e5d59332daf52c08a960085\\"}"}'),
        (500, b'<html>{\\"taskId\\": \\"e730dcfe4e5d59332daf52c08a960085\\"'),
        (200, b'{"code":500,"msg":"x","data":{"taskId":"e730dcfe4e5d59332daf52c08a960085"}}'),
    ],
)
def test_an_id_anywhere_in_the_answer_means_accepted(http: int, content: bytes) -> None:
    assert result_of(http, content) == SubmissionAccepted(bodies.TASK)


def test_a_pause_that_the_service_asks_for_is_kept() -> None:
    found = result_of(429, body(429, "slow down"), "7")
    assert isinstance(found, SubmissionRefused)
    assert found.retry_after == 7.0


def test_a_pause_that_the_service_asks_for_in_maintenance_is_kept() -> None:
    found = result_of(455, body(455, "back soon"), "60")
    assert isinstance(found, SubmissionRefused)
    assert (found.again, found.retry_after) == (True, 60.0)


@pytest.mark.parametrize(
    ("code", "err", "message", "hint"),
    [
        (401, "no", "the service refused the API key: no", "fluxcli config set api_key"),
        (402, "no", "not enough credits: no", "fluxcli credits"),
        (403, "no", "the service refused the API key: no", "fluxcli config set api_key"),
        (429, "no", "too many calls for this account: no", None),
        (433, "no", "the key's usage cap is reached: no", "https://kie.ai/"),
        (455, "no", "the service is under maintenance: no", None),
        (505, "no", "the service has switched this off: no", None),
        (422, "no", "the service refused the request: no", None),
        (400, "nsfw", "the content policy refused the request: nsfw", None),
        (500, "no", "the service failed: no", "fluxcli config check"),
    ],
)
def test_what_the_user_reads(code: int, err: str, message: str, hint: str | None) -> None:
    """What happened, in the service's own words too, and what can be done."""
    error = error_of(decode(200, body(code, err)))
    assert error.message == f"{message} (HTTP 200, code {code})"
    assert (hint or "None") in str(error.hint)


@pytest.mark.parametrize(
    ("http", "content", "words"),
    [
        (500, body(500, "no"), "no (HTTP 500)"),
        (200, body(500, "no"), "no (HTTP 200, code 500)"),
        (200, body(500), "HTTP 200, code 500"),
        (500, b"", "HTTP 500, an empty body"),
        (502, b" <p>\n bad  ", "HTTP 502, no JSON: <p> bad"),
        (502, b"\xff" * 3, "HTTP 502, no JSON: " + "\N{REPLACEMENT CHARACTER}" * 3),
        (502, b"x" * 300, "HTTP 502, no JSON: " + "x" * 80),
        (500, body(500, "y" * 400), "y" * 300 + " (HTTP 500)"),
    ],
)
def test_what_arrived_is_described(http: int, content: bytes, words: str) -> None:
    assert described(decode(http, content)) == words


def test_the_recorded_refusals() -> None:
    """The bodies that were seen on the wire."""
    expected = {
        bodies.UNAUTHORIZED: Code.AUTH_REFUSED,
        bodies.NO_CREDITS: Code.CREDITS_INSUFFICIENT,
        bodies.TOO_OFTEN: Code.RATE_LIMITED,
        bodies.FIELD_REQUIRED: Code.REJECTED,
        bodies.NO_RECORD: Code.REJECTED,
        bodies.UPLOAD_REFUSED: Code.REJECTED,
    }
    found = {content: error_of(decode(200, content)).code for content in expected}
    assert found == expected


def test_the_edge_is_not_mistaken_for_a_bad_key() -> None:
    error = error_of(decode(403, b"error code: 1010"))
    assert error.message.startswith("the network edge in front of the service blocked the call: ")
    assert "the key is not at fault" in (error.hint or "")


def test_text_from_outside_is_shown_short_and_in_one_line() -> None:
    error = error_of(decode(500, b"<html>\n" + b"a\r\n" * 5000))
    assert "\n" not in error.message
    assert len(error.message) < 200


def record(code: int | None, message: str = "") -> Record:
    return Record(
        state="failed",
        url=None,
        error_code=code,
        error_message=message,
        created_at=None,
        completed_at=None,
        echo={},
    )


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (400, "", Code.MODERATED),
        (500, "Your prompt was flagged by Website as violating content policies.", Code.MODERATED),
        (500, "internal error, please try again later.", Code.GENERATION_FAILED),
        (501, "", Code.GENERATION_FAILED),
        (None, "", Code.GENERATION_FAILED),
    ],
)
def test_failed_tasks(code: int | None, message: str, expected: Code) -> None:
    error = failure_of(record(code, message))
    assert error.code is expected
    assert error.status == 8
    assert "reported as not billed" in (error.hint or "")


def test_a_failure_without_a_reason_says_so() -> None:
    assert "no reason given (code none)" in failure_of(record(None)).message
    stopped = failure_of(record(400, "flagged")).message
    assert stopped == "the content policy stopped the image: flagged (code 400)"
