"""The key is never printed, in any encoding."""

from __future__ import annotations

import base64
import json
import os
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcli.output.redaction import Redactor

KEY = "0123456789abcdef0123456789abcdef"
ODD = "k y/+\"é'\\=0123456789"


@pytest.mark.parametrize("key", [KEY, ODD, ODD.replace("é", "e")])
@pytest.mark.parametrize(
    "dress",
    [
        str,
        lambda key: quote(key, safe=""),
        quote_plus,
        lambda key: repr(key)[1:-1],
        lambda key: json.dumps(key)[1:-1],
    ],
)
def test_every_encoding_of_the_key_is_hidden(key: str, dress: object) -> None:
    assert callable(dress)
    text = f"Bearer {dress(key)}, and on"
    assert Redactor(lambda: [key])(text) == "Bearer ***, and on"


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_the_key_is_hidden_in_base64_at_every_alignment(before: bytes, after: bytes) -> None:
    """Whatever bytes surround it.

    All letters that are of the key alone go: each stands for 6 of its bits.
    """
    encoded = base64.b64encode(before + KEY.encode() + after).decode()
    shown = Redactor(lambda: [KEY])(encoded)
    assert "***" in shown
    assert len(encoded) - len(shown.replace("***", "")) == len(KEY) * 8 // 6


def test_a_key_that_becomes_known_later_is_hidden_from_then_on() -> None:
    secrets: list[str] = []
    redact = Redactor(lambda: secrets)
    assert redact(KEY) == KEY
    secrets.append(KEY)
    assert redact(KEY) == "***"


def test_a_short_key_is_not_redacted() -> None:
    """The sandbox accepts `sandbox` as a key; redacting it would damage paths."""
    assert Redactor(lambda: ["", "a", "test"])("/home/a/test/a.png") == "/home/a/test/a.png"


def test_a_key_that_is_not_text_is_hidden() -> None:
    """A variable may hold any bytes; all encodings of them are hidden."""
    raw = b"\xff\xfe0123456789\x80"
    key = os.fsdecode(raw)
    redact = Redactor([key].copy)
    assert redact(f"at {key}.") == "at ***."
    assert redact("at %FF%FE0123456789%80.") == "at ***."
    assert "***" in redact(base64.b64encode(raw).decode())


def test_a_key_of_twelve_characters_is_redacted() -> None:
    assert Redactor(lambda: [KEY[:12]])(f"at {KEY[:12]}.") == "at ***."
    assert Redactor(lambda: [KEY[:11]])(f"at {KEY[:11]}.") == f"at {KEY[:11]}."


def test_of_two_keys_with_the_same_beginning_the_longer_one_is_hidden_whole() -> None:
    """In any order in which they become known."""
    longer = KEY + "and-more"
    for first, second in ((KEY, longer), (longer, KEY)):
        redact = Redactor([first, second].copy)
        assert redact(f"{longer} {KEY}") == "*** ***"
