"""The published JSON Schema: valid, and it agrees with the checker."""

from __future__ import annotations

import string
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxcli.build.manifest.example import example
from fluxcli.build.manifest.manifest import parse
from fluxcli.build.manifest.manifest_fields import ACCEPT, ASSET, NOT_IN_MATRIX, REQUEST
from fluxcli.build.manifest.schema import schema
from fluxcli.errors import FluxError

VALIDATOR = jsonschema.Draft202012Validator(schema())
AT = Path("/nowhere/assets.toml")

RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(["pro", "max", "flux-kontext-pro"]),
    "aspect_ratio": st.sampled_from(["21:9", "1:1"]),
    "output_format": st.sampled_from(["png", "jpg"]),
    "safety_tolerance": st.integers(0, 6),
    "rev": st.integers(1, 10),
    "tags": st.lists(st.sampled_from(["a", "b-c"]), unique=True),
    "prompt": st.text(string.ascii_letters, min_size=1),
    "watermark": st.text(string.ascii_letters, min_size=1),
    "callback_url": st.just("https://example.com/x"),
    "output": st.just("x.{ext}"),
}
ANYTHING = st.one_of(
    st.booleans(),
    st.integers(-3, 12),
    # JSON does not distinguish `2.0` from `2`; TOML and the checker do.
    st.floats(allow_nan=False).filter(lambda number: not number.is_integer()),
    st.text(string.printable, max_size=5),
    st.sampled_from(["pro", "PRO", "1:1", "png", "gif", "ftp://x", "true", " "]),
    st.lists(st.one_of(st.integers(0, 2), st.sampled_from(["a", "A b", ""])), max_size=3),
    st.dictionaries(st.sampled_from(["a", "min_kb", "model"]), st.integers(0, 3), max_size=2),
)
MEMBERS = st.lists(
    st.dictionaries(
        st.sampled_from(["w", "v", "model", "prompt", "a b"]),
        st.sampled_from(["x", "", 1, True, "pro", 0.5, "two\nlines"]),
        max_size=2,
    ),
    max_size=2,
)
NAMES = st.sampled_from([*ASSET, "matrix", "each", "exclude", "accept", "promt", "Model", "size"])


@st.composite
def right_asset(draw: st.DrawFn) -> dict[str, Any]:
    optional = {name: one for name, one in RIGHT.items() if name != "prompt"}
    table: dict[str, Any] = draw(
        st.fixed_dictionaries({"prompt": RIGHT["prompt"]}, optional=optional)
    )
    if draw(st.booleans()):
        table["accept"] = {name: draw(st.integers(5, 5)) for name in list(ACCEPT)[:2]}
    return table


@st.composite
def any_document(draw: st.DrawFn) -> dict[str, Any]:
    """A right document, in which one entry may have been replaced by anything."""
    table = draw(right_asset())
    document: dict[str, Any] = {"version": 1, "assets": {"a": table}}
    where = draw(
        st.sampled_from(
            ["none", "asset", "matrix", "each", "exclude", "accept", "top", "defaults", "vars"]
        )
    )
    value = draw(ANYTHING)
    if where == "asset":
        table[draw(NAMES)] = value
    elif where == "matrix":
        table["matrix"] = {draw(st.sampled_from([*REQUEST, "w", "prompt", "a b"])): value}
    elif where == "each":
        table["each"] = draw(MEMBERS)
    elif where == "exclude":
        table |= {"matrix": {"w": ["x", 1]}, "exclude": draw(MEMBERS)}
    elif where == "accept":
        table["accept"] = {draw(st.sampled_from([*ACCEPT, "max"])): value}
    elif where == "top":
        document[draw(st.sampled_from(["version", "output_dir", "include", "vars", "x"]))] = value
    elif where != "none":
        document[where] = {draw(st.sampled_from([*REQUEST, "x", "a-b"])): value}
    return document


def checker_accepts(document: dict[str, Any]) -> bool:
    try:
        parse(tomli_w.dumps(document), AT)
    except FluxError:
        return False
    return True


def schema_accepts(document: dict[str, Any]) -> bool:
    return VALIDATOR.is_valid(tomllib.loads(tomli_w.dumps(document)))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_example_is_valid() -> None:
    VALIDATOR.validate(tomllib.loads(example()))


def test_every_entry_is_described() -> None:
    table: Any = schema()["$defs"]
    assert all(one["description"] for one in table["asset"]["properties"].values())


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_document())
def test_what_the_checker_accepts_the_schema_accepts(document: dict[str, Any]) -> None:
    assert schema_accepts(document) or not checker_accepts(document)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_document())
def test_what_the_schema_accepts_is_refused_only_for_what_no_schema_can_say(
    document: dict[str, Any],
) -> None:
    """Names, places, references and clashes need the whole file; all else is the schema's."""
    if not schema_accepts(document) or checker_accepts(document):
        return
    with pytest.raises(FluxError) as caught:
        parse(tomli_w.dumps(document), AT)
    beyond = (
        "nothing is called",
        "lone brace",
        "have one output",
        "clash",
        "is too high",
        "is set here and in",
        "expected a file name",
        "expected a relative path",
        "leads out",
        "expected a path of printable",
        "does not exist",
        "there is no asset",
        "is over `max_",
        "expected an address",
        "made from itself",
        "are called",
        "cannot be read",
        "form a cycle",
        "is a folder",
        "Windows",
        "it lies in `.git`",
        "the prompt file",
        "to include",
        "has no value",
        "unknown name of the matrix",
        "are excluded",
        "is excluded",
        "named by their first key",
        "at most 200 characters",
        "is declared in",
    )
    assert any(words in caught.value.message for words in beyond), caught.value.message


@pytest.mark.parametrize("name", NOT_IN_MATRIX)
def test_entries_that_no_matrix_sets_are_refused_by_both(name: str) -> None:
    document = {"version": 1, "assets": {"a": {"prompt": "x", "matrix": {name: ["x"]}}}}
    assert not schema_accepts(document)
    assert not checker_accepts(document)
