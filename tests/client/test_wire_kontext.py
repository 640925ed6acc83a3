"""The kontext wire format: what is sent, and how answers of every shape are read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fluxcli.client.wire import (
    Record,
    decode,
    link,
    load,
    moment,
    number,
    salvage_task_id,
    task_id_of,
)
from fluxcli.client.wire_kontext import KontextWireFormat
from fluxcli.task_types import Request
from tests.client import bodies

KONTEXT = KontextWireFormat()
REQUEST = Request(
    mode="generate",
    prompt="a red fox",
    model="flux-kontext-pro",
    aspect_ratio="16:9",
    output_format="jpeg",
    safety_tolerance=2,
)


def record_of(body: bytes) -> Record:
    found = KONTEXT.record(decode(200, body))
    assert found is not None
    return found


def record_with(**fields: Any) -> Record:
    return record_of(json.dumps({"code": 200, "data": {"successFlag": 1, **fields}}).encode())


class TestTheRequest:
    def test_a_plain_request_sends_every_setting_by_its_api_name(self) -> None:
        """Nothing is left to the service's defaults, and nothing unknown is sent."""
        assert KONTEXT.body(REQUEST) == {
            "prompt": "a red fox",
            "model": "flux-kontext-pro",
            "aspectRatio": "16:9",
            "outputFormat": "jpeg",
            "safetyTolerance": 2,
            "promptUpsampling": False,
            "enableTranslation": True,
            "uploadCn": False,
        }

    def test_an_edit_without_a_ratio_does_not_name_one(self) -> None:
        """The service then keeps the input's."""
        body = KONTEXT.body(
            replace(REQUEST, mode="edit", aspect_ratio=None, input_image="https://example.com/a")
        )
        assert "aspectRatio" not in body
        assert body["inputImage"] == "https://example.com/a"

    def test_watermark_and_callback_are_sent_when_requested(self) -> None:
        body = KONTEXT.body(replace(REQUEST, watermark="ACME", callback_url="https://example.com"))
        assert (body["watermark"], body["callBackUrl"]) == ("ACME", "https://example.com")

    def test_a_task_id_is_opaque_and_quoted_whole(self) -> None:
        path = KONTEXT.record_path("a/b&c=d e")
        assert path == "/api/v1/flux/kontext/record-info?taskId=a%2Fb%26c%3Dd%20e"
        assert KONTEXT.record_path("\udcff").endswith("taskId=%3F")


class TestTheEnvelope:
    @pytest.mark.parametrize(
        ("http", "body", "code", "enveloped"),
        [
            (200, bodies.GENERATE, 200, True),
            (200, bodies.TOO_OFTEN, 429, True),
            (200, b'{"code":"402","msg":"x"}', 402, True),
            (200, b'{"code":455.0,"msg":"x"}', 455, True),
            (201, b'{"code":200,"msg":"success"}', 200, True),
            (503, b'{"code":200,"msg":"success"}', 503, True),
            (401, b'{"msg":"no code"}', 401, False),
            (200, b'{"code":true}', 200, False),
            (200, b'{"code":null}', 200, False),
            (502, b"<html>bad gateway</html>", 502, False),
            (200, b"[1, 2]", 200, False),
            (200, b"null", 200, False),
            (204, b"", 204, False),
        ],
    )
    def test_the_effective_code(self, http: int, body: bytes, code: int, enveloped: bool) -> None:  # noqa: FBT001 - a column
        """The body's, unless that is 200 and the HTTP status is a failure."""
        reply = decode(http, body)
        assert (reply.code, reply.enveloped) == (code, enveloped)

    @pytest.mark.parametrize(
        ("http", "body"),
        [
            (500, bodies.GENERATE),
            (200, b'{"success":false,"code":200,"msg":"no"}'),
            (200, b'{"data":{"taskId":"x"}}'),
            (200, b"<html>one moment</html>"),
        ],
    )
    def test_success_needs_status_code_and_envelope_together(self, http: int, body: bytes) -> None:
        assert not decode(http, body).good

    @pytest.mark.parametrize("http", [200, 201, 299])
    def test_a_good_answer_is_good(self, http: int) -> None:
        assert decode(http, bodies.CREDIT).good

    @pytest.mark.parametrize("http", [199, 300, 500])
    def test_of_other_statuses_none_is(self, http: int) -> None:
        assert not decode(http, bodies.CREDIT).good

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            *(("12", 12.0), ("0.5", 0.5), ("0", 0.0), ("86399", 86399.0)),
            *(("-3", None), ("86400", None), ("soon", None), (None, None)),
        ],
    )
    def test_retry_after_in_seconds_within_a_day(
        self, header: str | None, seconds: float | None
    ) -> None:
        assert decode(429, b"", header).retry_after == seconds

    def test_a_message_that_is_not_text_is_none(self) -> None:
        assert decode(200, b'{"code":500,"msg":{"a":1}}').message == ""

    def test_invalid_unicode_in_an_answer_is_replaced(self) -> None:
        reply = decode(200, b'{"code":402,"msg":"\xff no"}')
        assert (reply.code, reply.message) == (402, "\N{REPLACEMENT CHARACTER} no")

    def test_half_a_character_becomes_a_mark(self) -> None:
        """JSON can hold half of a surrogate pair, which no file, URL or stream takes."""
        body = rb'{"code":500,"msg":"\ud800 no","data":{"taskId":"a\udc00b","n":1}}'
        reply = decode(200, body)
        assert (reply.message, reply.data) == ("? no", {"taskId": "a?b", "n": 1})

    @pytest.mark.parametrize("body", [b"[" * 100_000, b'{"code":' + b"9" * 5000 + b"}", b"\xff"])
    def test_hostile_json_is_refused(self, body: bytes) -> None:
        """Neither depth nor length of JSON from outside ends the program."""
        assert load(body) is None


