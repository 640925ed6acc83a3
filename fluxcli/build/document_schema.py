"""The JSON Schema of what `build --json` prints (`summary.build_record`), for plans and builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from fluxcli.build.outcome import Result
from fluxcli.build.steps import Action
from fluxcli.output.json_schemas import FAILURE

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema = dict[str, object]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Final[Schema] = {"type": "string"}
_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_CREDITS: Final[Schema] = {"type": "number", "minimum": 0}
_RESULTS: Final = get_args(Result)
_PLANNED: Final = ("planned", "kept", "moved", "edited", "held", "orphan")
"""The results that an asset can have before the build."""


def plan_schema() -> Schema:
    """Return the schema of `build --plan --json` and `build --check --json`."""
    return _document("plan", _PLANNED)


def build_schema() -> Schema:
    """Return the schema of `build --json`."""
    return _document("build", _RESULTS)


def _document(kind: str, states: tuple[str, ...]) -> Schema:
    actions = [action.value for action in Action]
    summary = {
        "actions": _counts(actions),
        "states": _counts(_RESULTS),
        "estimated_credits": _COUNT,
        "charged_credits": _CREDITS,
        "unknown_credits": _CREDITS,
        "sandbox": {"type": "boolean"},
    }
    document = _object({"assets": {"type": "array", "items": _asset(actions, states)}})
    return {
        "$schema": DIALECT,
        "$id": f"urn:fluxcli:{kind}:1",
        "title": f"the document of `fluxcli build` ({kind})",
        **document,
        "properties": {**_properties(document), "summary": _object(summary)},
        "required": ["assets", "summary"],
    }


def _asset(actions: list[str], states: tuple[str, ...]) -> Schema:
    sha256 = {"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"}
    return _object(
        {
            "name": _TEXT,
            "action": {"enum": actions},
            "reasons": {"type": "array", "items": _TEXT},
            "next": {**_TEXT_OR_NULL, "description": "the command to run, where a person decides"},
            "state": {"enum": list(states)},
            "output": {**_TEXT_OR_NULL, "description": "relative to the manifest's folder"},
            "sha256": sha256,
            "task_id": _TEXT_OR_NULL,
            "estimated_credits": _CREDITS,
            "error": {"anyOf": [{"type": "null"}, dict(FAILURE)]},
        }
    )


def _counts(names: tuple[str, ...] | list[str]) -> Schema:
    return _object(dict.fromkeys(names, _COUNT))


def _object(properties: Mapping[str, object]) -> Schema:
    """Return the schema of an object that has all these; later versions may add others."""
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _properties(found: Schema) -> dict[str, object]:
    properties = found["properties"]
    return dict(properties) if isinstance(properties, dict) else {}
