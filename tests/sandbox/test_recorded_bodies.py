"""The recorded bodies of the service: the sandbox answers in their form, the client reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from fluxcli.client import wire
from fluxcli.client.responses import SubmissionAccepted, error_of, of_submission
from fluxcli.client.wire_jobs import JobsWireFormat
from fluxcli.client.wire_kontext import KontextWireFormat
from fluxcli.errors import Code
from fluxcli.sandbox import creation
from tests.sandbox import desk as ways
from tests.sandbox.desk import AGENT, AS_JSON, Desk, desk, multipart

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDED: Final = Path(__file__).parents[1] / "data" / "recorded"
CREATE_TASK: Final = f"{ways.API}/api/v1/jobs/createTask"
RECORD_INFO: Final = f"{ways.API}/api/v1/jobs/recordInfo"
JSON_TEXTS: Final = frozenset({"paramJson", "param", "resultJson", "input"})
"""Strings that hold JSON: their form is compared too, but not the request that they echo."""

LATER: Final = frozenset({"successFlag", "response", "creditsConsumed", "updateTime"})
"""Fields that the jobs API answers since 2026-09, after its bodies were recorded."""


def job(at: Desk) -> str:
    body = {"model": "flux1-kontext", "input": {"prompt": "a cat", "aspect_ratio": "16:9"}}
    return str(at.post(CREATE_TASK, body)["data"]["taskId"])


def job_record(at: Desk, *, after: float) -> Any:
    task = job(at)
    at.now += after
    return at.get(f"{RECORD_INFO}?taskId={task}")


def kontext_record(at: Desk, prompt: str = "a cat", *, after: float = 0.0) -> Any:
    task = at.generate(prompt, uploadCn=False)
    at.now += after
    return at.get(f"{ways.RECORD}?taskId={task}")


def without_origin(at: Desk) -> Any:
    """Return a finished record whose original link is null, as one in four is."""
    for _ in range(64):
        record = kontext_record(at, after=11)
        if record["data"]["response"]["originImageUrl"] is None:
            return record
    raise AssertionError("no record without an original link")


def callback(prompt: str) -> Callable[[Desk], Any]:
    """Return what makes the body of a callback for a task with this prompt."""

    def made(at: Desk) -> Any:
        task = at.sandbox_service._account.task(at.generate(prompt))
        assert task is not None
        return creation.callback(task, result_url=ways.RESULTS)

    return made


def too_often(at: Desk) -> Any:
    for _ in range(20):
        at.generate()
    return at.post(ways.GENERATE, {"prompt": "a"})


ANSWERS: Final[dict[str, Callable[[Desk], Any]]] = {
    "auth-401": lambda at: json.loads(at.call("GET", ways.CREDIT, headers=AGENT).body),
    "createTask-500-field-required": lambda at: at.post(
        CREATE_TASK, {"model": "flux1-kontext", "input": {}}
    ),
    "credit-200": lambda at: at.get(ways.CREDIT),
    "docs-flux-callback-200-success": callback("a cat"),
    "docs-flux-callback-400-flagged": callback("[moderated]"),
    "docs-flux-record-info-1": lambda at: kontext_record(at, after=11),
    "download-url-422": lambda at: at.post(ways.DOWNLOAD_URL, {"url": "https://example.com/a"}),
    "error-402-credits": lambda at: at.post(ways.GENERATE, {"prompt": "a"}),
    "error-429-frequency": too_often,
    "flux-generate-200": lambda at: at.post(ways.GENERATE, {"prompt": "a"}),
    "flux-record-info-1-success-origin-null": without_origin,
    "flux-record-info-not-found-422": lambda at: at.get(f"{ways.RECORD}?taskId=none"),
    "jobs-recordInfo-422-null": lambda at: at.get(f"{RECORD_INFO}?taskId=none"),
    "jobs-recordInfo-generating": lambda at: job_record(at, after=0),
    "jobs-recordInfo-success": lambda at: job_record(at, after=11),
    "record-info-0-generating": kontext_record,
    "record-info-3-failed": lambda at: kontext_record(at, "[fails]", after=11),
    "upload-base64-200": lambda at: at.post(
        ways.BASE64, {"base64Data": "iVBORw0KGgo=", "uploadPath": "images", "fileName": "a.png"}
    ),
    "upload-stream-200": lambda at: json.loads(
        at.call("POST", ways.STREAM, *multipart(b"\xff\xd8\xff", "images", "a.jpg")).body
    ),
    "upload-url-400-missing": lambda at: at.post(ways.FROM_URL, {"uploadPath": "images"}),
}
MESSAGES: Final = frozenset(
    {"auth-401", "createTask-500-field-required", "download-url-422", "error-402-credits"}
    | {"error-429-frequency", "flux-record-info-not-found-422", "jobs-recordInfo-422-null"}
    | {"upload-url-400-missing", "upload-base64-200", "docs-flux-callback-400-flagged"}
)
"""Bodies whose message is the service's own, word for word."""


