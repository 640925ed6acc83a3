"""The rules of the API: what is refused, what is charged, how long data is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fluxcli.sandbox.stock_images import size_of
from tests.sandbox import sandbox_client as urls
from tests.sandbox.sandbox_client import AGENT, AS_JSON, DAY, KEYED, SandboxClient, new_client

SIZES = {"16:9": (1360, 768), "1:1": (1024, 1024), "9:16": (768, 1360), "21:9": (1568, 672)}


@pytest.mark.parametrize(
    ("fields", "code", "names"),
    [
        ({"aspectRatio": "2:1"}, 500, "aspectRatio"),
        ({"aspectRatio": 7}, 500, "aspectRatio"),
        ({"outputFormat": "jpg"}, 500, "outputFormat"),
        ({"model": "flux-kontext-ultra"}, 500, "model"),
        ({"model": ["flux-kontext-pro"]}, 500, "model"),
        ({"safetyTolerance": 7}, 500, "safetyTolerance"),
        ({"safetyTolerance": -1}, 500, "safetyTolerance"),
        ({"safetyTolerance": "2"}, 500, "safetyTolerance"),
        ({"safetyTolerance": True}, 500, "safetyTolerance"),
        ({"safetyTolerance": 3, "inputImage": "https://example.com/a.png"}, 500, "safetyTolerance"),
        ({"enableTranslation": "yes"}, 500, "enableTranslation"),
        ({"uploadCn": 1}, 500, "uploadCn"),
        ({"promptUpsampling": None}, 500, "promptUpsampling"),
        ({"watermark": 5}, 500, "watermark"),
        ({"inputImage": "data:image/png;base64,AAAA"}, 422, "inputImage"),
        ({"inputImage": "http://[bad/a.png"}, 422, "inputImage"),
        ({"inputImage": "https://host:port/a.png"}, 422, "inputImage"),
    ],
)
def test_an_invalid_value_is_refused_with_its_name_and_not_charged(
    client: SandboxClient, fields: dict[str, Any], code: int, names: str
) -> None:
    answer = client.post(urls.GENERATE, {"prompt": "a", **fields})
    assert answer["code"] == code
    assert names in answer["msg"]
    assert client.sandbox_service.charges() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"prompt":"\\ud800"}', b"[" * 99999])
def test_a_body_that_is_not_an_object_is_refused(client: SandboxClient, body: bytes) -> None:
    for url in (urls.GENERATE, urls.DOWNLOAD_URL):
        assert json.loads(client.call("POST", url, body, AS_JSON).body)["code"] == 422


@pytest.mark.parametrize(
    "fields",
    [
        {"safetyTolerance": 6},
        {"safetyTolerance": 0},
        {"safetyTolerance": 2, "inputImage": "https://example.com/a.png"},
        {"inputImage": None, "aspectRatio": None, "safetyTolerance": 6},
        {"inputImage": "", "watermark": "w", "neverHeardOf": {"x": [1]}},
        {"enableTranslation": False, "uploadCn": True, "promptUpsampling": True},
    ],
)
def test_valid_values_are_accepted(client: SandboxClient, fields: dict[str, Any]) -> None:
    assert client.finished(**fields)["successFlag"] == 1


@pytest.mark.parametrize("prompt", ["a [cat] on a [/open] mat", "\U0001f431 猫", "x" * 9999, "\0"])
def test_any_text_is_accepted_as_a_prompt(client: SandboxClient, prompt: str) -> None:
    """Brackets, other scripts, control characters and long texts are echoed unchanged."""
    record = client.finished(prompt)
    assert record["successFlag"] == 1
    assert json.loads(record["paramJson"]) == {"prompt": prompt}
    assert client.sandbox_service.charges()[0].prompt == prompt


@pytest.mark.parametrize("form", ["jpeg", "png"])
@pytest.mark.parametrize("ratio", ["21:9", "16:9", "4:3", "1:1", "3:4", "9:16"])
def test_the_image_has_the_requested_ratio_and_format(
    client: SandboxClient, ratio: str, form: str
) -> None:
    record = client.finished(aspectRatio=ratio, outputFormat=form)
    answer = client.fetch(record["response"]["resultImageUrl"])
    size = size_of(answer.body)
    across, down = map(int, ratio.split(":"))
    assert size is not None
    assert size[0] / size[1] == pytest.approx(across / down, rel=0.01)
    assert answer.header("content-type") == f"image/{form}"
    assert answer.body[:4] == {"jpeg": b"\xff\xd8\xff\xe0", "png": b"\x89PNG"}[form]


def test_the_defaults_are_16_9_jpeg_and_the_pro_model(client: SandboxClient) -> None:
    assert size_of(client.picture()) == SIZES["16:9"]
    assert client.credits() == 995.0


def test_two_images_of_one_prompt_differ(client: SandboxClient) -> None:
    for form in ("jpeg", "png"):
        first, second = (client.picture(prompt="same", outputFormat=form) for _ in range(2))
        assert first != second


def test_an_edit_keeps_the_ratio_of_its_input_unless_one_is_given(client: SandboxClient) -> None:
    """The sandbox can read its own uploads and results."""
    tall = client.finished(aspectRatio="9:16", outputFormat="png")["response"]["resultImageUrl"]
    uploaded = client.upload(client.fetch(tall).body)["data"]["downloadUrl"]
    for image in (tall, uploaded):
        assert size_of(client.picture(inputImage=image)) == SIZES["9:16"]
        assert size_of(client.picture(inputImage=image, aspectRatio="21:9")) == SIZES["21:9"]


def test_an_edit_of_an_input_that_cannot_be_read_is_square(client: SandboxClient) -> None:
    """A link of another host, and an upload that is neither PNG nor JPEG."""
    text = client.upload(b"no picture", name="a.bin")["data"]["downloadUrl"]
    for image in ("https://example.com/a.png", "http://example.com:80/b", text):
        assert size_of(client.picture(inputImage=image)) == SIZES["1:1"]


@pytest.mark.parametrize(
    "image",
    [
        f"{urls.RESULTS}/results/none.png",
        f"{urls.RESULTS}/kieai/10001/images/none.png",
        f"{urls.RESULTS}/",
        f"{urls.API}/a.png",
        f"{urls.UPLOADS}/a.png",
    ],
)
def test_a_missing_input_of_the_sandbox_is_accepted_and_fails_later(
    client: SandboxClient, image: str
) -> None:
    record = client.finished(inputImage=image)
    assert (record["successFlag"], record["errorCode"]) == (3, 501)
    assert client.credits() == 1000.0


def test_an_image_takes_the_set_seconds_plus_or_minus_a_quarter(client: SandboxClient) -> None:
    """The same task always takes the same time, and tasks differ."""
    tasks = [client.generate() for _ in range(20)]
    client.now += 4.9
    flag = client.record(tasks[0])["successFlag"]
    assert flag == 0
    client.now += 9
    spans = set()
    for task in tasks:
        record = client.record(task)
        spans.add(record["completeTime"] - record["createTime"])
    assert all(6000 <= span <= 10000 for span in spans)
    assert len(spans) > 10


def test_the_original_link_is_absent_in_all_reported_ways(client: SandboxClient) -> None:
    """`null`, an empty text, the text `null`; else a link."""
    seen = set()
    for _ in range(80):
        link = client.finished()["response"]["originImageUrl"]
        seen.add("link" if str(link).startswith("http") else link)
        if "link" in seen and seen >= {None, "", "null"}:
            break
    assert seen == {None, "", "null", "link"}


def test_the_original_link_is_valid_for_ten_minutes(client: SandboxClient) -> None:
    record = client.finished()
    link = f"{urls.RESULTS}/origin/{record['taskId']}.jpeg"
    client.now = record["completeTime"] / 1000 + 599
    assert client.fetch(link).status == 200
    client.now += 1
    assert client.fetch(link).status == 404


def test_twenty_submissions_are_accepted_in_any_ten_seconds(client: SandboxClient) -> None:
    """With any key of the account; refused ones do not count."""
    for number in range(20):
        client.now = urls.NOON + number * 0.4
        client.generate()
    client.now = urls.NOON + 9.99
    assert client.post(urls.GENERATE, {"prompt": "a"})["code"] == 429
    other = {**AS_JSON, "authorization": "Bearer another"}
    assert b'"code":429' in client.call("POST", urls.GENERATE, b'{"prompt":"a"}', other).body
    client.now = urls.NOON + 10
    client.generate()
    assert client.post(urls.GENERATE, {"prompt": "a"})["code"] == 429


def test_a_clock_set_back_does_not_block_submissions(client: SandboxClient) -> None:
    for _ in range(20):
        client.generate()
    client.now -= 3600
    client.generate()


def test_reads_are_limited_to_ten_a_second(client: SandboxClient) -> None:
    task = client.generate()
    url = f"{urls.RECORD}?taskId={task}"
    codes = [client.get(url)["code"] for _ in range(12)]
    assert codes == [200] * 10 + [429] * 2
    client.now += 1
    assert client.get(url)["code"] == 200


def test_prices_are_charged_at_once_and_failures_refunded(client: SandboxClient) -> None:
    client.generate("one")
    client.generate("two", model="flux-kontext-max")
    client.generate("[moderated]")
    client.generate("[fails]")
    assert client.credits() == 975.0
    client.now += 11
    assert client.credits() == 985.0
    kept = [
        (charge.prompt, charge.credits, charge.time) for charge in client.sandbox_service.charges()
    ]
    assert kept == [("one", 5.0, urls.NOON), ("two", 10.0, urls.NOON)]


def test_refunded_credits_can_be_spent() -> None:
    with new_client(credits=5) as client:
        client.generate("[fails]")
        assert client.post(urls.GENERATE, {"prompt": "a"})["code"] == 402
        client.now += 11
        client.generate()
        assert client.credits() == 0.0


def test_a_result_is_kept_for_fourteen_days(client: SandboxClient) -> None:
    link = client.finished()["response"]["resultImageUrl"]
    client.now += 14 * DAY - 60
    assert client.fetch(link).status == 200
    assert client.post(urls.DOWNLOAD_URL, {"url": link})["code"] == 200
    client.now += 60
    assert client.fetch(link).status == 404
    assert client.post(urls.DOWNLOAD_URL, {"url": link})["code"] == 422


def test_a_renewed_link_is_valid_for_twenty_minutes(client: SandboxClient) -> None:
    """It is a string, and leads to the same bytes."""
    link = client.finished()["response"]["resultImageUrl"]
    again = client.post(urls.DOWNLOAD_URL, {"url": link})["data"]
    assert again != link
    assert again.startswith(urls.RESULTS)
    assert client.fetch(again).body == client.fetch(link).body
    client.now += 1199
    assert client.fetch(again).status == 200
    client.now += 1
    assert client.fetch(again).status == 404


def test_a_link_with_another_host_cannot_be_renewed(client: SandboxClient) -> None:
    link = client.finished()["response"]["resultImageUrl"].replace("results.", "evil.")
    assert client.post(urls.DOWNLOAD_URL, {"url": link})["code"] == 422


def test_a_record_is_kept_for_two_months(client: SandboxClient) -> None:
    task = client.generate()
    client.now += 60 * DAY
    assert client.record(task)["successFlag"] == 1
    client.now += 2 * DAY
    assert client.get(f"{urls.RECORD}?taskId={task}")["code"] == 422


def test_a_result_does_not_exist_before_the_task_has_finished(client: SandboxClient) -> None:
    task = client.generate()
    assert client.fetch(f"{urls.RESULTS}/results/{task}.jpeg").status == 404
    client.now += 11
    assert client.fetch(f"{urls.RESULTS}/results/{task}.png").status == 404
    assert client.fetch(f"{urls.RESULTS}/results/{task}.jpeg").status == 200


@pytest.mark.parametrize(
    ("method", "url", "code"),
    [
        ("GET", f"{urls.API}/", 404),
        ("POST", f"{urls.API}/api/v1/jobs/cancel", 404),
        ("POST", f"{urls.API}/api/file-stream-upload", 404),
        ("POST", f"{urls.UPLOADS}/api/v1/flux/kontext/generate", 404),
        ("GET", urls.GENERATE, 405),
        ("POST", urls.CREDIT, 405),
    ],
)
def test_an_unknown_path_or_method_is_a_code_in_http_200(
    client: SandboxClient, method: str, url: str, code: int
) -> None:
    """Neither host has the paths of the other."""
    answer = client.call(method, url, headers=AS_JSON)
    assert answer.status == 200
    assert json.loads(answer.body)["code"] == code
    assert json.loads(answer.body)["data"] is None


def test_api_and_uploads_may_share_an_origin() -> None:
    """As when the sandbox is served on a port."""
    with new_client(api_url=urls.API, upload_url=urls.API) as client:
        body, headers = urls.multipart(b"x", "a", "b")
        assert (
            b'"success":true'
            in client.call("POST", urls.STREAM.replace(urls.UPLOADS, urls.API), body, headers).body
        )
        client.generate()


@pytest.mark.parametrize(
    "agent",
    ["Python-urllib/3.11", "Python-urllib/3.14"],
)
def test_the_agent_of_urllib_is_refused_at_every_host(
    client: SandboxClient, agent: str | None
) -> None:
    """HTTP 403 and plain text, with any key."""
    sent = {key: value for key, value in KEYED.items() if key != "user-agent"}
    sent |= {"user-agent": agent} if agent is not None else {}
    for url in (urls.CREDIT, urls.STREAM):
        answer = client.call("GET", url, headers=sent)
        assert (answer.status, answer.body) == (403, b"error code: 1010")
    sent.pop("authorization")
    assert client.call("GET", f"{urls.RESULTS}/results/a.png", headers=sent).status == 403


def test_a_key_sent_to_another_host_is_a_leak(client: SandboxClient) -> None:
    client.call("GET", "https://elsewhere.invalid/", headers=AS_JSON)
    assert client.get(f"{urls.API}/sandbox/ledger")["leaks"] == 1


@pytest.mark.parametrize("header", ["authorization", "cookie"])
def test_a_key_sent_to_the_result_host_is_a_leak(client: SandboxClient, header: str) -> None:
    link = client.finished()["response"]["resultImageUrl"]
    answer = client.call("GET", link, headers={**AGENT, header: "Bearer k"})
    assert answer.status == 200
    assert client.get(f"{urls.API}/sandbox/ledger")["leaks"] == 1


def test_the_result_host_lists_nothing_and_accepts_no_uploads(client: SandboxClient) -> None:
    link = client.finished()["response"]["resultImageUrl"]
    assert client.call("HEAD", link, headers=AGENT).status == 200
    assert client.call("PUT", link, b"x", AGENT).status == 405
    for path in ("", "/", "/nothing", "/results", "/results/", "/links/none/a.png", "/kieai/.."):
        assert client.fetch(urls.RESULTS + path).status == 404


def test_the_ledger_lists_charges_tasks_and_refusals(client: SandboxClient) -> None:
    """It is read without key and agent."""
    task = client.generate("a cat")
    client.generate("[fails]")
    for _ in range(19):
        client.post(urls.GENERATE, {"prompt": ""})
    client.now += 11
    answer = client.call("GET", f"{urls.API}/sandbox/ledger", headers={})
    assert json.loads(answer.body) == {
        "charges": [{"id": task, "prompt": "a cat", "credits": 5.0, "time": urls.NOON}],
        "tasks": 2,
        "credits": 995.0,
        "refused": 1,
        "leaks": 0,
    }


def test_json_is_compressed_where_the_client_accepts_it(client: SandboxClient) -> None:
    import gzip  # noqa: PLC0415 - only here

    sent = {**KEYED, "accept-encoding": "gzip, br"}
    answer = client.call("GET", urls.CREDIT, headers=sent)
    assert answer.header("content-encoding") == "gzip"
    assert json.loads(gzip.decompress(answer.body))["data"] == 1000.0
    assert client.call("GET", urls.CREDIT).header("content-encoding") is None


@pytest.mark.parametrize(
    "agent",
    [
        *("python-httpx/0.28.1", "python-requests/2.32", "python-urllib3/2.2", "node", "curl/8"),
        *("", " ", None),
    ],
)
def test_the_agents_of_real_clients_are_accepted(client: SandboxClient, agent: str | None) -> None:
    sent = {key: value for key, value in KEYED.items() if key != "user-agent"}
    sent |= {"user-agent": agent} if agent is not None else {}
    assert client.call("GET", urls.CREDIT, headers=sent).status == 200


def test_every_answer_identifies_the_sandbox(client: SandboxClient) -> None:
    """API, upload host, result host, and the edge: with CORS, and JSON with its charset."""
    blocked = client.call("GET", urls.CREDIT, headers={"user-agent": "Python-urllib/3.11"})
    good = client.call("GET", urls.CREDIT)
    for answer in (
        good,
        blocked,
        client.fetch(f"{urls.RESULTS}/x"),
        client.call("POST", urls.STREAM),
    ):
        assert answer.header("x-fluxcli-sandbox") == "1"
        assert answer.header("access-control-allow-origin") == "*"
    assert good.header("content-type") == "application/json;charset=UTF-8"
    preflight = client.call("OPTIONS", urls.GENERATE, headers={})
    assert preflight.status == 204
    assert "Authorization" in str(preflight.header("access-control-allow-headers"))


def created(client: SandboxClient, **more: object) -> Any:
    body = {"model": "flux1-kontext", "input": {"prompt": "a cat", **more}}
    return client.post(f"{urls.API}/api/v1/jobs/createTask", body)


def test_a_task_of_the_jobs_api_is_known_to_that_api_only(client: SandboxClient) -> None:
    """Created, read while it runs and when it has finished, and unknown to the other API."""
    task = created(client, aspect_ratio="1:1")["data"]["taskId"]
    url = f"{urls.API}/api/v1/jobs/recordInfo?taskId={task}"
    running = client.get(url)["data"]
    client.now += 11
    done = client.get(url)["data"]
    assert (running["state"], running["resultJson"]) == ("generating", "")
    assert running["creditsConsumed"] is None
    assert (done["state"], done["successFlag"], done["creditsConsumed"]) == ("success", 1, 5.0)
    assert json.loads(json.loads(done["param"])["input"])["aspect_ratio"] == "1:1"
    (link,) = json.loads(done["resultJson"])["resultUrls"]
    assert size_of(client.fetch(link).body) == SIZES["1:1"]
    assert client.get(f"{urls.RECORD}?taskId={task}")["code"] == 422
    other = client.generate()
    unknown = client.get(f"{urls.API}/api/v1/jobs/recordInfo?taskId={other}")
    assert unknown == {"code": 422, "msg": "recordInfo is null", "data": None}


def test_a_failed_task_of_the_jobs_api_is_refunded(client: SandboxClient) -> None:
    task = created(client, prompt="[fails]")["data"]["taskId"]
    client.now += 11
    done = client.get(f"{urls.API}/api/v1/jobs/recordInfo?taskId={task}")["data"]
    assert (done["state"], done["successFlag"], done["failCode"]) == ("fail", 3, "501")
    assert done["creditsConsumed"] == 0.0
    assert client.credits() == 1000.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("aspect_ratio", "2:1"),
        ("output_format", "jpg"),
        ("safety_tolerance", 7),
        ("enable_translation", "yes"),
        ("upload_cn", 1),
        ("prompt_upsampling", None),
        ("watermark", 5),
        ("input_image", "data:image/png;base64,AAAA"),
    ],
)
def test_the_jobs_api_names_a_refused_field_as_it_was_sent(
    client: SandboxClient, name: str, value: object
) -> None:
    body = {"model": "flux1-kontext", "input": {"prompt": "a", name: value}}
    answer = client.post(f"{urls.API}/api/v1/jobs/createTask", body)
    assert answer["code"] in {422, 500}
    assert answer["msg"].startswith(f"{name} ")
    assert client.sandbox_service.charges() == []


def test_the_jobs_api_refuses_another_model(client: SandboxClient) -> None:
    answer = client.post(
        f"{urls.API}/api/v1/jobs/createTask", {"model": "flux-kontext-pro", "input": {}}
    )
    assert answer["code"] == 422
    assert "not supported" in answer["msg"]


def test_a_fault_can_switch_one_api_off() -> None:
    with new_client(faults=["kontext:gone"]) as client:
        assert client.post(urls.GENERATE, {"prompt": "a"})["code"] == 404
        assert created(client)["code"] == 200
    with new_client(faults=["jobs:gone"]) as client:
        assert created(client)["code"] == 404
        client.generate()


@pytest.mark.parametrize("code", [400, 408, 422, 501, 505])
def test_documented_codes_can_be_faults_at_submission(code: int) -> None:
    with new_client(faults=[f"submit:{code}", "submit:http503@2"]) as client:
        assert client.post(urls.GENERATE, {"prompt": "a"})["code"] == code
        answer = client.call("POST", urls.GENERATE, b'{"prompt":"a"}', AS_JSON)
        assert (answer.status, json.loads(answer.body)["code"]) == (503, 503)
        assert client.sandbox_service.charges() == []
