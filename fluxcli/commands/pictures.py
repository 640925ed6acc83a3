"""What `generate` and `edit` have in common: asking for pictures, and showing what comes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from fluxcli.errors import Code, FluxError
from fluxcli.session import Session

if TYPE_CHECKING:
    from fluxcli.catalog import Mode
    from fluxcli.commands.options import (
        PlaceOptions,
        RequestOptions,
        ShowOptions,
        SpendOptions,
        WaitOptions,
    )
    from fluxcli.ordering.order import Order
    from fluxcli.output.following import Follower


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFlags:
    """Everything that `generate` and `edit` were told beside the prompt."""

    request: RequestOptions
    place: PlaceOptions
    wait: WaitOptions
    spend: SpendOptions
    show: ShowOptions
    no_wait: bool


def ask_for(
    session: Session,
    mode: Mode,
    flags: PictureFlags,
    *,
    prompt: str | None,
    prompt_file: str | None,
    image: str | None = None,
) -> None:
    """Make the pictures that were asked for, or tell what would be made."""
    given = {f"{mode}.{name}": value for name, value in asdict(flags.request).items()}
    session.configure(**given, max_credits=flags.spend.max_credits)
    take_places_and_times(session, flags.place, flags.wait)
    order = session.order(
        mode, prompt=prompt, prompt_file=prompt_file, image=image, count=flags.spend.count
    )
    session.tell_settings(mode)
    _check_stdout(session, order, bytes_wanted=not (flags.no_wait or flags.spend.dry_run))
    taken = {} if flags.spend.new else session.journal.unfinished(order.fingerprint) or {}
    force, skip = flags.place.force, flags.place.skip_existing
    skipped = order.skipped(taken, force=force, skip=skip)
    owed = order.owed(taken, skipped)
    if flags.spend.dry_run:
        session.output.plan(order.first.request, order.names(), order.credits(owed))
        return
    making = session.making(
        wait=not flags.no_wait,
        save=not flags.no_wait,
        existing="replace" if force else "beside",
    )
    most = session.settings.number("max_credits")
    order.check_spending(owed, most=most, agreed=flags.spend.yes, ask=session.output.confirm)
    telling = follower(session, flags.show, ids=flags.no_wait)
    for number in sorted(skipped):
        telling.finished(order.kept(number, sandbox=session.sandbox))
    session.status = telling.follow(
        making.produce(order, new=flags.spend.new, skipped=skipped),
        count=len(order.wishes) - len(skipped),
        usual=making.usual_seconds(order.first.request),
    )


def take_places_and_times(session: Session, place: PlaceOptions, wait: WaitOptions) -> None:
    """Hand flags that are settings to the session, unless they contradict each other."""
    session.configure(output=place.output, timeout=wait.timeout, interval=wait.interval)
    if place.force and place.skip_existing:
        raise FluxError(Code.USAGE, "`--force` and `--skip-existing` contradict each other")


def follower(session: Session, show: ShowOptions, *, ids: bool = False) -> Follower:
    """Return what tells a run's events to the user."""
    launch = typer.launch if show.open else None
    return session.output.follower(ids=ids, preview=show.preview, launch=launch)


def _check_stdout(session: Session, order: Order, *, bytes_wanted: bool) -> None:
    if order.first.target.kind != "stdout":
        return
    if session.output.json:
        raise FluxError(
            Code.USAGE, "`-o -` and `--json` both want stdout", hint="-o picture.jpg --json"
        )
    if bytes_wanted:
        session.output.check_bytes()