def body_of(name: str) -> bytes:
    return (RECORDED / f"{name}.json").read_bytes()


def form(value: object, name: str = "") -> object:
    """Return the form of JSON: its keys, and the type of each value."""
    if isinstance(value, str) and name in JSON_TEXTS and value:
        return f"text of {type(json.loads(value)).__name__}"
    if isinstance(value, dict):
        return {key: form(inner, key) for key, inner in value.items()}
    return type(value).__name__


def test_every_recorded_body_is_compared() -> None:
    assert {path.stem for path in RECORDED.glob("*.json")} == set(ANSWERS)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_the_sandbox_answers_in_the_recorded_form(name: str) -> None:
    with desk(credits=0.0 if name == "error-402-credits" else 1000.0) as at:
        answered = ANSWERS[name](at)
    recorded = json.loads(body_of(name))
    expected, found = form(recorded), form(answered)
    assert isinstance(expected, dict)
    assert isinstance(found, dict)
    data = found.get("data")
    if name.startswith("jobs-") and isinstance(data, dict):
        found["data"] = {key: kind for key, kind in data.items() if key not in LATER}
    match name:
        case "docs-flux-record-info-1":
            # The documentation's times are ISO 8601; those recorded are whole milliseconds.
            assert _keys(found) == _keys(expected)
        case "flux-record-info-1-success-origin-null":
            # Fields are left out there.
            assert isinstance(expected["data"], dict)
            assert isinstance(found["data"], dict)
            assert expected["data"].items() <= found["data"].items()
        case "docs-flux-callback-200-success":
            assert _keys(found) == _keys(expected)
        case _:
            assert found == expected
    assert answered["code"] == recorded["code"] or name == "record-info-3-failed"
    if name in MESSAGES:
        assert answered["msg"] == recorded["msg"]


def _keys(value: object) -> object:
    return {key: _keys(inner) for key, inner in value.items()} if isinstance(value, dict) else None


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("record-info-0-generating", "running"),
        ("record-info-3-failed", "failed"),
        ("docs-flux-record-info-1", "succeeded"),
    ],
)
def test_the_client_reads_the_recorded_records(name: str, state: str) -> None:
    record = KontextWireFormat().record(wire.decode(200, body_of(name)))
    assert record is not None
    assert record.state == state
    assert record.created_at is not None
    assert record.echo["prompt"]
    assert (record.completed_at is None) == (state == "running")


@pytest.mark.parametrize(
    ("name", "state"),
    [("jobs-recordInfo-generating", "running"), ("jobs-recordInfo-success", "succeeded")],
)
def test_the_client_reads_the_recorded_jobs(name: str, state: str) -> None:
    record = JobsWireFormat().record(wire.decode(200, body_of(name)))
    assert record is not None
    assert record.state == state
    assert record.created_at == 1776862567.16
    assert record.echo["prompt"].startswith("A cinematic night city poster")
    assert (record.url is not None) == (state == "succeeded")


def test_the_client_reads_the_recorded_submission() -> None:
    result = of_submission(wire.decode(200, body_of("flux-generate-200")))
    assert isinstance(result, SubmissionAccepted)
    assert result.task_id == "e730dcfe4e5d59332daf52c08a960085"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("auth-401", Code.AUTH_REFUSED),
        ("error-402-credits", Code.CREDITS_INSUFFICIENT),
        ("error-429-frequency", Code.RATE_LIMITED),
        ("createTask-500-field-required", Code.REJECTED),
    ],
)
def test_the_client_knows_the_recorded_refusals(name: str, code: Code) -> None:
    assert error_of(wire.decode(200, body_of(name))).code is code


def test_an_authentication_without_content_type_is_the_recorded_refusal() -> None:
    plain = {**AS_JSON, "content-type": "text/plain"}
    with desk() as at:
        answer = at.call("POST", ways.GENERATE, b'{"prompt":"a"}', plain)
    assert answer.body == body_of("auth-401").rstrip(b"\n")
