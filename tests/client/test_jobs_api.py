"""The second wire format, and the switch to it from the first one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fluxcli.client.client import Service
from fluxcli.client.origins import WIRE_SECONDS, OriginCache
from fluxcli.client.price_pages import prices_of
from fluxcli.client.responses import SubmissionAccepted, SubmissionRefused, SubmissionUnknown
from fluxcli.client.wire import Record, decode
from fluxcli.client.wire_jobs import JobsWireFormat
from fluxcli.errors import Code, FluxError
from fluxcli.task_types import Request
from tests.client import bodies
from tests.client.scripted import API, KEY, UPLOADS, Script, transport

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fluxcli.client.responses import SubmissionResult

JOBS = JobsWireFormat()
CREATED = b'{"code":200,"msg":"success","data":{"taskId":"j1","recordId":"j1"}}'
GONE = b'{"code":404,"msg":"Not Found","data":null}'
SCHEMA = {
    "model": "flux1-kontext",
    "openapi": {
        "components": {
            "Input": {
                "properties": {
                    "input": {"properties": {"mode": {"type": "string", "enum": ["pro", "max"]}}}
                }
            }
        }
    },
}


def wanted(model: str = "flux-kontext-pro") -> Request:
    return Request(
        mode="generate",
        prompt="a fox",
        model=model,
        aspect_ratio="16:9",
        output_format="png",
        safety_tolerance=2,
        callback_url="https://h.invalid/cb",
    )


class Served:
    """A service that answers by parts of the path."""

    def __init__(self, answers: Mapping[str, bytes | tuple[int, bytes]], **options: Any) -> None:
        self.answers = answers
        self.paths: list[str] = []
        self.methods: list[str] = []
        self.bodies: list[Any] = []
        self.service = Service(
            transport=transport(Script([self._act])),
            key=lambda: KEY,
            base_url=API,
            upload_url=UPLOADS,
            **options,
        )

    def _act(self, call: httpx.Request) -> httpx.Response:
        path = call.url.raw_path.decode()
        self.paths.append(path)
        self.methods.append(call.method)
        self.bodies.append(json.loads(call.content or b"null"))
        found = next(content for part, content in self.answers.items() if part in path)
        status, content = found if isinstance(found, tuple) else (200, found)
        return httpx.Response(status, stream=httpx.ByteStream(content))

    def submit(self, model: str = "flux-kontext-pro") -> SubmissionResult:
        return self.service.submit(wanted(model), on_sent=lambda: None)


def enveloped(data: object, code: int = 200) -> bytes:
    return json.dumps({"code": code, "msg": "x", "data": data}).encode()


def record(data: object, code: int = 200) -> Record | None:
    return JOBS.record(decode(200, enveloped(data, code)))


def test_a_request_stands_inside_input_and_the_callback_outside() -> None:
    assert JOBS.body(wanted()) == {
        "model": "flux1-kontext",
        "callBackUrl": "https://h.invalid/cb",
        "input": {
            "prompt": "a fox",
            "aspect_ratio": "16:9",
            "output_format": "png",
            "safety_tolerance": 2,
            "prompt_upsampling": False,
            "enable_translation": True,
            "upload_cn": False,
        },
    }


@pytest.mark.parametrize(
    ("data", "state"),
    [
        ({"state": "waiting"}, "running"),
        ({"state": "generating", "resultJson": ""}, "running"),
        ({"state": "dreaming"}, "running"),
        ({"state": "success", "resultJson": ""}, "running"),
        ({"state": "success", "resultJson": '{"resultUrls":["https://h/a.png"]}'}, "succeeded"),
        ({"state": "success", "resultJson": {"resultUrls": ["https://h/a.png"]}}, "succeeded"),
        ({"successFlag": 1, "response": {"resultUrls": ["https://h/a.png"]}}, "succeeded"),
        ({"state": "fail", "failCode": "500", "failMsg": "no"}, "failed"),
        ({"successFlag": 3}, "failed"),
        (None, "running"),
    ],
)
def test_states(data: object, state: str) -> None:
    found = record(data)
    assert found is not None
    assert found.state == state
    assert found.is_certain


def test_a_whole_record() -> None:
    param = {"model": "flux1-kontext", "input": json.dumps({"prompt": "a fox"})}
    found = record(
        {
            "taskId": "j1",
            "state": "success",
            "param": json.dumps(param),
            "resultJson": '{"resultUrls":["https://h/a.png"]}',
            "failCode": None,
            "createTime": 1776862567160,
            "completeTime": 1776862622656,
            "costTime": 55,
            "creditsConsumed": 5.0,
        }
    )
    assert found is not None
    assert (found.url, found.task_id, found.credits) == ("https://h/a.png", "j1", 5.0)
    assert (found.created_at, found.completed_at) == (1776862567.16, 1776862622.656)
    assert found.echo == {"prompt": "a fox"}


@pytest.mark.parametrize("code", [501, 408])
def test_a_failure_in_the_envelope_alone_is_not_certain(code: int) -> None:
    found = record(None, code)
    assert found is not None
    assert (found.state, found.error_code, found.is_certain) == ("failed", code, False)


class TestAuto:
    @pytest.mark.parametrize("gone", [GONE, GONE.replace(b"404", b"505"), (404, b"<html>")])
    def test_a_path_that_is_gone_gives_way_once(self, gone: bytes | tuple[int, bytes]) -> None:
        served = Served({"kontext/generate": gone, "createTask": CREATED})
        first = served.submit()
        assert isinstance(first, SubmissionRefused)
        assert (first.again, first.switched) == (True, "jobs")
        assert served.submit() == SubmissionAccepted("j1", wire="jobs")
        assert served.submit() == SubmissionAccepted("j1", wire="jobs")
        assert sum("kontext" in path for path in served.paths) == 1

    @pytest.mark.parametrize(
        "odd",
        [(500, b""), (502, b"<html>"), b"", enveloped(None, 500), (410, b""), enveloped(None)],
    )
    def test_an_ambiguous_failure_never_gives_way(self, odd: bytes | tuple[int, bytes]) -> None:
        served = Served({"kontext/generate": odd, "createTask": CREATED})
        assert isinstance(served.submit(), SubmissionUnknown)
        assert isinstance(served.submit(), SubmissionUnknown)
        assert not any("createTask" in path for path in served.paths)

    def test_with_both_gone_it_is_the_address(self) -> None:
        served = Served({"kontext/generate": GONE, "createTask": GONE})
        served.submit()
        result = served.submit()
        assert isinstance(result, SubmissionRefused)
        assert (result.error.status, result.again) == (5, False)
        assert "base_url" in (result.error.hint or "")

    def test_an_explicit_format_never_gives_way(self) -> None:
        served = Served({"kontext/generate": GONE, "createTask": CREATED}, api="kontext")
        result = served.submit()
        assert isinstance(result, SubmissionRefused)
        assert (result.error.status, result.again, result.switched) == (5, False, None)

    def test_it_is_remembered_for_a_day(self, tmp_path: Path) -> None:
        now = [1000.0]
        memory = OriginCache(tmp_path / "c" / "o.json", API, wall=lambda: now[0])
        other = OriginCache(tmp_path / "c" / "o.json", "https://other.invalid", wall=lambda: now[0])
        served = Served({"kontext/generate": GONE, "createTask": CREATED}, memory=memory)
        served.submit()
        served.submit()
        assert (memory.wire(), other.wire()) == ("jobs", None)
        assert Served({}, memory=memory).service.wire == "jobs"
        assert Served({}, memory=memory, api="kontext").service.wire == "kontext"
        now[0] += WIRE_SECONDS
        assert Served({}, memory=memory).service.wire == "kontext"
        now[0] = 0.0
        assert memory.wire() is None

    def test_a_remembered_format_that_is_gone_gives_way_too(self, tmp_path: Path) -> None:
        memory = OriginCache(tmp_path / "o.json", API, wall=lambda: 1000.0)
        memory.remember_wire("jobs")
        served = Served({"kontext/generate": bodies.GENERATE, "createTask": GONE}, memory=memory)
        first = served.submit()
        assert isinstance(first, SubmissionRefused)
        assert first.switched == "kontext"
        assert served.submit() == SubmissionAccepted(bodies.TASK, wire="kontext")
        assert memory.wire() is None

    def test_a_broken_cache_is_not_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "o.json"
        path.write_text('{"https://api.invalid": [1]')
        memory = OriginCache(path, API, wall=lambda: 0.0)
        assert (memory.wire(), memory.prices()) == (None, {})
        memory.remember_prices({"flux-kontext-pro": 5.0})
        assert memory.prices() == {"flux-kontext-pro": 5.0}


class TestMax:
    @pytest.mark.parametrize(("api", "status"), [("jobs", 2), ("auto", 8)])
    def test_is_refused_where_no_field_chooses_it(self, api: str, status: int) -> None:
        answers = {"schema": enveloped({"openapi": None}), "createTask": CREATED, "generate": GONE}
        served = Served(answers, api=api)
        result = served.submit("flux-kontext-max")
        if api == "auto":
            result = served.submit("flux-kontext-max")
        assert isinstance(result, SubmissionRefused)
        assert (result.error.status, result.again) == (status, False)
        assert not any("createTask" in path for path in served.paths)

    def test_is_sent_in_the_field_of_the_schema(self) -> None:
        served = Served({"schema": enveloped(SCHEMA), "createTask": CREATED}, api="jobs")
        assert served.submit("flux-kontext-max") == SubmissionAccepted("j1", wire="jobs")
        assert served.bodies[-1]["input"]["mode"] == "max"
        assert served.methods == ["GET", "POST"]


class TestReading:
    def test_an_id_is_read_in_both_formats_before_it_is_unknown(self) -> None:
        found = enveloped({"taskId": "j1", "state": "generating"})
        served = Served({"record-info": bodies.NO_RECORD, "recordInfo": found})
        assert served.service.read("j1").form == "jobs"
        served = Served({"record-info": bodies.NO_RECORD, "recordInfo": enveloped(None, 422)})
        with pytest.raises(FluxError) as caught:
            served.service.read("j1")
        assert caught.value.code is Code.TASK_NOT_FOUND
        assert len(served.paths) == 2

    def test_a_page_in_one_format_leaves_the_other_to_be_tried(self) -> None:
        """A gateway without the one path answers with a page; the task may be in the other."""
        page = (404, b"<html>404</html>")
        found = enveloped({"taskId": "j1", "state": "generating"})
        served = Served({"record-info": page, "recordInfo": found})
        assert served.service.read("j1").form == "jobs"

    def test_pages_in_both_formats_are_a_failure_of_the_service(self) -> None:
        page = (404, b"<html>404</html>")
        served = Served({"record-info": page, "recordInfo": page})
        with pytest.raises(FluxError) as caught:
            served.service.read("j1")
        assert (caught.value.code, caught.value.task_id) == (Code.SERVICE_ERROR, "j1")
        assert caught.value.message == "the service does not know task `j1`"

    @pytest.mark.parametrize("first", ["record-info", "recordInfo"])
    def test_what_the_service_itself_does_not_know_is_unknown_beside_a_page(
        self, first: str
    ) -> None:
        (other,) = {"record-info", "recordInfo"} - {first}
        served = Served({first: (404, b"<html>404</html>"), other: enveloped(None, 422)})
        with pytest.raises(FluxError) as caught:
            served.service.read("j1")
        assert caught.value.code is Code.TASK_NOT_FOUND

    def test_a_task_whose_format_is_known_is_read_in_that_alone(self) -> None:
        served = Served({"recordInfo": enveloped(None, 422)})
        with pytest.raises(FluxError):
            served.service.read("j1", form="jobs")
        assert len(served.paths) == 1


@pytest.mark.parametrize("escape", [False, True])
def test_the_key_in_an_answer_goes_nowhere(*, escape: bool) -> None:
    shown = "".join(f"\\u{ord(char):04x}" for char in KEY) if escape else KEY.upper()
    content = b'{"code":422,"msg":"bad key %s","data":null}' % shown.encode()
    result = Served({"generate": content}).submit()
    assert isinstance(result, SubmissionRefused)
    assert "[redacted]" in result.error.message
    assert KEY not in result.error.message.lower()


def test_an_address_with_another_path_is_a_gateway_and_allowed() -> None:
    gateway = f"{API}/kie/apiary"
    Service(transport=transport(Script([])), key=lambda: KEY, base_url=gateway, upload_url=UPLOADS)


@pytest.mark.parametrize(
    ("text", "pro_and_max"),
    [
        (
            (
                "Flux.1 Kontext has two tiers: Pro mode at 5 credits per image (~$0.025) and "
                "Max mode at 10 credits (~$0.05)."
            ),
            (5.0, 10.0),
        ),
        ("Pro: 4.5 credits/image, Max: 9 credits/image", (4.5, 9.0)),
        ("Pro 5 credits, Max 10 credits; on sale: 3 credits", None),
        ("Pro costs 5 credits", None),
        ("5 credits for pro and 10 credits for max", None),
        ("Pro 5 credits per second, Max 10 credits per second", None),
        ("Pro from 5 credits, Max from 10 credits", None),
        ("Pro 10 credits, Max 5 credits", None),
        ("Pro $5, Max $10", None),
        ("Pro 5 credits, pro 6 credits, max 10 credits", None),
        (None, None),
    ],
)
def test_a_price_counts_only_where_it_is_certain(
    text: str | None, pro_and_max: tuple[float, float] | None
) -> None:
    found = prices_of({"model": "flux1-kontext", "pricingDesc": text}).credits
    expected = dict(zip(("flux-kontext-pro", "flux-kontext-max"), pro_and_max or (), strict=False))
    assert found == expected
