"""Which images of a command are made already, kept, resumed or paid for."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import field, fields
from typing import TYPE_CHECKING

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, ProblemsError
from fluxcli.fields import canonical
from fluxcli.files.image_check import inspect_file
from fluxcli.files.metadata import check_sidecar
from fluxcli.files.output_path import check_free, check_writable, is_device
from fluxcli.requests.own_images import own_images, recorded_images
from fluxcli.task_types import Picture, State, Task, is_unpaid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from fluxcli.requests.resolve import ResolvedRequest
    from fluxcli.tasks.run_options import PictureRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRules:
    """What is done about files in the way: the flags `--force`, `--skip-existing`, `--new`.

    `sidecar`: a JSON file is written beside each image.
    """

    force: bool = False
    skip: bool = False
    new: bool = False
    sidecar: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """The images of one command, by what is left to do.

    `made` are its own images, saved at their fixed places; `kept` stand for other files that
    `--skip-existing` keeps; `wanted` are to be resumed or paid for, `unpaid` of them paid for.
    """

    wanted: tuple[PictureRequest, ...]
    unpaid: int
    made: tuple[Task, ...] = field(default=())
    kept: tuple[Task, ...] = field(default=())


def select(
    resolved: ResolvedRequest,
    *,
    taken: Mapping[int, Task],
    history: Iterable[Task],
    rules: OutputRules,
    sandbox: bool,
) -> Remaining:
    """Compare a command with what exists.

    `taken` are the tasks of its unfinished run by number, `history` those of all its runs,
    oldest first. A file at the output place of one that is paid for may be its own image.

    Raises:
        FluxError: WOULD_OVERWRITE or OUTPUT_UNWRITABLE; EXPIRED or INPUT_UNREADABLE if
            something would be paid for and its input is gone.
    """
    numbers = [picture.n for picture in resolved.pictures]
    paths = dict(zip(numbers, resolved.paths() or (), strict=False))
    unpaid = [picture.n for picture in resolved.pictures if is_unpaid(taken.get(picture.n))]
    kept: dict[int, Task] = {}
    if rules.skip:
        free = check_free(
            (paths[n] for n in unpaid if n in paths), force=rules.force, skip_existing=True
        )
        kept = {
            n: _stand_in(resolved, n, paths[n], sandbox=sandbox)
            for n in unpaid
            if n in paths and paths[n] not in free
        }
    source = resolved.first.source.identity if resolved.first.source else None
    # `@last` may have come to mean another image, or another request, than it did.
    wanted = canonical(resolved.first.request)
    same = [] if rules.force else list(history)
    same = [one for one in same if one.source == source and canonical(one.request) == wanted]
    own = recorded_images(same) if resolved.is_open_line else own_images(paths, same)
    own = {n: task for n, task in own.items() if n in unpaid and n not in kept}
    made = {} if rules.new else own
    open_places = [n for n in unpaid if n in paths and n not in own and n not in kept]
    check_free((paths[n] for n in open_places), force=rules.force, skip_existing=False)
    for n in unpaid if rules.sidecar else ():
        if n in paths and n not in kept and not is_device(paths[n]):
            check_sidecar(paths[n])
    left = [n for n in unpaid if n not in made and n not in kept]
    if left and (folder := resolved.first.target.folder()) is not None:
        check_writable(folder, folder=True)
    if left and resolved.source_error is not None:
        raise resolved.source_error
    return Remaining(
        wanted=tuple(one for one in resolved.pictures if one.n not in made and one.n not in kept),
        unpaid=len(left),
        made=tuple(made[n] for n in sorted(made)),
        kept=tuple(kept[n] for n in sorted(kept)),
    )


def check_recognised(resolved: ResolvedRequest, lost: Iterable[Task]) -> None:
    """Check that no unfinished task of this request has lost its run in the journal.

    It cannot be resumed, as it is not known which command made it; and it may be paid for.

    Raises:
        FluxError: JOURNAL: one has.
    """
    source = resolved.first.source.identity if resolved.first.source else None
    wanted = canonical(resolved.first.request)
    for task in lost:
        if task.source == source and canonical(task.request) == wanted:
            raise FluxError(
                Code.JOURNAL,
                f"the journal's record of an earlier run of this request is damaged, and its "
                f"image (`{task.task_id or task.ref}`) may be paid for; nothing was sent",
                hint=f"fluxcli download {task.task_id}; `--new` submits again"
                if task.task_id
                else f"fluxcli status {task.ref}; `--new` submits again",
                task_id=task.task_id,
                ref=task.ref,
            )


@contextmanager
def naming_paid(begun: Callable[[], Iterable[Task]]) -> Iterator[None]:
    """Let an error of the block name what an unfinished run of the same command has paid for."""
    try:
        yield
    except FluxError as error:
        paid = [task for task in begun() if task.state in {State.RUNNING, State.SUCCEEDED}]
        if not paid or isinstance(error, ProblemsError):
            raise
        is_one = len(paid) == 1
        named = f"task `{paid[0].task_id}` is" if is_one else f"{len(paid)} tasks are"
        resume = f"fluxcli download {paid[0].task_id if is_one else '--unsaved'}"
        raise FluxError(
            error.code,
            f"{error.message}; {named} already paid and not saved",
            hint=f"{error.hint}; `{resume}` saves what is paid" if error.hint else resume,
            task_id=paid[0].task_id if is_one else None,
            ref=paid[0].ref if is_one else None,
        ) from error


def _stand_in(resolved: ResolvedRequest, number: int, path: Path, *, sandbox: bool) -> Task:
    """Return a task for an image that is not made because its file exists.

    Raises:
        FluxError: WOULD_OVERWRITE: the file is not a complete image.
    """
    try:
        found = inspect_file(path)
    except (OSError, FluxError) as error:
        raise FluxError(
            Code.WOULD_OVERWRITE,
            f"`{path}` already exists and is not a complete image: {error}",
            hint="`--force` replaces it",
        ) from error
    picture = Picture(path=path, **{f.name: getattr(found, f.name) for f in fields(found)})
    return Task(
        ref="",
        state=State.SAVED,
        request=resolved.first.request,
        sandbox=sandbox,
        output=resolved.first.target.stored(),
        created_at=path.stat().st_mtime,
        n=number,
        count=resolved.first.count,
        picture=picture,
    )
