"""A row of the journal as the frozen task that the house hands around, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fluxcli.models import Picture, Request, State, Task

if TYPE_CHECKING:
    import sqlite3


def facts_of(picture: Picture) -> dict[str, object]:
    """Return the columns that say what was saved."""
    return {
        "path": None if picture.path is None else str(picture.path),
        "bytes": picture.bytes,
        "width": picture.width,
        "height": picture.height,
        "sha256": picture.sha256,
        "format": picture.format,
    }


def task_of(row: sqlite3.Row, *, held: bool) -> Task:
    """Make a task of its row. `held`: a living process is at work on it.

    A row that says `sending` though nobody works on it was cut short: if the first byte had
    left, nobody can tell what became of it; if not, it was never sent.
    """
    fields: dict[str, Any] = dict(row)
    state = State(fields["state"])
    message = fields["error_message"]
    if state is State.SENDING and not held:
        lost = fields["sent_at"] is not None
        state = State.UNKNOWN if lost else State.REFUSED
        message = "the process ended while the answer was awaited" if lost else "it was never sent"
    picture = None
    if fields["sha256"] is not None:
        names = ("bytes", "width", "height", "sha256", "format")
        path = None if fields["path"] is None else Path(fields["path"])
        picture = Picture(path=path, **{name: fields[name] for name in names})
    same = ("ref", "n", "count", "output", "created_at", "task_id", "source", "url", "accepted_at")
    since = ("wire", "credits")
    return Task(
        state=state,
        request=Request(**json.loads(fields["request"])),
        sandbox=bool(fields["sandbox"]),
        completed_at=fields["completed_at"],
        seconds=fields["seconds"],
        picture=picture,
        error_code=fields["error_code"],
        error_message=message,
        **{name: fields[name] for name in (*same, *since)},
    )
