"""What `generate` and `edit` have in common: asking for pictures, and showing what comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from fluxcli.context import Context
from fluxcli.errors import Code, FluxError
from fluxcli.settings.values import SETTINGS, written

if TYPE_CHECKING:
    from fluxcli.build.save_as import SaveAs
    from fluxcli.catalog import Mode
    from fluxcli.commands.options import WaitOptions
    from fluxcli.commands.picture_options import PictureOptions, PlaceOptions, ShowOptions
    from fluxcli.output.results import ResultReporter
    from fluxcli.requests.resolve import ResolvedRequest
    from fluxcli.tasks.run import TaskRunner


def ask_for(
    context: Context,
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
    given = {f"{mode}.{name}": value for name, value in flags.request.items()}
    context.configure(**given, max_credits=flags.spend.max_credits)
    take_places_and_times(context, flags.place, flags.wait)
    force, skip = flags.place.force, flags.place.skip_existing
    order = context.order(
        mode,
        prompt=prompt,
        prompt_file=flags.prompt_file,
        image=image,
        count=flags.spend.count,
        force=force,
        skip_existing=skip,
    )
    _tell_settings(context, mode)
    _check_stdout(context, order, bytes_wanted=not (flags.no_wait or flags.spend.dry_run))
    taken = {} if flags.spend.new else context.journal.unfinished(order.fingerprint) or {}
    skipped = order.skipped(taken, force=force, skip=skip)
    owed = order.owed(taken, skipped)
    if flags.spend.dry_run:
        from fluxcli.output.dry_run import show_dry_run

        show_dry_run(
            context.output,
            order.first.request,
            order.names(),
            order.credits(owed),
            _input_of(order),
        )
        return
    graduation = _graduation(context, order, save_as) if save_as is not None else None
    kept = [order.kept(number, sandbox=context.sandbox) for number in sorted(skipped)]
    # Where everything is on the disk already, neither key nor network is needed.
    runner = _making(context, flags) if len(kept) < len(order.pictures) else None
    most = context.settings.number("max_credits")
    order.check_spending(owed, most=most, agreed=flags.spend.yes, ask=context.output.confirm)
    telling = result_reporter(context, flags.show, ids=flags.no_wait)
    for task in kept:
        telling.finished(task)
    if runner is not None:
        wanted = [picture for picture in order.pictures if picture.n not in skipped]
        events = runner.produce(wanted, order.fingerprint, new=flags.spend.new)
        context.status = telling.follow(
            events if graduation is None else graduation.following(events),
            count=len(order.pictures) - len(kept),
            usual=runner.usual_seconds(order.first.request),
        )


def _graduation(context: Context, order: ResolvedRequest, name: str) -> SaveAs:
    """Judge, before anything is spent, whether the picture can be declared as `name`."""
    from fluxcli.build.save_as import SaveAs

    if len(order.pictures) != 1:
        raise FluxError(Code.USAGE, "`--save-as` declares one picture", hint="--count 1")
    return SaveAs.prepare(context, name, order.first.target.folder())


def _tell_settings(context: Context, mode: Mode) -> None:
    """Say with `-v` what holds for requests of this mode, and why."""
    for name in (name for name in SETTINGS if name.startswith(f"{mode}.")):
        found = context.settings.value(name)
        context.output.detail(f"{name}: {written(found.value) or 'not sent'} ({found.origin})")


def _making(context: Context, flags: PictureOptions) -> TaskRunner:
    return context.runner(
        wait=not flags.no_wait,
        save=not flags.no_wait,
        existing="replace" if flags.place.force else "beside",
    )


def _input_of(order: ResolvedRequest) -> str | None:
    """Return what is edited: a file with its hash, a URL or a task; None for `generate`."""
    source = order.first.source
    if source is None or source.input is None or source.input.path is None:
        return source.identity if source else None
    return f"{source.input.path} ({source.identity})"


def take_places_and_times(context: Context, place: PlaceOptions, wait: WaitOptions) -> None:
    """Hand flags that are settings to the session, unless they contradict each other."""
    context.configure(output=place.output, timeout=wait.timeout, interval=wait.interval)
    if place.force and place.skip_existing:
        raise FluxError(Code.USAGE, "`--force` and `--skip-existing` contradict each other")


def result_reporter(context: Context, show: ShowOptions, *, ids: bool = False) -> ResultReporter:
    """Return what prints a run's events."""
    from fluxcli.output.results import ResultReporter

    launch = typer.launch if show.open else None
    return ResultReporter(context.output, ids=ids, preview=show.preview, launch=launch)


def _check_stdout(context: Context, order: ResolvedRequest, *, bytes_wanted: bool) -> None:
    if order.first.target.kind == "stdout":
        context.check_stdout(bytes_wanted=bytes_wanted)
