"""`fluxcli build`: a file of declared pictures; only what changed is made."""

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
    """What to do with the file, if not to build it."""

    plan: Annotated[
        bool, typer.Option("--plan", "--dry-run", help="Show what would be done, and why.")
    ] = False
    check: Annotated[
        bool, typer.Option("--check", help="Like --plan; status 10 if there is work to do.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """Which assets, at what price, how fast, and what is written about it."""

    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Assets with this tag.")
    ] = None
    shard: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="The K-th of N parts, with a lock of its own."),
    ] = None
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", metavar="N", min=1, help="N tasks at once. [100]")
    ] = None
    fail_fast: Annotated[
        bool,
        typer.Option("--fail-fast/--keep-going", help="Begin nothing new after a failure."),
    ] = False
    locked: Annotated[bool, typer.Option("--locked", help="Fail rather than change the lock.")] = (
        False
    )
    force: Annotated[
        bool, typer.Option("-f", "--force", help="Replace files that were edited by hand.")
    ] = False
    reroll: Annotated[
        list[str] | None,
        typer.Option("--reroll", metavar="ASSET", help="Pay again for this asset; repeatable."),
    ] = None
    no_children: Annotated[
        bool,
        typer.Option("--no-children", help="With --reroll: leave what is made from it."),
    ] = False
    candidates: Annotated[
        int | None,
        typer.Option(
            "--candidates", metavar="N", min=1, max=100, help="N images of one asset to pick from."
        ),
    ] = None
    rate: Annotated[
        int | None,
        typer.Option(
            "--rate", metavar="N", min=1, max=20, help="Submissions in 10 s; 20, divided by shards."
        ),
    ] = None
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Agree beforehand.")] = False
    max_credits: Annotated[
        str | None, typer.Option(metavar="N", help="Spend at most so many credits, by estimate.")
    ] = None
    report: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND", help="github, junit=FILE, html=FILE or DIR/; may be repeated."
        ),
    ] = None
    against: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Compare the images in the html report with a commit's."),
    ] = None


def build(
    context: Context,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE] [ASSET]...", help=f"A .toml file [{_DEFAULT}]; assets."),
    ] = None,
    *,
    word: WordOptions,
    options: BuildOptions,
    wait: WaitOptions,
) -> None:
    """Make the pictures that a file declares: what is new or changed, and nothing else.

    What was paid for is collected, what a person edited is kept. The lock beside the file,
    assets.lock, says what was made from what; commit it with the pictures.
    """
    context.configure(max_credits=options.max_credits, timeout=wait.timeout, interval=wait.interval)
    call = _call(context, arguments or [], word, options)
    from fluxcli.build.build_call import check_flags

    check_flags(call.word, _given(options, wait))
    context.status = _function(call.word)(build_inputs(context), call)


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