class TestTaskIds:
    @pytest.mark.parametrize(
        ("data", "found"),
        [
            ({"taskId": "e730"}, "e730"),
            ({"taskId": " fluxkontext_1 "}, "fluxkontext_1"),
            ({"task_id": "task_flux_abc123"}, "task_flux_abc123"),
            ({"taskId": 12345}, "12345"),
            ({"task_id": 12345}, "12345"),
            ({"taskId": ""}, None),
            ({"taskId": "null"}, None),
            ({"taskId": None}, None),
            ({"taskId": True}, None),
            (None, None),
            ("e730", None),
        ],
    )
    def test_where_the_answer_names_one(self, data: object, found: str | None) -> None:
        reply = decode(200, json.dumps({"code": 200, "msg": "success", "data": data}).encode())
        assert task_id_of(reply) == found

    @pytest.mark.parametrize(
        ("body", "found"),
        [
            (bodies.GENERATE[:-2], bodies.TASK),
            (b'...garbage"taskId" : "abc-1"...', "abc-1"),
            (b'{"code":200,"data":{"task_id":"t_9"', "t_9"),
            (b'{"data":{"taskId":"e730dcfe4e5d', None),
            (b'{"data":{"taskId":"null"', None),
            (b'{"taskId":"' + b"a" * 200 + b'"', "a" * 200),
            (b'{"taskId":"' + b"a" * 201 + b'"', None),
            (b'{"data":{"taskId":"a b"', None),
            (b"", None),
        ],
    )
    def test_where_the_answer_is_broken(self, body: bytes, found: str | None) -> None:
        """A whole id settles it; a cut one would be another task's."""
        assert salvage_task_id(body) == found


