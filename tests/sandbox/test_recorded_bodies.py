"""The recorded answers of the service: the sandbox answers in their form, the client reads them."""

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
from tests.sandbox import sandbox_client as urls
from tests.sandbox.sandbox_client import AGENT, AS_JSON, SandboxClient, multipart, new_client

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDED: Final = Path(__file__).parents[1] / "data" / "recorded"
CREATE_TASK: Final = f"{urls.API}/api/v1/jobs/createTask"
RECORD_INFO: Final = f"{urls.API}/api/v1/jobs/recordInfo"
JSON_TEXTS: Final = frozenset({"paramJson", "param", "resultJson", "input"})
"""Strings that hold JSON: their form is compared too, but not the request that they echo."""

LATER: Final = frozenset({"successFlag", "response", "creditsConsumed", "updateTime"})
"""Fields that the jobs API answers since 2026-09, after its bodies were recorded."""


def job(client: SandboxClient) -> str:
    body = {"model": "flux1-kontext", "input": {"prompt": "a cat", "aspect_ratio": "16:9"}}
    return str(client.post(CREATE_TASK, body)["data"]["taskId"])


def job_record(client: SandboxClient, *, after: float) -> Any:
    task = job(client)
    client.now += after
    return client.get(f"{RECORD_INFO}?taskId={task}")


def kontext_record(client: SandboxClient, prompt: str = "a cat", *, after: float = 0.0) -> Any:
    task = client.generate(prompt, uploadCn=False)
    client.now += after
    return client.get(f"{urls.RECORD}?taskId={task}")


def without_origin(client: SandboxClient) -> Any:
    """Return a finished record whose original link is null, as one in four is."""
    for _ in range(64):
        record = kontext_record(client, after=11)
        if record["data"]["response"]["originImageUrl"] is None:
            return record
    raise AssertionError("no record without an original link")


def callback(prompt: str) -> Callable[[SandboxClient], Any]:
    """Return what makes the body of a callback for a task with this prompt."""

    def made(client: SandboxClient) -> Any:
        task = client.sandbox_service._account.task(client.generate(prompt))
        assert task is not None
        return creation.callback(task, result_url=urls.RESULTS)

    return made


def too_often(client: SandboxClient) -> Any:
    for _ in range(20):
        client.generate()
    return client.post(urls.GENERATE, {"prompt": "a"})


ANSWERS: Final[dict[str, Callable[[SandboxClient], Any]]] = {
    "auth-401": lambda client: json.loads(client.call("GET", urls.CREDIT, headers=AGENT).body),
    "createTask-500-field-required": lambda client: client.post(
        CREATE_TASK, {"model": "flux1-kontext", "input": {}}
    ),
    "credit-200": lambda client: client.get(urls.CREDIT),
    "docs-flux-callback-200-success": callback("a cat"),
    "docs-flux-callback-400-flagged": callback("[moderated]"),
    "docs-flux-record-info-1": lambda client: kontext_record(client, after=11),
    "download-url-422": lambda client: client.post(
        urls.DOWNLOAD_URL, {"url": "https://example.com/a"}
    ),
    "error-402-credits": lambda client: client.post(urls.GENERATE, {"prompt": "a"}),
    "error-429-frequency": too_often,
    "flux-generate-200": lambda client: client.post(urls.GENERATE, {"prompt": "a"}),
    "flux-record-info-1-success-origin-null": without_origin,
    "flux-record-info-not-found-422": lambda client: client.get(f"{urls.RECORD}?taskId=none"),
    "jobs-recordInfo-422-null": lambda client: client.get(f"{RECORD_INFO}?taskId=none"),
    "jobs-recordInfo-generating": lambda client: job_record(client, after=0),
    "jobs-recordInfo-success": lambda client: job_record(client, after=11),
    "record-info-0-generating": kontext_record,
    "record-info-3-failed": lambda client: kontext_record(client, "[fails]", after=11),
    "upload-base64-200": lambda client: client.post(
        urls.BASE64, {"base64Data": "iVBORw0KGgo=", "uploadPath": "images", "fileName": "a.png"}
    ),
    "upload-stream-200": lambda client: json.loads(
        client.call("POST", urls.STREAM, *multipart(b"\xff\xd8\xff", "images", "a.jpg")).body
    ),
    "upload-url-400-missing": lambda client: client.post(urls.FROM_URL, {"uploadPath": "images"}),
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


def test_every_recorded_answer_is_compared() -> None:
    assert {path.stem for path in RECORDED.glob("*.json")} == set(ANSWERS)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_the_sandbox_answers_in_the_recorded_form(name: str) -> None:
    with new_client(credits=0.0 if name == "error-402-credits" else 1000.0) as client:
        answered = ANSWERS[name](client)
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
    with new_client() as client:
        answer = client.call("POST", urls.GENERATE, b'{"prompt":"a"}', plain)
    assert answer.body == body_of("auth-401").rstrip(b"\n")
