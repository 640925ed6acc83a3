"""The JSON Schema of a manifest, for editors: made from the same kinds that the checker uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.build.manifest.manifest_fields import (
    ACCEPT,
    ASSET,
    AXIS,
    EACH_VALUE,
    MEMBER_VALUE,
    NAME,
    NOT_IN_MATRIX,
    REQUEST,
    TOP,
    VARIABLE,
    VARIABLE_VALUE,
)
from fluxcli.build.manifest.value_types import Several

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fluxcli.build.manifest.manifest_fields import FieldSpec
    from fluxcli.build.manifest.value_types import Schema

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
IDENTITY: Final = "urn:fluxcli:assets:1"


def schema() -> Schema:
    """Return the JSON Schema (2020-12) of a manifest.

    It covers the form. What depends on the whole file (unknown names, outputs, cycles, missing
    inputs) is reported by `fluxcli build --plan`.
    """
    tables = {
        "defaults": _described(
            "for every asset of this file that does not set them", _table(REQUEST)
        ),
        "vars": _described(
            "texts to use as `{name}`, in this file and those it includes",
            _named(VARIABLE, _variable()),
        ),
        "assets": _described("the images", _named(NAME, {"$ref": "#/$defs/asset"})),
    }
    top = _table(TOP)
    return {
        "$schema": DIALECT,
        "$id": IDENTITY,
        "title": "images that `fluxcli build` makes",
        **top,
        "properties": {**_properties(TOP), **tables},
        "required": ["version"],
        "anyOf": [{"required": ["assets"]}, {"required": ["include"]}],
        "$defs": {"asset": _asset()},
    }


def _asset() -> Schema:
    found = _table(ASSET)
    accept = _described("what an image has to be to be accepted", _table(ACCEPT))
    tables = {"matrix": _matrix(), "exclude": _exclude(), "each": _each(), "accept": accept}
    return {
        **found,
        "properties": {**_properties(ASSET), **tables},
        "oneOf": [{"required": ["prompt"]}, {"required": ["prompt_file"]}],
        "not": {"required": ["matrix", "each"]},
        "dependentRequired": {"exclude": ["matrix"]},
    }


def _matrix() -> Schema:
    axes = {
        name: {**Several(entry.kind, least=1).schema(), "description": entry.help}
        for name, entry in REQUEST.items()
    }
    text = "one asset for every combination of these values"
    return _described(text, {**_members(AXIS.schema()), "properties": axes})


def _exclude() -> Schema:
    tables = {**_members(MEMBER_VALUE.schema()), "minProperties": 1}
    text = "combinations of the matrix that are left out"
    return _described(text, {"type": "array", "items": tables, "minItems": 1})


def _each() -> Schema:
    fields = {
        name: {**entry.kind.schema(), "description": entry.help} for name, entry in REQUEST.items()
    }
    tables = {**_members(EACH_VALUE.schema()), "properties": fields, "minProperties": 1}
    text = "one asset for each of these tables, named by the first key"
    return _described(text, {"type": "array", "items": tables, "minItems": 1})


def _members(values: Schema) -> Schema:
    """Return a table of values by names that may vary."""
    form = _named(VARIABLE, values)
    names = {"allOf": [form["propertyNames"], {"not": {"enum": list(NOT_IN_MATRIX)}}]}
    return {**form, "propertyNames": names}


def _variable() -> Schema:
    return VARIABLE_VALUE.schema()


def _table(entries: Mapping[str, FieldSpec]) -> Schema:
    return {"type": "object", "properties": _properties(entries), "additionalProperties": False}


def _properties(entries: Mapping[str, FieldSpec]) -> Schema:
    return {
        name: {**entry.kind.schema(), "description": entry.help} for name, entry in entries.items()
    }


def _named(form: str, values: Schema) -> Schema:
    return {
        "type": "object",
        "propertyNames": {"pattern": form},
        "additionalProperties": values,
    }


def _described(text: str, found: Schema) -> Schema:
    return {**found, "description": text}
