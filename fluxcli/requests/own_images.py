"""The images that earlier runs of a command saved, found again at its fixed output places."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fluxcli.files.filename import split_image_ending
from fluxcli.files.output_path import is_device
from fluxcli.requests.identity import real_path
from fluxcli.task_types import State
from fluxcli.tasks.download import holds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fluxcli.task_types import Task

_NUMBER: Final = r"-[0-9]+"


def own_images(paths: Mapping[int, Path], history: Iterable[Task]) -> dict[int, Task]:
    """Return the tasks, by number, whose images are at their fixed `paths`, unchanged."""
    found: dict[int, Task] = {}
    for task in history:
        path = paths.get(task.n)
        if path is None or is_device(path) or task.state is not State.SAVED:
            continue
        if (saved := _at_place(task, path)) is not None:
            found[task.n] = saved
    return found


def recorded_images(history: Iterable[Task]) -> dict[int, Task]:
    """Return the tasks, by number, whose images are still where they were saved."""
    return {
        task.n: task
        for task in history
        if task.state is State.SAVED
        and task.picture is not None
        and task.picture.path is not None
        and holds(task.picture.path, task.picture)
    }


def _at_place(task: Task, path: Path) -> Task | None:
    """Return the task with the path of its image, if that is at `path` or was saved beside it."""
    picture = task.picture
    if picture is None:
        return None
    if holds(path, picture):
        return replace(task, picture=replace(picture, path=path))
    recorded = picture.path
    is_near = recorded is not None and _is_beside(recorded, path)
    return task if is_near and recorded is not None and holds(recorded, picture) else None


def _is_beside(recorded: Path, path: Path) -> bool:
    """Return whether an image for `path` may have been saved as `recorded`.

    It gets another ending if it came in another format, and a number if `path` was taken.
    """
    if real_path(recorded.parent) != real_path(path.parent):
        return False
    stem, other = split_image_ending(path.name)[0], split_image_ending(recorded.name)[0]
    rest = other.removeprefix(stem) if other.startswith(stem) else None
    return rest == "" or (rest is not None and re.fullmatch(_NUMBER, rest) is not None)
