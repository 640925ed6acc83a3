"""`fluxcli download`: save the images of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fluxcli.commands.options import WaitOptions
from fluxcli.commands.picture_options import PlaceOptions, ShowOptions
from fluxcli.commands.pictures import chosen_metadata, result_reporter, take_places_and_times
from fluxcli.commands.task_names import check_names, note_elsewhere
from fluxcli.commands.task_services import output_target, task_history, task_runner
from fluxcli.context import Context
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from fluxcli.tasks.run_options import Existing


def download(
    context: Context,
    tasks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TASK]...", help="Ids, their beginnings, refs, or `@last`."),
    ] = None,
    *,
    unsaved: Annotated[
        bool,
        typer.Option("--unsaved", help="Save everything that is paid for and not saved yet."),
    ] = False,
    place: PlaceOptions,
    wait: WaitOptions,
    show: ShowOptions,
) -> None:
    """Save the images of tasks, after waiting for those that still run.

    Costs nothing. `--unsaved` is the way on after any interruption; it overwrites nothing.

    Examples:
        fluxcli download --unsaved
        fluxcli download @last -o lighthouse-again.png

    Statuses: 2 3 4 5 6 8 9
    See: money templates exit-codes
    """
    take_places_and_times(context, place, wait)
    if bool(tasks) == unsaved:
        raise FluxError(
            Code.USAGE,
            "tasks and `--unsaved` contradict each other" if unsaved else "no task is named",
            hint="fluxcli download --unsaved",
        )
    check_names(context, tasks or [])
    wanted = context.journal.unsaved() if unsaved else task_history(context).named(tasks or [])
    target = output_target(context, wanted)
    if wanted:
        metadata = chosen_metadata(context) if place.metadata is not None else None
        existing = _existing(place, unsaved=unsaved)
        runner = task_runner(context, existing=existing, metadata=metadata)
        context.status = result_reporter(context, show).follow(
            runner.collect(wanted, target),
            count=len(wanted),
            usual=runner.usual_seconds(wanted[0].request),
        )
    else:
        context.output.note("nothing is waiting to be saved")
    if unsaved:
        note_elsewhere(context, unsaved=True)
    for task in context.journal.unsettled() if unsaved else ():
        context.output.warn(
            f"submission `{task.ref}` may be paid for; its outcome is unknown", always=True
        )
        context.output.hint(f"fluxcli status {task.ref}")


def _existing(place: PlaceOptions, *, unsaved: bool) -> Existing:
    """Return the rule for existing files; `--unsaved` overwrites nothing and refuses nothing."""
    if place.force:
        return "replace"
    if place.skip_existing:
        return "skip"
    return "beside" if unsaved else "refuse"
