"""The JSON Schema of a manifest, for editors: made from the same kinds that the checker uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.build.manifest.manifest_fields import (
    ACCEPT,
    ASSET,
    AXIS,
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

    It knows the form. What only the whole file shows (names that nothing bears, places,
    cycles, missing inputs) is told by `fluxcli build --check`.
    """
    tables = {
        "defaults": _described("for every asset that does not say otherwise", _table(REQUEST)),
        "vars": _described("texts to be used as `{name}`", _named(VARIABLE, _variable())),
        "assets": _described("the pictures", _named(NAME, {"$ref": "#/$defs/asset"})),
    }
    top = _table(TOP)
    return {
        "$schema": DIALECT,
        "$id": IDENTITY,
        "title": "pictures that `fluxcli build` makes",
        **top,
        "properties": {**_properties(TOP), **tables},
        "required": ["version", "assets"],
        "$defs": {"asset": _asset()},
    }


def _asset() -> Schema:
    found = _table(ASSET)
    accept = _described("what a picture has to be to be taken", _table(ACCEPT))
    properties = {**_properties(ASSET), "matrix": _matrix(), "accept": accept}
    return {**found, "properties": properties, "required": ["prompt"]}


def _matrix() -> Schema:
    axes = {
        name: {**Several(entry.kind, least=1).schema(), "description": entry.help}
        for name, entry in REQUEST.items()
    }
    form = _named(VARIABLE, AXIS.schema())
    names = {"allOf": [form["propertyNames"], {"not": {"enum": list(NOT_IN_MATRIX)}}]}
    text = "one asset for every combination of these values"
    return _described(text, {**form, "properties": axes, "propertyNames": names})


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
