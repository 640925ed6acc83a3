"""What is kept with an image: its request, its task and the version of fluxcli. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from fluxcli import __version__
from fluxcli.clock import timestamp
from fluxcli.fields import FIELDS

if TYPE_CHECKING:
    from fluxcli.task_types import Picture, Task

_PRIVATE: Final = frozenset({"input_image", *(row.name for row in FIELDS if not row.depicted)})
"""Fields that are left out: addresses that say nothing about the image."""


def metadata_of(task: Task) -> dict[str, object]:
    """Return the record of a task, as it is kept inside its image."""
    request = {name: one for name, one in asdict(task.request).items() if name not in _PRIVATE}
    # A query may hold a token.
    source = task.source.partition("?")[0] if task.source else None
    return {
        "fluxcli": __version__,
        "task_id": task.task_id,
        "ref": task.ref,
        "created_at": timestamp(task.created_at),
        "sandbox": task.sandbox,
        **request,
        "input": source,
    }


def sidecar_of(task: Task, picture: Picture) -> dict[str, object]:
    """Return the record of a task with the facts of its file, as it is kept beside the image."""
    facts = asdict(picture)
    del facts["path"]
    return {**metadata_of(task), "file": picture.path.name if picture.path else None, **facts}
