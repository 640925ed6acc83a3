"""`fluxcli build`: make the images that a manifest declares, if they are new or changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fluxcli.commands.build_setup import build_inputs
from fluxcli.commands.options import WaitOptions
from fluxcli.context import Context
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fluxcli.build.build_call import BuildCall, Word
    from fluxcli.build.build_inputs import BuildInputs

_DEFAULT: Final = "assets.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class WordOptions:
    """Flags that select another action than building."""

    plan: Annotated[
        bool,
        typer.Option(
            "--plan", "--dry-run", help="Print what would be done, and why; send nothing."
        ),
    ] = False
    check: Annotated[
        bool, typer.Option("--check", help="As `--plan`, with status 10 if there is work to do.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """Which assets to build, the credit limits, the speed, and the reports."""

    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Only assets with this tag.")
    ] = None
    shard: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="The K-th of N parts, with a lock of its own."),
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option(
            "-j",
            "--jobs",
            metavar="N",
            min=1,
            help="At most N tasks at once. [100]",
            rich_help_panel="Waiting",
        ),
    ] = None
    fail_fast: Annotated[
        bool,
        typer.Option("--fail-fast/--keep-going", help="Submit nothing more after a failure."),
    ] = False
    locked: Annotated[bool, typer.Option("--locked", help="Fail instead of changing the lock.")] = (
        False
    )
    force: Annotated[
        bool, typer.Option("-f", "--force", help="Replace files that were edited by hand.")
    ] = False
    reroll: Annotated[
        list[str] | None,
        typer.Option(
            "--reroll",
            metavar="ASSET",
            help="Make this asset again and pay for it; may be repeated.",
            rich_help_panel="Spending",
        ),
    ] = None
    no_children: Annotated[
        bool,
        typer.Option(
            "--no-children", help="With `--reroll`: do not make the edits of that image again."
        ),
    ] = False
    candidates: Annotated[
        int | None,
        typer.Option(
            "--candidates",
            metavar="N",
            min=1,
            max=100,
            help="Make N images of one asset, for `fluxcli assets pick`.",
            rich_help_panel="Spending",
        ),
    ] = None
    rate: Annotated[
        int | None,
        typer.Option(
            "--rate",
            metavar="N",
            min=1,
            max=20,
            help="At most N submissions in 10 seconds [20, divided by the number of shards].",
            rich_help_panel="Waiting",
        ),
    ] = None
    yes: Annotated[
        bool,
        typer.Option(
            "-y",
            "--yes",
            help="Agree to the estimated cost in advance.",
            rich_help_panel="Spending",
        ),
    ] = False
    max_credits: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Submit nothing that would take the estimate above N credits.",
            rich_help_panel="Spending",
        ),
    ] = None
    report: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="Write a report: github, junit=FILE, html=FILE or html=DIR/; may be repeated.",
            rich_help_panel="Output",
        ),
    ] = None
    against: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            help="Compare the images in the html report with those of a git commit.",
            rich_help_panel="Output",
        ),
    ] = None


def build(
    context: Context,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE.toml] [ASSET]...",
            help=f"A manifest [{_DEFAULT}], and the names or patterns of assets [all].",
        ),
    ] = None,
    *,
    word: WordOptions,
    options: BuildOptions,
    wait: WaitOptions,
) -> None:
    """Make the images that a manifest declares: only those that are new or changed.

    Images that are paid for and not saved yet are collected; files that were edited by hand are
    kept. The lock beside the manifest, assets.lock, records what was made from what: commit it
    with the images.

    Examples:
        fluxcli build --plan
        fluxcli build --yes --max-credits 200
        fluxcli build --check

    Statuses: 2 4 6 7 8 9 10 11
    See: manifest money exit-codes
    """
    call = _call(context, arguments or [], word, options)
    try:
        inputs = _inputs(context, call, options, wait)
    except FluxError as error:
        _report(context, call, error)
        raise
    context.status = _function(call.word)(inputs, call)


def _inputs(
    context: Context, call: BuildCall, options: BuildOptions, wait: WaitOptions
) -> BuildInputs:
    from fluxcli.build.build_call import check_flags

    context.configure(max_credits=options.max_credits, timeout=wait.timeout, interval=wait.interval)
    check_flags(call.word, _given(options, wait))
    return build_inputs(context)


def _report(context: Context, call: BuildCall, error: FluxError) -> None:
    """Write the reports of a build that a wrong flag or setting ends before it begins."""
    if not call.reports:
        return
    from contextlib import suppress

    from fluxcli.build.report.report import Reports

    try:
        output = context.output
    except FluxError:
        output = context.plain_output(json=False)
    reports = Reports(
        wanted=call.reports,
        manifest_path=call.manifest(context.cwd),
        cwd=context.cwd,
        env=context.env,
        clock=context.clock,
        output=output,
        sandbox=False,
    )
    with suppress(FluxError), reports:
        raise error


def _call(
    context: Context, arguments: list[str], word: WordOptions, options: BuildOptions
) -> BuildCall:
    from fluxcli.build import build_call as call
    from fluxcli.build.manifest.search import default_manifest

    default = default_manifest(context.cwd, context.env.get("HOME"))

    chosen: dict[Word, bool] = {
        "candidates": options.candidates is not None,
        "plan": word.plan,
        "check": word.check,
    }
    file, names = call.split_arguments(arguments, default)
    return call.BuildCall(
        word=call.word_of(chosen),
        file=file,
        is_named=file in arguments,
        names=names,
        tags=tuple(options.tag or ()),
        shard=options.shard,
        yes=options.yes,
        force=options.force,
        locked=options.locked,
        fail_fast=options.fail_fast,
        in_flight=options.jobs,
        reroll=tuple(options.reroll or ()),
        children=not options.no_children,
        candidates=options.candidates,
        rate=options.rate,
        reports=call.reports_of(options.report or []),
        against=options.against,
    )


def _given(options: BuildOptions, wait: WaitOptions) -> list[str]:
    """Return the flags that were typed, apart from those that choose the command."""
    values = {**asdict(options), **asdict(wait)}
    del values["candidates"]
    if options.no_children and not options.reroll:
        raise FluxError(Code.USAGE, "`--no-children` needs `--reroll`", hint="--reroll ASSET")
    return [f"--{name.replace('_', '-')}" for name, value in values.items() if value]


def _function(word: Word) -> Callable[[BuildInputs, BuildCall], int]:
    if word in {"plan", "check"}:
        from fluxcli.build import planning

        return planning.show
    if word == "candidates":
        from fluxcli.build import candidates

        return candidates.make
    from fluxcli.build import build_run as run

    return run.make
