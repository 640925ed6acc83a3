"""Where things stand in a TOML text, however it is written."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcli.errors import Code
from fluxcli.tomltext import Place, Toml, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fluxcli.tomltext import Trail

TEXT = '''\
# [not.a.table] and = "no entry"
"a b" . c = """
x = 1 # "
""" # ]
list = [ 1, # one
  "two]", [3, { k = 'v', 'q"' = 2 } ], ] # end
[t . "u\\u0041"]   # header
k.l.m = {}
date = 1979-05-27T07:32:00Z
[[arr]]
x = 1
[[arr]]
x = 2
'''


def read(text: str) -> Toml:
    return parse(text.encode(), Path("x.toml"), Code.CONFIG_INVALID)


def test_every_way_to_write_a_key_is_found() -> None:
    toml = read(TEXT)
    assert toml.key("a b", "c") == Place(2, 9)
    assert toml.value("a b", "c") == Place(2, 13)
    assert toml.value("list", 1) == Place(6, 3)
    assert toml.key("list", 2, 1, 'q"') == Place(6, 26)
    assert toml.value("t", "uA", "k", "l", "m") == Place(8, 9)
    assert toml.value("arr", 1, "x") == Place(13, 5)


def test_what_is_not_there_is_shown_the_place_around_it() -> None:
    toml = read(TEXT)
    assert toml.value("t", "uA", "missing") == toml.key("t", "uA") == Place(7, 6)
    assert toml.key("nothing") == Place(1, 1)


VALUES = st.recursive(
    st.one_of(st.integers(-9, 9), st.booleans(), st.text(max_size=8), st.floats(allow_nan=False)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


def trails(value: Any, before: Trail = ()) -> Iterator[tuple[Trail, Any]]:
    if before:
        yield before, value
    items = enumerate(value) if isinstance(value, list) else ()
    for key, inner in value.items() if isinstance(value, dict) else items:
        yield from trails(inner, (*before, key))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_a_plain_value_stands_where_it_is_reported_to(document: dict[str, Any]) -> None:
    """What begins at the place parses to the value, so the place is right."""
    text = tomli_w.dumps(document)
    toml = read(text)
    lines = text.replace("\r\n", "\n").split("\n")
    for trail, value in trails(document):
        if not isinstance(value, int | float):
            continue
        place = toml.value(*trail)
        rest = lines[place.line - 1][place.column - 1 :].split(",")[0].split("]")[0].split("}")[0]
        assert tomllib.loads(f"x = {rest}")["x"] == value


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_a_file_that_a_program_wrote_is_what_it_was(document: dict[str, Any]) -> None:
    assert read(tomli_w.dumps(document)).values == document


def test_what_is_too_deep_to_be_found_is_shown_the_place_around_it() -> None:
    toml = read("b = 1\na = " + "[" * 300 + "]" * 300)

    def place(frames: int) -> Place:
        return place(frames - 1) if frames else toml.value("a", *[0] * 299)

    assert place(300).line == 2
