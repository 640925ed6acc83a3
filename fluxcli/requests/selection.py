"""Which images of a command are made already, kept, resumed or paid for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final

from fluxcli.errors import Code, FluxError
from fluxcli.files.filename import split_image_ending
from fluxcli.files.image_check import inspect_file
from fluxcli.files.output_path import check_free, is_device
from fluxcli.models import Picture, State, Task, is_unpaid
from fluxcli.requests.identity import real_path
from fluxcli.tasks.download import holds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fluxcli.requests.resolve import ResolvedRequest
    from fluxcli.tasks.options import PictureRequest
_NUMBER: Final = re.compile(r"-[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRules:
    """What is done about files in the way: the flags `--force`, `--skip-existing`, `--new`."""

    force: bool = False
    skip: bool = False
    new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The images of one command, by what is left to do.

    `made` are its own images, which lie at their fixed place; `kept` stand for other files that
    `--skip-existing` keeps; `wanted` are to be resumed or paid for, `unpaid` of them paid for.
    """

    wanted: tuple[PictureRequest, ...]
    unpaid: int
    made: tuple[Task, ...] = field(default=())
    kept: tuple[Task, ...] = field(default=())


def select(
    order: ResolvedRequest,
    *,
    taken: Mapping[int, Task],
    history: Iterable[Task],
    rules: OutputRules,
    sandbox: bool,
) -> Selection:
    """Compare a command with what exists.

    `taken` are the tasks of its unfinished run by number, `history` those of all its runs,
    oldest first. What lies at the place of one that is paid for may be its own.

    Raises:
        FluxError: WOULD_OVERWRITE or OUTPUT_UNWRITABLE; EXPIRED or INPUT_UNREADABLE if
            something would be paid for and its input is gone.
    """
    paths = dict(enumerate(order.paths() or [], 1))
    unpaid = [picture.n for picture in order.pictures if is_unpaid(taken.get(picture.n))]
    kept: dict[int, Task] = {}
    if rules.skip:
        free = check_free(
            (paths[n] for n in unpaid if n in paths), force=rules.force, skip_existing=True
        )
        kept = {
            n: _stand_in(order, n, paths[n], sandbox=sandbox)
            for n in unpaid
            if n in paths and paths[n] not in free
        }
    source = order.first.source.identity if order.first.source else None
    # `@last` may have come to mean another image than it did.
    same = [] if rules.force else [task for task in history if task.source == source]
    own = own_images(paths, same)
    own = {n: task for n, task in own.items() if n in unpaid and n not in kept}
    made = {} if rules.new else own
    open_places = [n for n in unpaid if n in paths and n not in own and n not in kept]
    check_free((paths[n] for n in open_places), force=rules.force, skip_existing=False)
    left = [n for n in unpaid if n not in made and n not in kept]
    if left and order.source_error is not None:
        raise order.source_error
    return Selection(
        wanted=tuple(one for one in order.pictures if one.n not in made and one.n not in kept),
        unpaid=len(left),
        made=tuple(made[n] for n in sorted(made)),
        kept=tuple(kept[n] for n in sorted(kept)),
    )


def own_images(paths: Mapping[int, Path], history: Iterable[Task]) -> dict[int, Task]:
    """Return the tasks, by number, whose images lie at their fixed `paths` as they were saved."""
    found: dict[int, Task] = {}
    for task in history:
        path = paths.get(task.n)
        if path is None or is_device(path) or task.state is not State.SAVED:
            continue
        if (lies := _lies(task, path)) is not None:
            found[task.n] = lies
    return found


def _lies(task: Task, path: Path) -> Task | None:
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
    return rest == "" or (rest is not None and _NUMBER.fullmatch(rest) is not None)


def _stand_in(order: ResolvedRequest, number: int, path: Path, *, sandbox: bool) -> Task:
    """Return what stands for an image that is not made, since its file exists.

    Raises:
        FluxError: WOULD_OVERWRITE: the file is no whole image.
    """
    try:
        found = inspect_file(path)
    except (OSError, FluxError) as error:
        raise FluxError(
            Code.WOULD_OVERWRITE,
            f"`{path}` already exists and is not a whole image: {error}",
            hint="`--force` replaces it",
        ) from error
    picture = Picture(path=path, **{f.name: getattr(found, f.name) for f in fields(found)})
    return Task(
        ref="",
        state=State.SAVED,
        request=order.first.request,
        sandbox=sandbox,
        output=order.first.target.stored(),
        created_at=path.stat().st_mtime,
        n=number,
        count=order.first.count,
        picture=picture,
    )
