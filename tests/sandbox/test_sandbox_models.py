"""The endpoints about models: list, price, schema, success rate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from fluxcli.client.price_pages import prices_of
from fluxcli.client.wire_jobs import tiers_of
from tests.sandbox import sandbox_client as urls
from tests.sandbox.sandbox_client import AGENT, AS_JSON, SandboxClient, faulty

if TYPE_CHECKING:
    from fluxcli.sandbox.http_messages import HttpAnswer

MODELS = f"{urls.API}/api/v1/models"
MODEL = f"{MODELS}/flux1-kontext"


def page(client: SandboxClient, url: str) -> Any:
    client.now += 1
    return client.get(url)


def test_the_list_names_the_model_and_its_price(client: SandboxClient) -> None:
    listed = page(client, MODELS)["data"]
    assert (listed["total"], len(listed["models"])) == (1, 1)
    names = "model slug title provider taskType description pricingDesc"
    assert list(listed["models"][0]) == names.split()


def test_the_client_reads_the_price_text(client: SandboxClient) -> None:
    data = page(client, f"{MODEL}/price")["data"]
    assert data.keys() == {"model", "pricingDesc"}
    assert prices_of(data).credits == {"flux-kontext-pro": 5.0, "flux-kontext-max": 10.0}


def test_the_schema_accepts_a_request_and_names_no_tier(client: SandboxClient) -> None:
    data = page(client, f"{MODEL}/schema")["data"]
    assert data.keys() == {"model", "openapi"}
    assert tiers_of(data) == {}
    post = data["openapi"]["paths"]["/api/v1/jobs/createTask"]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    Draft202012Validator(schema).validate({"model": "flux1-kontext", "input": {"prompt": "a"}})


def test_the_success_rate_is_a_list_of_past_intervals(client: SandboxClient) -> None:
    points = page(client, f"{MODEL}/success-rate")["data"]["points"]
    assert {tuple(point) for point in points} == {
        ("start", "end", "successRate", "errorRate", "isNormal")
    }
    assert all(point["start"] < point["end"] <= client.now * 1000 for point in points)


@pytest.mark.parametrize(
    "path",
    ["/flux-kontext-pro/price", "/black-forest/flux1-kontext/schema", "/flux1-kontext", "/x"],
)
def test_an_unknown_model_or_page_is_code_404_in_http_200(client: SandboxClient, path: str) -> None:
    client.now += 1
    answer = client.call("GET", MODELS + path)
    assert answer.status == 200
    assert client.get(f"{MODELS}{path}")["code"] == 429  # the same second
    assert page(client, MODELS + path)["code"] == 404


def test_one_read_a_second_is_allowed_for_all_of_them_together(client: SandboxClient) -> None:
    other = {**urls.KEYED, "authorization": "Bearer another"}
    assert page(client, f"{MODEL}/price")["code"] == 200
    for url in (MODELS, f"{MODEL}/schema", f"{MODEL}/success-rate"):
        answer = client.call("GET", url, headers=other)
        assert (answer.status, b'"code":429' in answer.body) == (200, True)
    assert page(client, MODELS)["code"] == 200


def test_the_endpoints_need_a_key(client: SandboxClient) -> None:
    answer = client.call("GET", f"{MODEL}/price", headers=AGENT)
    assert b'"code":401' in answer.body


@pytest.mark.parametrize("path", ["/api/v1/veo/generate", "/api/v2/models", "/nothing", "/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_code_404_in_http_200(
    client: SandboxClient, method: str, path: str
) -> None:
    answer = client.call(method, f"{urls.API}{path}", b"{}", AS_JSON)
    assert (answer.status, b'"code":404' in answer.body) == (200, True)


def submitted(
    client: SandboxClient, url: str = urls.GENERATE, body: bytes = b'{"prompt":"a"}'
) -> HttpAnswer:
    return client.call("POST", url, body, AS_JSON)


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        ("submit:404", 200, b'{"code":404,"msg":"Not Found","data":null}'),
        (
            "submit:500=Credits+insufficient",
            200,
            b'{"code":500,"msg":"Credits insufficient","data":null}',
        ),
        ("submit:500=", 200, b'{"code":500,"msg":"","data":null}'),
        ("submit:401=Go+away", 200, b'{"code":401,"msg":"Go away","data":null}'),
        (
            "submit:http503=Come back@1x2",
            503,
            b'{"code":503,"msg":"Come back","data":null}',
        ),
        (
            "submit:http433",
            433,
            b'{"code":433,"msg":"The usage limit of this API key has been reached.","data":null}',
        ),
        (
            "submit:http505",
            505,
            b'{"code":505,"msg":"This feature is currently disabled.","data":null}',
        ),
    ],
)
def test_a_fault_at_submission_has_the_given_code_and_text(
    fault: str, status: int, body: bytes
) -> None:
    with faulty(fault) as client:
        answer = submitted(client)
        assert (answer.status, answer.body) == (status, body)
        assert client.sandbox_service.charges() == []


def test_every_documented_code_can_be_a_fault_at_submission() -> None:
    codes = (400, 401, 402, 404, 408, 422, 429, 433, 455, 500, 501, 505)
    for code in codes:
        with faulty(f"submit:{code}=text", f"submit:http{code}@2") as client:
            assert f'"code":{code},"msg":"text"'.encode() in submitted(client).body
            assert submitted(client).status == code


@pytest.mark.parametrize("spec", ["submit:reset=text", "poll:unknown=text", "agent:gone"])
def test_only_an_error_code_takes_a_text(spec: str) -> None:
    with pytest.raises(ValueError, match=r"takes a text|has no fault"), faulty(spec):
        pass


@pytest.mark.parametrize("api", ["kontext", "jobs"])
def test_a_late_task_is_unknown_for_ninety_seconds(api: str) -> None:
    url, read, body = (
        (urls.GENERATE, urls.RECORD, b'{"prompt":"a"}')
        if api == "kontext"
        else (
            f"{urls.API}/api/v1/jobs/createTask",
            f"{urls.API}/api/v1/jobs/recordInfo",
            b'{"model":"flux1-kontext","input":{"prompt":"a"}}',
        )
    )
    with faulty("submit:late") as client:
        task = json_of(submitted(client, url, body))["data"]["taskId"]
        begun = client.now
        client.now = begun + 89
        missing = client.get(f"{read}?taskId={task}")
        client.now = begun + 90
        found = client.get(f"{read}?taskId={task}")
        assert (missing["code"], found["code"], found["data"]["successFlag"]) == (422, 200, 1)
        assert len(client.sandbox_service.charges()) == 1


def test_an_unknown_task_has_the_message_of_its_api() -> None:
    with faulty("poll:unknownx2") as client:
        first = client.get(f"{urls.RECORD}?taskId=a")
        second = client.get(f"{urls.API}/api/v1/jobs/recordInfo?taskId=a")
    assert first["msg"] == "The record does not exist"
    assert second["msg"] == "recordInfo is null"


def test_a_blocked_agent_is_refused_at_every_host() -> None:
    with faulty("agent:blocked") as client:
        for url in (urls.CREDIT, urls.STREAM, f"{urls.RESULTS}/results/a.jpeg"):
            for _ in range(2):
                answer = client.call("GET", url)
                assert (answer.status, answer.body) == (403, b"error code: 1010")


@pytest.mark.parametrize(
    ("agent", "status"),
    [
        ("Python-urllib/3.11", 403),
        ("python-urllib/3.11", 200),
        ("python-urllib3/2.5.0", 200),
        ("x Python-urllib/3", 200),
        ("python-requests/2.32.3", 200),
        ("python-httpx/0.28.1", 200),
        ("node", 200),
        ("curl/8.5.0", 200),
        ("", 200),
    ],
)
def test_only_the_agent_of_urllib_is_blocked_case_sensitively(
    client: SandboxClient, agent: str, status: int
) -> None:
    headers = {**urls.KEYED, "user-agent": agent}
    assert client.call("GET", urls.CREDIT, headers=headers).status == status


def json_of(answer: HttpAnswer) -> Any:
    return json.loads(answer.body)
