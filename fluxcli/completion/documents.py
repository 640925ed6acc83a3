"""The document of `fluxcli help --json`: the whole program as data, with JSON Schemas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fluxcli import __version__
from fluxcli.build.document_schema import build_schema, plan_schema
from fluxcli.errors import STATUSES, TABLE
from fluxcli.output import json_schemas
from fluxcli.settings.setting_table import SETTINGS, public

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fluxcli.completion.program import Command, Flag

SCHEMAS: Final[dict[str, Any]] = {
    "image": json_schemas.SCHEMAS["image"],
    "error": json_schemas.SCHEMAS["error"],
    "plan": plan_schema(),
    "build": build_schema(),
    **json_schemas.SCHEMAS,
}
"""The JSON Schema of each document that `--json` prints."""


def document(root: Command) -> dict[str, Any]:
    """Return the document."""
    return {
        "fluxcli": __version__,
        "commands": [_command(one) for one in root.all()],
        "exit_statuses": [
            {"status": number, **info._asdict()} for number, info in STATUSES.items()
        ],
        "error_codes": [
            {
                "code": code.value,
                "status": int(info.status),
                "meaning": info.meaning,
                "retryable": info.retryable,
            }
            for code, info in TABLE.items()
        ],
        "settings": [
            {
                "name": setting.name,
                "environment": list(setting.variables),
                "default": public(setting.default),
                "help": setting.help,
            }
            for setting in SETTINGS.values()
        ],
        "schemas": SCHEMAS,
    }


def text(root: Command) -> str:
    """Return the document with an entry of its lists per line; without line ends it is one line."""
    return "".join(_lines(document(root)))


def _lines(whole: dict[str, Any]) -> Iterator[str]:
    opening = "{"
    for name, value in whole.items():
        yield f"{opening}{json.dumps(name)}: "
        opening = ", "
        if isinstance(value, list):
            yield "[\n" + ",\n".join(map(json.dumps, value)) + "\n]\n"
        elif isinstance(value, dict):
            rows = (f"{json.dumps(key)}: {json.dumps(one)}" for key, one in value.items())
            yield "{\n" + ",\n".join(rows) + "\n}\n"
        else:
            yield json.dumps(value) + "\n"
    yield "}\n"


def _command(command: Command) -> dict[str, Any]:
    return {
        "name": command.words,
        "summary": command.help,
        "usage": command.usage,
        "examples": list(command.examples),
        "arguments": [
            {"name": _name(one.usage), "required": one.required, "help": one.help}
            for one in command.arguments
        ],
        "flags": [_flag(one) for flags in command.grouped().values() for one in flags],
    }


def _name(usage: str) -> str:
    """Return the names of an argument without the marks of a usage line."""
    return usage.replace("[", "").replace("]", "").replace("...", "")


def _flag(flag: Flag) -> dict[str, Any]:
    return {
        "names": list(flag.names),
        "value": flag.shown if flag.value else None,
        "values": list(flag.value.words) if flag.value else [],
        "default": flag.default,
        "setting": flag.setting,
        "group": flag.group,
        "help": flag.help,
    }