class TestRecords:
    def test_generating_as_recorded(self) -> None:
        record = record_of(bodies.GENERATING)
        assert (record.state, record.url, record.completed_at) == ("running", None, None)
        assert record.created_at == 1787093500.0
        assert record.echo["prompt"] == "Turn the photo into a hand-painted watercolour."
        assert record.task_id == load(bodies.GENERATING)["data"]["taskId"]

    def test_failed_as_recorded(self) -> None:
        record = record_of(bodies.FAILED)
        assert (record.state, record.error_code) == ("failed", 500)
        assert record.error_message == "internal error, please try again later."
        assert (record.created_at, record.completed_at) == (1787093500.0, 1787093516.0)

    def test_success_as_documented(self) -> None:
        record = record_of(bodies.DOCUMENTED_SUCCESS)
        assert (record.state, record.url) == ("succeeded", "https://example.com/result.jpg")
        assert record.completed_at == 1710930600.0
        assert record.echo == {"prompt": "A serene mountain landscape", "aspectRatio": "16:9"}

    def test_success_without_an_origin(self) -> None:
        record = record_of(bodies.ORIGIN_NULL)
        assert (record.state, record.url) == ("succeeded", "https://example.com/result.jpg")

    @pytest.mark.parametrize(
        ("flag", "state"),
        [
            (0, "running"),
            (1, "succeeded"),
            ("1", "succeeded"),
            (1.0, "succeeded"),
            (2, "failed"),
            ("3", "failed"),
            (4, "running"),
            (-1, "running"),
            ("done", "running"),
            (None, "running"),
            (True, "running"),
        ],
    )
    def test_flags(self, flag: object, state: str) -> None:
        """2 and 3 are both final; an unknown flag means still running."""
        record = record_with(successFlag=flag, response={"resultImageUrl": "https://h/x"})
        assert record.state == state

    @pytest.mark.parametrize("url", [None, "", "null", "ftp://h/x", "https://", 7, "https://h\n/x"])
    def test_success_without_a_usable_url_still_runs(self, url: object) -> None:
        """Paid for and about to come: it is not called finished, nor failed."""
        record = record_with(response={"resultImageUrl": url})
        assert (record.state, record.url) == ("running", None)

    def test_a_response_that_is_json_in_a_string(self) -> None:
        record = record_with(response='{"resultImageUrl": "https://example.com/r.png"}')
        assert record.url == "https://example.com/r.png"

    @pytest.mark.parametrize(
        ("code", "found"), [(400, 400), ("501", 501), (0, 0), (None, None), ("null", None)]
    )
    def test_error_codes_of_failures(self, code: object, found: int | None) -> None:
        assert record_with(successFlag=3, errorCode=code).error_code == found

    def test_error_codes_mean_nothing_without_a_failure(self) -> None:
        record = record_with(errorCode=500, response={"resultImageUrl": "https://h/x"})
        assert record.error_code is None

    @pytest.mark.parametrize("message", [None, "", "null", 3])
    def test_absent_error_messages(self, message: object) -> None:
        assert record_with(successFlag=2, errorMessage=message).error_message == ""

    @pytest.mark.parametrize("data", [None, [], "x", 3, {}])
    def test_data_of_any_kind_is_a_running_task(self, data: object) -> None:
        body = json.dumps({"code": 200, "data": data}).encode()
        assert record_of(body).state == "running"

    @pytest.mark.parametrize("echo", [None, "not json", "[1]", 5])
    def test_an_echo_that_is_none(self, echo: object) -> None:
        assert record_with(paramJson=echo).echo == {}

    def test_an_echo_that_is_not_a_string(self) -> None:
        assert record_with(paramJson={"prompt": "p"}).echo == {"prompt": "p"}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1787093500000, 1787093500.0),
        (1787093500, 1787093500.0),
        ("1787093500000", 1787093500.0),
        (99_999_999_999, 99_999_999_999.0),
        (100_000_000_000, 100_000_000.0),
        ("1787093500", 1787093500.0),
        ("2024-03-20T10:30:00Z", 1710930600.0),
        ("2024-03-20T12:30:00+02:00", 1710930600.0),
        ("2024-03-20 10:30:00", 1710930600.0),
        (None, None),
        ("", None),
        ("null", None),
        ("soon", None),
        (True, None),
        (0, None),
        (-5, None),
        (1e30, None),
        ("9" * 5000, None),
        (1, 1.0),
        (" 1 ", 1.0),
        ("-5", None),
    ],
)
def test_times_in_every_form(value: object, seconds: float | None) -> None:
    """Milliseconds or seconds since the epoch, ISO 8601, or a date and a time, UTC."""
    assert moment(value) == seconds


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (5, 5),
        ("5", 5),
        (" -5 ", -5),
        (5.0, 5),
        (5.5, None),
        ("5x", None),
        ("123456789", 123456789),
        ("1234567890", None),
        (False, None),
        ([], None),
    ],
)
def test_whole_numbers_in_every_form(value: object, found: int | None) -> None:
    assert number(value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (" https://h/x ", "https://h/x"),
        ("http://h:8080/x", "http://h:8080/x"),
        ("http://h:0/x", None),
        ("http://h:99999/x", None),
        ("http://[::1", None),
        ("file:///etc/passwd", None),
        ("javascript:alert(1)", None),
        ("//h/x", None),
        (b"https://h/x", None),
    ],
)
def test_links(value: object, found: str | None) -> None:
    assert link(value) == found


