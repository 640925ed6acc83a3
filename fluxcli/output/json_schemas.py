"""JSON Schemas of what `--json` prints; the renderers are in `json_records` and `commands`.

Fields are only ever added, so `additionalProperties` stays open.
"""

from __future__ import annotations

from typing import Any, Final

from fluxcli.errors import Code
from fluxcli.fields import RATIOS
from fluxcli.prices_and_limits import MODELS
from fluxcli.task_types import State

Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Final = {"type": "string"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_COUNT_OR_NULL: Final = {"type": ["integer", "null"], "minimum": 0}
_NUMBER_OR_NULL: Final = {"type": ["number", "null"], "minimum": 0}
_TIME: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"


def _document(title: str, properties: Schema) -> Schema:
    return {
        "$schema": _DIALECT,
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


IMAGE: Final = _document(
    "One task and its image",
    {
        "task_id": _TEXT_OR_NULL,
        "ref": _TEXT_OR_NULL,
        "state": {"enum": [state.value for state in State]},
        "mode": {"enum": ["generate", "edit"]},
        "model": {"enum": sorted(set(MODELS.values()))},
        "prompt": _TEXT,
        "aspect_ratio": {"enum": [*RATIOS, None]},
        "output_format": {"enum": ["jpeg", "png"]},
        "format": _TEXT_OR_NULL,
        "input": _TEXT_OR_NULL,
        "path": _TEXT_OR_NULL,
        "url": _TEXT_OR_NULL,
        "bytes": _COUNT_OR_NULL,
        "width": _COUNT_OR_NULL,
        "height": _COUNT_OR_NULL,
        "sha256": {"type": ["string", "null"], "pattern": "^[0-9a-f]+$"},
        "created_at": {"type": ["string", "null"], "pattern": _TIME},
        "completed_at": {"type": ["string", "null"], "pattern": _TIME},
        "seconds": _NUMBER_OR_NULL,
        "estimated_credits": _NUMBER_OR_NULL,
        "credits": _NUMBER_OR_NULL,
        "sandbox": {"type": "boolean"},
    },
)

FAILURE: Final[Schema] = {
    "type": "object",
    "properties": {
        "code": {"enum": [code.value for code in Code]},
        "message": _TEXT,
        "hint": _TEXT_OR_NULL,
        "retryable": {"type": "boolean"},
        "task_id": _TEXT_OR_NULL,
        "ref": _TEXT_OR_NULL,
    },
    "required": ["code", "message", "hint", "retryable", "task_id", "ref"],
}
"""The object `error` of a failure."""

ERROR: Final = _document("A failure", {"error": FAILURE})

DRY_RUN: Final = _document(
    "The resolved request of a `--dry-run`",
    {
        "request": {"type": "object"},
        "outputs": {"type": "array", "items": _TEXT},
        "estimated_credits": {"type": "number", "minimum": 0},
        "input": _TEXT_OR_NULL,
        "preset": _TEXT_OR_NULL,
        "again": _TEXT_OR_NULL,
        "metadata": _TEXT_OR_NULL,
        "images": {"type": "integer", "minimum": 1},
        "unpaid": {"type": "integer", "minimum": 0},
    },
)

_SPENT: Final = _document(
    "What this machine has spent (`credits --since`)",
    {
        "since": _TEXT,
        "days": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "day": {"type": "string", "format": "date"},
                    "model": _TEXT,
                    "images": {"type": "integer", "minimum": 0},
                    "estimated_credits": {"type": "number", "minimum": 0},
                    "unknown": {"type": "integer", "minimum": 0},
                },
                "required": ["day", "model", "images", "estimated_credits", "unknown"],
            },
        },
        "estimated_credits": {"type": "number", "minimum": 0},
        "unknown": {"type": "integer", "minimum": 0},
        "sandbox": {"type": "boolean"},
    },
)

CREDITS: Final[Schema] = {
    "$schema": _DIALECT,
    "title": "The balance, or what this machine has spent",
    "anyOf": [
        _document(
            "The balance",
            {
                "credits": {"type": "number"},
                "sandbox": {"type": "boolean"},
                "prices": {"type": ["object", "null"]},
            },
        ),
        _SPENT,
    ],
}
CALLBACK: Final = _document(
    "What a callback proves, and the task that it names",
    {
        "signature_valid": {"type": "boolean"},
        "fresh": {"type": "boolean"},
        "replayed": {"type": "boolean"},
        "task_id": _TEXT_OR_NULL,
        "timestamp": _COUNT_OR_NULL,
        "task": {"anyOf": [{"type": "null"}, IMAGE]},
    },
)
SCHEMAS: Final[dict[str, Schema]] = {
    "image": IMAGE,
    "error": ERROR,
    "dry_run": DRY_RUN,
    "credits": CREDITS,
    "callback": CALLBACK,
}
