"""A row of the journal as a frozen task, and back. Every value of a row is checked.

A request is stored without the fields that are at their defaults, so that an older version can
read the row unless a field that it does not know was used.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from fluxcli.errors import FluxError
from fluxcli.fields import FIELDS
from fluxcli.task_types import Mode, Picture, Request, State, Task

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_TEXTS: Final = ("ref", "run", "state", "request", "output", "origin")
_WHOLE: Final = ("n", "count", "sandbox")
_OPTIONAL_TEXTS: Final = (
    *("task_id", "source", "url", "path", "sha256", "format"),
    *("error_code", "error_message", "wire", "input_path", "metadata"),
)
_OPTIONAL_NUMBERS: Final = (
    *("sent_at", "accepted_at", "completed_at", "seconds", "credits"),
    *("bytes", "width", "height"),
)
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "None": (type(None),),
    "float": (int, float),
    "Mode": (str,),
}
_CHOICES: Final = {
    "mode": frozenset(get_args(Mode)),
    **{one.name: frozenset(one.values.values()) for one in FIELDS if one.kind == "choice"},
}
_WIRES: Final = frozenset({None, "kontext", "jobs"})


class DamagedRowError(Exception):
    """A row holds what no version of fluxcli writes."""


class LaterRowError(Exception):
    """A row holds something valid that this version does not know: a state, a field, a value."""


def facts_of(picture: Picture) -> dict[str, object]:
    """Return the columns that describe what was saved."""
    return {
        "path": None if picture.path is None else str(picture.path),
        "bytes": picture.bytes,
        "width": picture.width,
        "height": picture.height,
        "sha256": picture.sha256,
        "format": picture.format,
    }


def request_text(request: Request) -> str:
    """Return a request as JSON, without the fields that are at their defaults."""
    defaults = {field.name: field.default for field in fields(Request)}
    values = asdict(request).items()
    return json.dumps({name: value for name, value in values if value != defaults[name]})


def request_of(text: str) -> Request:
    """Return the request that `request_text` wrote.

    Raises:
        DamagedRowError: it is not a request.
        LaterRowError: it has a field, or the value of a choice, that this version does not know.
    """
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise DamagedRowError("its request is not a JSON object")
    known = {field.name: field for field in fields(Request)}
    if unknown := sorted(values.keys() - known.keys()):
        raise LaterRowError(f"the request field `{unknown[0]}` is not known")
    for name, field in known.items():
        if name not in values:
            if field.default is MISSING:
                raise DamagedRowError(f"its request has no `{name}`")
            continue
        kinds = [kind for part in str(field.type).split(" | ") for kind in _KINDS.get(part, ())]
        if kinds and type(values[name]) not in kinds:
            raise DamagedRowError(f"its request has a wrong `{name}`")
    for name, known_values in _CHOICES.items():
        value = values.get(name)
        if value is not None and value not in known_values:
            raise LaterRowError(f"the {name} `{value}` is not known")
    return Request(**values)


def task_of(row: sqlite3.Row, *, held: bool) -> Task:
    """Make a task of its row. `held`: a living process works on it.

    A row in state `sending` that no process works on was interrupted: if the first byte was sent,
    it is unknown whether it was accepted; if not, it was never sent.

    Raises:
        DamagedRowError: a value cannot be.
        LaterRowError: it holds something that this version does not know.
    """
    values: dict[str, Any] = dict(row)
    _check(values)
    state = _state(values["state"])
    message = values["error_message"]
    if state is State.SENDING and not held:
        lost = values["sent_at"] is not None
        state = State.UNKNOWN if lost else State.REFUSED
        message = "the process ended while the answer was awaited" if lost else "it was never sent"
    picture = None
    if values["sha256"] is not None:
        names = ("bytes", "width", "height", "sha256", "format")
        path = None if values["path"] is None else Path(values["path"])
        picture = Picture(path=path, **{name: values[name] for name in names})
    same = (
        *("ref", "n", "count", "output", "created_at", "task_id", "source", "url", "accepted_at"),
        *("completed_at", "seconds", "error_code", "wire", "credits", "input_path"),
        "metadata",
    )
    return Task(
        state=state,
        request=request_of(values["request"]),
        sandbox=bool(values["sandbox"]),
        picture=picture,
        error_message=message,
        **{name: values[name] for name in same},
    )


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError:
        raise LaterRowError(f"the state `{text}` is not known") from None


def _check(values: Mapping[str, object]) -> None:
    """Raise for a column whose value has another type than the one that is written to it."""
    bad = [name for name in _TEXTS if not isinstance(values[name], str)]
    bad += [name for name in _WHOLE if not isinstance(values[name], int)]
    bad += [name for name in _OPTIONAL_TEXTS if not isinstance(values[name], str | None)]
    bad += [name for name in _OPTIONAL_NUMBERS if not isinstance(values[name], int | float | None)]
    if not isinstance(values["created_at"], int | float):
        bad.append("created_at")
    if values["sha256"] is not None:
        facts = ("bytes", "width", "height", "format")
        bad += [name for name in facts if values[name] is None]
    if bad:
        raise DamagedRowError(f"its column `{bad[0]}` holds no such value")
    text = str(values["output"])
    if "\0" in text or not text:
        raise DamagedRowError("its column `output` holds no such value")
    if values["wire"] not in _WIRES:
        raise LaterRowError(f"the wire format `{values['wire']}` is not known")
    _check_output(text)


def _check_output(text: str) -> None:
    """Raise for an output place that `OutputTarget.stored` of this version does not write."""
    if text == "-":
        return
    is_known = Path(text).is_absolute()
    if "{" in text:
        from fluxcli.files.name_template import fields as placeholders

        try:
            placeholders(text)
        except FluxError:
            is_known = False
    if not is_known:
        raise LaterRowError(f"the output `{text}` is not known")
