"""`fluxcli download`: what is paid for, onto the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fluxcli.commands.options import WaitOptions
from fluxcli.commands.picture_options import PlaceOptions, ShowOptions
from fluxcli.commands.pictures import follower, take_places_and_times
from fluxcli.context import Session
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from fluxcli.tasks.options import Existing


def download(
    session: Session,
    tasks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TASK]...", help="Ids, their beginnings, refs, or `@last`."),
    ] = None,
    *,
    unsaved: Annotated[
        bool,
        typer.Option("--unsaved", help="Everything that is paid for and not yet saved."),
    ] = False,
    place: PlaceOptions,
    wait: WaitOptions,
    show: ShowOptions,
) -> None:
    """Save pictures of tasks, waiting for those that still run. Costs nothing.

    `download --unsaved` mends any interruption.
    """
    take_places_and_times(session, place, wait)
    if bool(tasks) == unsaved:
        raise FluxError(
            Code.USAGE, "name tasks, or ask for `--unsaved`", hint="fluxcli download --unsaved"
        )
    wanted = session.journal.unsaved() if unsaved else session.history().named(tasks or [])
    target = session.target(wanted)
    if wanted:
        making = session.making(existing=_existing(place, unsaved=unsaved))
        session.status = follower(session, show).follow(
            making.collect(wanted, target),
            count=len(wanted),
            usual=making.usual_seconds(wanted[0].request),
        )
    else:
        session.output.note("nothing is waiting to be saved")
    for task in session.journal.unsettled() if unsaved else ():
        session.output.warn(f"submission `{task.ref}` is of unknown outcome and cannot be fetched")
        session.output.hint(f"fluxcli status {task.ref}")


def _existing(place: PlaceOptions, *, unsaved: bool) -> Existing:
    """Say what becomes of a file in the way; `--unsaved` loses nothing and refuses nothing."""
    if place.force:
        return "replace"
    if place.skip_existing:
        return "skip"
    return "beside" if unsaved else "refuse"
