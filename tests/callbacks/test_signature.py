"""What the headers of a callback prove."""

from __future__ import annotations

import json

import pytest

from fluxcli.callbacks.signature import BodyError, Verification, sign, task_id_of, verify

KEY = "test-hmac-key"
TIME = 1_700_000_000
VECTOR = "iAK10TB94/cmCArw3NRzmTCDpiQFjZRtMLlQ+XL+4Ak="
"""The signature of task `task12345` at that time, from the service's contract."""


def checked(
    body: object = {"taskId": "task12345"},
    *,
    timestamp: str | None = str(TIME),
    signature: str | None = VECTOR,
    now: float = TIME,
    max_age: float = 300.0,
) -> Verification:
    headers = [("X-Webhook-Timestamp", timestamp), ("x-webhook-signature", signature)]
    present = [(name, value) for name, value in headers if value is not None]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return verify(content, present, key=KEY, now=now, max_age=max_age)


def test_the_vector_of_the_contract_holds() -> None:
    assert sign("task12345", str(TIME), key=KEY) == VECTOR
    found = checked()
    assert (found.signature_valid, found.fresh, found.problem) == (True, True, None)


@pytest.mark.parametrize(
    "body",
    [
        {"taskId": "task12345"},
        {"data": {"taskId": "task12345"}},
        {"data": {"task_id": "task12345"}},
        {"taskId": "task12345", "data": {"taskId": "another"}},
        {"taskId": None, "data": {"taskId": "", "task_id": "task12345"}},
    ],
)
def test_the_task_is_found_in_each_place(body: object) -> None:
    assert checked(body).signature_valid


@pytest.mark.parametrize(
    "body",
    [{}, [], "task12345", None, {"data": []}, {"taskId": {}}, {"taskId": True}, {"taskId": " "}],
)
def test_a_body_without_a_task_proves_nothing(body: object) -> None:
    found = checked(body)
    assert (found.task_id, found.signature_valid) == (None, False)


@pytest.mark.parametrize("task_id", ["\ud800", "a\nb", "x" * 201, "\x1b[2J"])
def test_an_id_that_could_not_be_stored_or_shown_is_none(task_id: str) -> None:
    assert task_id_of(json.dumps({"taskId": task_id}).encode()) is None


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"taskId=task12345", b"[" * 100_000, b'{"taskId": 1e}']
)
def test_a_body_that_is_not_json_is_an_error(body: bytes) -> None:
    with pytest.raises(BodyError):
        checked(body)


@pytest.mark.parametrize(
    "signature",
    [None, "", "AAAA", VECTOR[:-1], VECTOR.lower(), VECTOR.replace("+", "-"), "é", "\udc80"],
)
def test_a_wrong_or_missing_signature_does_not_hold(signature: str | None) -> None:
    assert not checked(signature=signature).signature_valid


@pytest.mark.parametrize("timestamp", [None, "", "soon", "1e9", "-1700000000", "17" * 40, "1.0"])
def test_a_timestamp_that_is_not_a_number_of_seconds_is_stale(timestamp: str | None) -> None:
    found = checked(timestamp=timestamp, signature=sign("task12345", timestamp or "", key=KEY))
    assert (found.timestamp, found.signature_valid, found.fresh) == (None, False, False)


@pytest.mark.parametrize(
    ("age", "max_age", "fresh"),
    [
        (0, 300, True),
        (300, 300, True),
        (301, 300, False),
        (-300, 300, True),
        (-301, 300, False),
        (10**9, float("inf"), True),
    ],
)
def test_freshness_counts_in_both_directions(age: float, max_age: float, *, fresh: bool) -> None:
    found = checked(now=TIME + age, max_age=max_age)
    assert (found.signature_valid, found.fresh) == (True, fresh)


def test_a_header_given_twice_counts_only_if_it_agrees() -> None:
    body = b'{"taskId": "task12345"}'
    twice = [("X-Webhook-Signature", VECTOR), ("x-webhook-signature", f" {VECTOR} ")]
    stamp = [("x-webhook-timestamp", str(TIME))]
    agreed = verify(body, twice + stamp, key=KEY, now=TIME, max_age=300)
    assert agreed.signature_valid
    other = [*twice, ("X-WEBHOOK-SIGNATURE", "AAAA"), *stamp]
    assert not verify(body, other, key=KEY, now=TIME, max_age=300).signature_valid


def test_a_task_id_may_be_a_whole_number() -> None:
    signature = sign("12345", str(TIME), key=KEY)
    assert checked({"taskId": 12345}, signature=signature).signature_valid
