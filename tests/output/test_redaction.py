"""The key never leaves, whatever it is wrapped in."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcli.output.redaction import Redactor

KEY = "0123456789abcdef0123456789abcdef"
ODD = "k y/+\"é'\\=0123456789"


@pytest.mark.parametrize("key", [KEY, ODD])
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
def test_every_dress_is_known(key: str, dress: object) -> None:
    assert callable(dress)
    text = f"Bearer {dress(key)}, and on"
    assert Redactor(lambda: [key])(text) == "Bearer ***, and on"


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_base64_is_known_at_every_alignment(before: bytes, after: bytes) -> None:
    """What stands around the key in the encoded bytes does not hide it."""
    encoded = base64.b64encode(before + KEY.encode() + after).decode()
    assert "***" in Redactor(lambda: [KEY])(encoded)


def test_a_key_that_comes_later_is_hidden_from_then_on() -> None:
    secrets: list[str] = []
    redact = Redactor(lambda: secrets)
    assert redact(KEY) == KEY
    secrets.append(KEY)
    assert redact(KEY) == "***"


def test_words_are_not_taken_for_keys() -> None:
    """What a stand-in takes for a key would tear every path apart."""
    assert Redactor(lambda: ["", "a", "test"])("/home/a/test/a.png") == "/home/a/test/a.png"