class TestEchoes:
    """A record's echo shows which request it belongs to."""

    def test_the_same_request(self) -> None:
        assert KONTEXT.echoes(KONTEXT.body(REQUEST), REQUEST) is True

    def test_numbers_may_come_back_as_text(self) -> None:
        echo = {"prompt": "a red fox", "safetyTolerance": "2"}
        assert KONTEXT.echoes(echo, REQUEST) is True

    @pytest.mark.parametrize(
        "echo",
        [
            {"prompt": "a red dog"},
            {"prompt": "a red fox", "model": "flux-kontext-max"},
            {"prompt": "a red fox", "aspectRatio": "1:1"},
            {"prompt": "a red fox", "inputImage": "https://example.com/a.png"},
        ],
    )
    def test_another_request(self, echo: dict[str, Any]) -> None:
        assert KONTEXT.echoes(echo, REQUEST) is False

    def test_null_is_left_out_not_different(self) -> None:
        echo = {"prompt": "a red fox", "aspectRatio": None, "inputImage": None}
        assert KONTEXT.echoes(echo, REQUEST) is True

    @pytest.mark.parametrize("echo", [{}, {"prompt": None}, {"model": "flux-kontext-pro"}])
    def test_too_few_values(self, echo: dict[str, Any]) -> None:
        assert KONTEXT.echoes(echo, REQUEST) is None

    def test_a_request_read_back(self) -> None:
        """The request of a task that was made elsewhere, for the journal."""
        found = KONTEXT.request(
            {
                "prompt": "p",
                "model": "flux-kontext-max",
                "outputFormat": "png",
                "aspectRatio": "1:1",
                "safetyTolerance": "5",
            }
        )
        assert found == replace(
            REQUEST,
            prompt="p",
            model="flux-kontext-max",
            output_format="png",
            aspect_ratio="1:1",
            safety_tolerance=5,
        )

    def test_an_unknown_entry_is_read_back_as_the_default(self) -> None:
        unknown = {"prompt": 3, "model": "m", "outputFormat": "gif", "aspectRatio": "5:4"}
        assert KONTEXT.request(unknown) == replace(REQUEST, prompt="")

    def test_an_edit_read_back_has_no_ratio_of_its_own(self) -> None:
        found = KONTEXT.request({"prompt": "p", "inputImage": "https://h/x"})
        assert (found.mode, found.aspect_ratio) == ("edit", None)
        assert found.input_image == "https://h/x"

    def test_an_empty_echo_is_the_default_request(self) -> None:
        assert KONTEXT.request({}) == replace(REQUEST, prompt="")

    @pytest.mark.parametrize("value", ["", 5, None, ["© me"]])
    def test_a_text_that_is_none_is_read_back_as_the_default(self, value: object) -> None:
        assert KONTEXT.request({"prompt": "p", "watermark": value}).watermark is None
        assert KONTEXT.request({"prompt": "p", "watermark": "© me"}).watermark == "© me"

    @pytest.mark.parametrize(
        ("prompt", "same"), [("a red  fox\n", True), ("a red dog", False), (None, None), (5, None)]
    )
    def test_whether_an_echo_has_the_prompt(self, prompt: object, same: bool | None) -> None:  # noqa: FBT001 - a column
        assert KONTEXT.has_prompt({"prompt": prompt}, REQUEST) is same

    @pytest.mark.parametrize(("translated", "same"), [(True, None), (False, False)])
    def test_a_prompt_that_may_have_been_translated_decides_nothing(
        self,
        translated: bool,  # noqa: FBT001 - a column
        same: bool | None,  # noqa: FBT001 - a column
    ) -> None:
        request = replace(REQUEST, prompt="ein Fuchs, müde", enable_translation=translated)
        assert KONTEXT.has_prompt({"prompt": "a tired fox"}, request) is same

    @pytest.mark.parametrize(("value", "read"), [(True, True), ("False", False), ("true", True)])
    def test_a_switch_is_read_back(self, value: object, read: bool) -> None:  # noqa: FBT001 - a column
        echo = {"prompt": "p", "promptUpsampling": value, "enableTranslation": value}
        found = KONTEXT.request(echo)
        assert (found.prompt_upsampling, found.enable_translation) == (read, read)

    @pytest.mark.parametrize("value", [None, "maybe", 2, []])
    def test_a_switch_that_is_none_is_read_back_as_the_default(self, value: object) -> None:
        echo = {"prompt": "p", "promptUpsampling": value, "enableTranslation": value}
        found = KONTEXT.request(echo)
        assert (found.prompt_upsampling, found.enable_translation) == (False, True)

    def test_an_echo_without_a_prompt_decides_nothing(self) -> None:
        assert KONTEXT.has_prompt({"model": "flux-kontext-pro"}, REQUEST) is None
