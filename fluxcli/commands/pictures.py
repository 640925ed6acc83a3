"""What `generate` and `edit` have in common: asking for pictures, and showing what comes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from fluxcli.context import Session
from fluxcli.errors import Code, FluxError
from fluxcli.settings.values import SETTINGS, written

if TYPE_CHECKING:
    from fluxcli.build.save_as import Graduation
    from fluxcli.catalog import Mode
    from fluxcli.commands.options import WaitOptions
    from fluxcli.commands.picture_options import PictureOptions, PlaceOptions, ShowOptions
    from fluxcli.output.results import Follower
    from fluxcli.requests.resolve import Order
    from fluxcli.tasks.run import Making


def ask_for(
    session: Session,
    mode: Mode,
    flags: PictureOptions,
    *,
    prompt: str | None,
    image: str | None = None,
    save_as: str | None = None,
) -> None:
    """Make the pictures that were asked for, or tell what would be made.

    `save_as` declares the one picture under that name in the manifest of the working folder.
    """
    given = {f"{mode}.{name}": value for name, value in asdict(flags.request).items()}
    session.configure(**given, max_credits=flags.spend.max_credits)
    take_places_and_times(session, flags.place, flags.wait)
    force, skip = flags.place.force, flags.place.skip_existing
    order = session.order(
        mode,
        prompt=prompt,
        prompt_file=flags.prompt_file,
        image=image,
        count=flags.spend.count,
        force=force,
        skip_existing=skip,
    )
    _tell_settings(session, mode)
    _check_stdout(session, order, bytes_wanted=not (flags.no_wait or flags.spend.dry_run))
    taken = {} if flags.spend.new else session.journal.unfinished(order.fingerprint) or {}
    skipped = order.skipped(taken, force=force, skip=skip)
    owed = order.owed(taken, skipped)
    if flags.spend.dry_run:
        session.output.plan(order.first.request, order.names(), order.credits(owed))
        return
    graduation = _graduation(session, order, save_as) if save_as is not None else None
    kept = [order.kept(number, sandbox=session.sandbox) for number in sorted(skipped)]
    # Where everything is on the disk already, neither key nor network is needed.
    making = _making(session, flags) if len(kept) < len(order.wishes) else None
    most = session.settings.number("max_credits")
    order.check_spending(owed, most=most, agreed=flags.spend.yes, ask=session.output.confirm)
    telling = follower(session, flags.show, ids=flags.no_wait)
    for task in kept:
        telling.finished(task)
    if making is not None:
        events = making.produce(order, new=flags.spend.new, skipped=skipped)
        session.status = telling.follow(
            events if graduation is None else graduation.seen(events),
            count=len(order.wishes) - len(kept),
            usual=making.usual_seconds(order.first.request),
        )


def _graduation(session: Session, order: Order, name: str) -> Graduation:
    """Judge, before anything is spent, whether the picture can be declared as `name`."""
    from fluxcli.build.save_as import Graduation  # noqa: PLC0415 - start-up

    if len(order.wishes) != 1:
        raise FluxError(Code.USAGE, "`--save-as` declares one picture", hint="--count 1")
    return Graduation.prepare(session, name, order.first.target.folder())


def _tell_settings(session: Session, mode: Mode) -> None:
    """Say with `-v` what holds for requests of this mode, and why."""
    for name in (name for name in SETTINGS if name.startswith(f"{mode}.")):
        found = session.settings.value(name)
        session.output.detail(f"{name}: {written(found.value) or 'not sent'} ({found.origin})")


def _making(session: Session, flags: PictureOptions) -> Making:
    return session.making(
        wait=not flags.no_wait,
        save=not flags.no_wait,
        existing="replace" if flags.place.force else "beside",
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
    if order.first.target.kind == "stdout":
        session.check_stdout(bytes_wanted=bytes_wanted)
