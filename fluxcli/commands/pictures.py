"""What `generate` and `edit` have in common: making images, and printing the results."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from fluxcli.commands.task_services import check_stdout, task_runner
from fluxcli.context import Context
from fluxcli.errors import Code, FluxError
from fluxcli.settings.setting_table import SETTINGS, written

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from fluxcli.build.save_as import SaveAs
    from fluxcli.commands.options import WaitOptions
    from fluxcli.commands.picture_options import PictureOptions, PlaceOptions, ShowOptions
    from fluxcli.journal.runs import Run
    from fluxcli.output.results import ResultReporter
    from fluxcli.requests.inputs import RequestEnvironment
    from fluxcli.requests.remaining import OutputRules, Remaining
    from fluxcli.requests.resolve import ResolvedRequest
    from fluxcli.task_types import Mode, Task
    from fluxcli.tasks.run_options import Metadata
    from fluxcli.tasks.task_runner import TaskRunner


def make_pictures(
    context: Context,
    mode: Mode,
    flags: PictureOptions,
    *,
    prompt: str | None,
    image: str | None = None,
    save_as: str | None = None,
) -> None:
    """Make the images of a command, or show what would be made.

    `save_as` declares the one image under that name in the manifest of the working folder.
    """
    context.records_nothing = flags.spend.dry_run
    # An earlier task decides the mode.
    modes: tuple[Mode, ...] = ("generate", "edit") if flags.again else (mode,)
    given = {f"{one}.{name}": value for one in modes for name, value in flags.request.items()}
    context.configure(**given, max_credits=flags.spend.max_credits, preset=flags.preset)
    take_places_and_times(context, flags.place, flags.wait)
    resolved = _resolved(context, mode, flags, prompt=prompt, image=image)
    _show_settings(context, resolved.first.request.mode)
    check_metadata_place(context, resolved)
    if resolved.first.target.kind == "stdout":
        check_stdout(context, image_bytes=not (flags.no_wait or flags.spend.dry_run))
    mark = context.journal.mark(resolved.fingerprint)
    with _naming_paid(context, resolved, flags):
        selection = selected(context, resolved, flags)
    if flags.spend.dry_run:
        _show_plan(context, resolved, flags, selection)
        return
    declaring = _graduation(context, resolved, save_as, selection) if save_as is not None else None
    # If everything is on the disk already, neither key nor network is needed.
    with _naming_paid(context, resolved, flags):
        runner = picture_runner(context, flags) if selection.wanted else None
        _check_spending(context, resolved, flags, selection)
    reporter = result_reporter(context, flags.show, ids=flags.no_wait)
    if runner is None:
        _report_existing(context, reporter, selection, declaring)
        return
    run = context.journal.open_run(resolved.fingerprint, new=flags.spend.new, since=mark)
    try:
        selection = _selected_again(context, resolved, flags, selection, run)
        _report_existing(context, reporter, selection, declaring)
        if not selection.wanted:
            context.journal.close_run(run)
            return
        note_stand_in(context)
        events = runner.make(selection.wanted, run)
        context.status = reporter.follow(
            events if declaring is None else declaring.following(events),
            count=len(selection.wanted),
            usual=runner.usual_seconds(resolved.first.request),
        )
    finally:
        context.journal.release(run)


def _show_plan(
    context: Context, resolved: ResolvedRequest, flags: PictureOptions, selection: Remaining
) -> None:
    """Print what the command would do, and send nothing."""
    from fluxcli.output.dry_run import show_dry_run

    show_dry_run(
        context.output,
        resolved.first.request,
        resolved.names(),
        resolved.credits(selection.unpaid),
        _input_of(resolved),
        images=len(resolved.pictures),
        unpaid=selection.unpaid,
        preset=context.settings.text("preset"),
        again=flags.again,
        metadata=chosen_metadata(context),
    )


def _naming_paid(
    context: Context, resolved: ResolvedRequest, flags: PictureOptions
) -> AbstractContextManager[None]:
    """Return what lets an error name the images that the command has paid for already."""
    from fluxcli.requests.remaining import naming_paid

    def begun() -> Iterable[Task]:
        new = flags.spend.new
        return () if new else (context.journal.unfinished(resolved.fingerprint) or {}).values()

    return naming_paid(begun)


def _resolved(
    context: Context,
    mode: Mode,
    flags: PictureOptions,
    *,
    prompt: str | None,
    image: str | None,
) -> ResolvedRequest:
    """Return the request that the command line, the settings and the journal make."""
    from fluxcli.requests.inputs import RawRequest
    from fluxcli.requests.resolve import resolve_request

    raw = RawRequest(
        mode=mode,
        prompt=prompt,
        prompt_file=flags.prompt_file,
        image=image,
        count=flags.spend.count,
        force=flags.place.force,
        skip_existing=flags.place.skip_existing,
    )
    environment = request_environment(context)
    if flags.again is not None:
        from fluxcli.requests.earlier import based_on_earlier

        raw, environment = based_on_earlier(flags.again, raw, environment)
    return resolve_request(raw, environment)


def request_environment(context: Context) -> RequestEnvironment:
    """Return the settings and services that requests are resolved with."""
    from fluxcli.requests.inputs import RequestEnvironment

    return RequestEnvironment(
        settings=context.settings,
        cwd=context.cwd,
        origin=context.base_url,
        now=context.clock.wall(),
        # Piped input can be read only once.
        read_text=cache(context.output.read_stdin),
        read_bytes=cache(context.output.read_stdin_bytes),
        find=context.journal.find,
        unfinished=context.journal.unfinished,
        uploaded=lambda sha256: context.journal.uploads.find(context.service.account, sha256),
        history=context.journal.of_fingerprint,
        prices=context.prices(),
    )


def selected(
    context: Context, resolved: ResolvedRequest, flags: PictureOptions, run: Run | None = None
) -> Remaining:
    """Compare the command with its unfinished run, its history and the files at its output.

    `run` is the run of the command, if it is held by this process.
    """
    from fluxcli.requests.remaining import check_recognised, select

    journal, new = context.journal, flags.spend.new
    if run is not None:
        taken = run.tasks
    else:
        taken = {} if new else journal.unfinished(resolved.fingerprint) or {}
        if not taken and not new:
            check_recognised(resolved, journal.of_damaged_runs())
    has_history = resolved.paths() or resolved.is_open_line
    return select(
        resolved,
        taken=taken,
        history=journal.of_fingerprint(resolved.fingerprint) if has_history else [],
        rules=output_rules(context, flags),
        sandbox=context.sandbox,
    )


def output_rules(context: Context, flags: PictureOptions) -> OutputRules:
    """Return what the flags allow for existing files at the output."""
    from fluxcli.requests.remaining import OutputRules

    place = flags.place
    return OutputRules(
        force=place.force,
        skip=place.skip_existing,
        new=flags.spend.new,
        sidecar=chosen_metadata(context) == "sidecar",
    )


def check_metadata_place(context: Context, resolved: ResolvedRequest) -> None:
    """Refuse `--metadata sidecar` if there is no image file to put it beside.

    Raises:
        FluxError: USAGE; a setting is ignored instead.
    """
    chosen = context.settings.value("metadata")
    if resolved.first.target.kind == "stdout" and chosen.explicit and chosen.value == "sidecar":
        message = "`--metadata sidecar` needs a file, and `-o -` writes none"
        raise FluxError(Code.USAGE, message, hint="--metadata embed")


def chosen_metadata(context: Context) -> Metadata:
    """Return where requests are kept with their images, by flag or setting."""
    return context.settings.text("metadata")  # type: ignore[return-value] # its parser knows no other words


def _selected_again(
    context: Context,
    resolved: ResolvedRequest,
    flags: PictureOptions,
    agreed: Remaining,
    run: Run,
) -> Remaining:
    """Compare everything again, now that no other process can run the same command.

    Meanwhile it may have ended elsewhere, or a file may have appeared. A higher price
    than the one that was confirmed must be confirmed again.
    """
    try:
        selection = selected(context, resolved, flags, run)
        if selection.unpaid > agreed.unpaid:
            _check_spending(context, resolved, flags, selection)
    except BaseException:
        if not run.tasks:
            context.journal.close_run(run)
        raise
    return selection


def _check_spending(
    context: Context, resolved: ResolvedRequest, flags: PictureOptions, selection: Remaining
) -> None:
    check_agreed(context, flags, resolved.credits(selection.unpaid))


def check_agreed(context: Context, flags: PictureOptions, estimate: int) -> None:
    """Check that so many credits may be spent; prompt if the flags do not decide it.

    Raises:
        FluxError: OVER_BUDGET or NO_CONSENT; nothing was sent.
    """
    from fluxcli.requests.consent import check_spending

    context.journal.day_limit.check(estimate)
    check_spending(
        estimate,
        most=context.settings.number("max_credits"),
        agreed=flags.spend.yes,
        ask=context.output.confirm,
    )


def _report_existing(
    context: Context, reporter: ResultReporter, selection: Remaining, declaring: SaveAs | None
) -> None:
    """Print the images that need not be made."""
    for task in selection.made:
        keep_sidecar(context, task)
    for task in (*selection.kept, *selection.made):
        if declaring is not None:
            declaring.declare(task)
        reporter.finished(task)
    if selection.made:
        first, *others = selection.made
        named = first.task_id or first.ref
        context.output.note(
            f"{len(selection.made)} images are already made; --new makes others"
            if others
            else f"already made (task {named}); --new makes another"
        )


def keep_sidecar(context: Context, task: Task) -> None:
    """Write the metadata beside an image that is made already, if they belong there."""
    from fluxcli.files.metadata import sidecar_path, write_sidecar
    from fluxcli.tasks.image_metadata import sidecar_of

    picture = task.picture
    if chosen_metadata(context) != "sidecar" or picture is None or picture.path is None:
        return
    if not sidecar_path(picture.path).exists():
        problem = write_sidecar(picture.path, sidecar_of(task, picture))
        if problem is not None:
            context.output.warn(f"the metadata was not written: {problem}")


def _graduation(
    context: Context, resolved: ResolvedRequest, name: str, selection: Remaining
) -> SaveAs | None:
    """Check, before anything is spent, whether the image can be declared as `name`.

    None if it is made, and declared, already.
    """
    from fluxcli.build.save_as import SaveAs

    if len(resolved.pictures) != 1:
        raise FluxError(Code.USAGE, "`--save-as` declares one image", hint="--count 1")
    if selection.made and SaveAs.is_declared(context.cwd, name):
        return None
    return SaveAs.prepare(
        name,
        resolved.first.target.folder(),
        cwd=context.cwd,
        origin=context.base_url,
        note=context.output.note,
    )


def _show_settings(context: Context, mode: Mode) -> None:
    """Print with `-v` the settings of this mode and where they come from."""
    for name in (name for name in SETTINGS if name.startswith(f"{mode}.")):
        found = context.settings.value(name)
        context.output.detail(f"{name}: {written(found.value) or 'not sent'} ({found.origin})")


def picture_runner(context: Context, flags: PictureOptions) -> TaskRunner:
    """Return the runner that makes the images, with the options of the flags."""
    return task_runner(
        context,
        wait=not flags.no_wait,
        save=not flags.no_wait,
        existing="replace" if flags.place.force else "beside",
        metadata=chosen_metadata(context),
    )


def _input_of(resolved: ResolvedRequest) -> str | None:
    """Return what is edited: a file with its hash, a URL or a task; None for `generate`."""
    source = resolved.first.source
    if source is None or source.input is None or source.input.path is None:
        return source.identity if source else None
    return f"{source.input.path} ({source.identity})"


def take_places_and_times(context: Context, place: PlaceOptions, wait: WaitOptions) -> None:
    """Pass flags that override settings to the context; refuse those that contradict each other."""
    context.configure(output=place.output, timeout=wait.timeout, interval=wait.interval)
    context.configure(metadata=place.metadata)
    if place.force and place.skip_existing:
        raise FluxError(Code.USAGE, "`--force` and `--skip-existing` contradict each other")


def note_stand_in(context: Context) -> None:
    """Print in the sandbox that its images are placeholders."""
    if context.sandbox:
        context.output.note("sandbox: images are stand-ins, and nothing was charged")


def result_reporter(context: Context, show: ShowOptions, *, ids: bool = False) -> ResultReporter:
    """Return what prints a run's events."""
    from fluxcli.output.results import ResultReporter

    launch = None
    if show.open:
        from fluxcli.system.viewer import open_file

        launch = partial(open_file, env=context.env)
    return ResultReporter(context.output, ids=ids, preview=show.preview, launch=launch)
