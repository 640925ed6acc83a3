"""When a request is still the same, and what is said when it is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fluxcli.build.lock.fingerprint import differences, made_from, request_hash, scheme_of
from fluxcli.task_types import Request

REQUEST = Request(
    mode="generate",
    prompt="a cat",
    model="flux-kontext-pro",
    aspect_ratio="16:9",
    output_format="png",
    safety_tolerance=2,
)


def test_the_first_scheme_never_changes() -> None:
    """Every committed lock depends on this very hash: a new one is a new scheme's."""
    assert request_hash(REQUEST, rev=1, input_identity=None) == (
        "1:ee89d449d2407849c3fe5a30b18b8c414282f637404942b216c2a9d3d02244e2"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a dog"},
        {"model": "flux-kontext-max"},
        {"aspect_ratio": None},
        {"output_format": "jpeg"},
        {"safety_tolerance": 1},
        {"prompt_upsampling": True},
        {"enable_translation": False},
        {"upload_cn": True},
        {"watermark": "us"},
        {"mode": "edit"},
    ],
)
def test_every_field_that_the_image_depends_on_counts(change: dict[str, Any]) -> None:
    same = request_hash(REQUEST, rev=1, input_identity=None)
    assert request_hash(replace(REQUEST, **change), rev=1, input_identity=None) != same


def test_the_roll_and_the_input_count() -> None:
    found = {
        request_hash(REQUEST, rev=rev, input_identity=source)
        for rev in (1, 2)
        for source in (None, "a")
    }
    assert len(found) == 4


def test_callbacks_and_upload_addresses_do_not_count() -> None:
    other = replace(REQUEST, callback_url="https://e.com", input_image="https://up/1")
    assert request_hash(other, rev=1, input_identity=None) == request_hash(
        REQUEST, rev=1, input_identity=None
    )


@pytest.mark.parametrize(
    ("text", "scheme"),
    [("1:abc", 1), ("99:abc", None), ("abc", None), ("1:", None), ("", None), ("²:x", None)],
)
def test_a_scheme_that_is_not_ours_is_recognised(text: str, scheme: int | None) -> None:
    assert scheme_of(text) == scheme


def test_what_a_request_is_made_from_is_short() -> None:
    assert made_from(REQUEST, rev=1, input_identity=None) == (
        "aspect_ratio=16:9 mode=generate model=flux-kontext-pro output_format=png "
        "prompt=51e467415607"
    )


def test_differences_are_listed_in_words() -> None:
    old = made_from(REQUEST, rev=1, input_identity=None)
    changed = replace(REQUEST, prompt="a dog", safety_tolerance=0, watermark="w", aspect_ratio=None)
    new = made_from(changed, rev=2, input_identity="x")
    assert differences(old, new) == [
        "aspect_ratio is unset, was 16:9",
        "the input is new",
        "the prompt changed",
        "rev is 2, was 1",
        "safety_tolerance is 0, was 2",
        "the watermark is new",
    ]
    assert differences(old, old) == []
