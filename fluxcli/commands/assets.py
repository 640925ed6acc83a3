"""`fluxcli assets`: maintain the manifest and its lock. No command here spends credits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from fluxcli.commands.build_setup import build_inputs
from fluxcli.commands.options import CommonOptions
from fluxcli.commands.typer_binding import group_of
from fluxcli.context import Context
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fluxcli.build.build_call import BuildCall, Word

_Arguments = list[str]
Assets = Annotated[
    _Arguments | None,
    typer.Argument(metavar="[FILE.toml] ASSET...", help="A manifest, and names or patterns."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneOptions:
    """What `assets prune` may do without a question."""

    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False
    force: Annotated[
        bool, typer.Option("-f", "--force", help="Remove files that were edited by hand, too.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TagOptions:
    """Assets by their tags."""

    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Assets with this tag.")
    ] = None


def assets(_context: Context) -> None:
    """Maintain the manifest assets.toml and its lock.

    No command here spends credits or needs a key.

    Examples:
        fluxcli assets init
        fluxcli assets explain hero

    See: manifest
    """


def init(
    context: Context,
    file: Annotated[
        str, typer.Argument(metavar="[FILE.toml]", help="Where to write it.")
    ] = "assets.toml",
) -> None:
    """Write an example manifest, and the entries that git needs for the lock.

    Existing files are kept; missing lines are added. It can run again.

    Examples:
        fluxcli assets init
        fluxcli assets init art/assets.toml

    Statuses: 2
    See: manifest
    """
    from fluxcli.build.manifest.scaffold import init as write_files

    path = context.cwd / file
    changed = write_files(path)
    if context.output.json:
        record = {"manifest": str(path), "changed": [str(one) for one in changed]}
        context.output.record(record)
        return
    for one in changed:
        context.output.answer_path(one)
    if path not in changed:
        context.output.note(f"`{file}` already exists and is kept")
    context.output.hint("fluxcli build --plan")


def schema(context: Context) -> None:
    """Print the JSON Schema of manifests, for editors.

    Examples:
        fluxcli assets schema
        fluxcli assets schema > assets.schema.json

    See: manifest
    """
    import json

    from fluxcli.build.manifest.schema import schema as manifest_schema

    context.output.answer(json.dumps(manifest_schema(), indent=2))


def explain(context: Context, arguments: Assets = None) -> None:
    """Show the resolved request of assets, where each value is set, and why they are stale.

    Examples:
        fluxcli assets explain hero
        fluxcli assets explain 'icon[*]'

    Statuses: 2
    See: manifest
    """
    from fluxcli.build import explaining

    explaining.explain(build_inputs(context), _call(context, "explain", arguments))


def adopt(context: Context, arguments: Assets = None, *, options: TagOptions) -> None:
    """Accept the files on disk as the images of assets, e.g. after optimising them in place.

    The task and the original's hash stay in the lock; edits of the image do not become stale.

    Examples:
        fluxcli assets adopt hero
        fluxcli assets adopt --tag landing

    Statuses: 2
    See: manifest
    """
    from fluxcli.build import asset_commands

    asset_commands.adopt(
        build_inputs(context), _call(context, "adopt", arguments, tags=options.tag)
    )


def pick(context: Context, arguments: Assets = None) -> None:
    """Make a candidate's number, a task or a file the image of an asset, at no cost.

    The replaced image stays among the candidates. A task whose image is not saved here yet is
    collected by the next build.

    Examples:
        fluxcli build hero --candidates 2 --yes && fluxcli assets pick hero 2
        fluxcli assets pick hero 1

    Statuses: 2
    See: manifest
    """
    from fluxcli.build import asset_commands

    asset_commands.pick(build_inputs(context), _call(context, "pick", arguments))


def prune(
    context: Context,
    arguments: Annotated[
        _Arguments | None, typer.Argument(metavar="[FILE.toml]", help="A manifest.")
    ] = None,
    *,
    options: PruneOptions,
) -> None:
    """Remove the files that the lock knows and the manifest no longer declares.

    They are listed first, and removed after a question.

    Examples:
        fluxcli assets prune --yes
        fluxcli assets prune --yes --force

    Statuses: 2 7
    See: manifest
    """
    from fluxcli.build import asset_commands

    call = _call(context, "prune", arguments, yes=options.yes, force=options.force)
    asset_commands.prune(build_inputs(context), call)


def merge(
    context: Context,
    arguments: Annotated[
        _Arguments | None,
        typer.Argument(metavar="[FILE.toml] LOCK...", help="A manifest, and locks."),
    ] = None,
) -> None:
    """Join the locks of shards, or any locks of one project, into the manifest's lock.

    As git's merge driver: `fluxcli assets merge %O %A %B`.

    Examples:
        fluxcli assets merge assets.lock.*-of-2
        fluxcli assets merge assets.toml assets.lock.*-of-2

    Statuses: 2
    See: manifest
    """
    from fluxcli.build import asset_commands

    asset_commands.merge_locks(build_inputs(context), _call(context, "merge-locks", arguments))


def _call(
    context: Context,
    word: Word,
    arguments: Sequence[str] | None,
    *,
    tags: Sequence[str] | None = None,
    yes: bool = False,
    force: bool = False,
) -> BuildCall:
    from fluxcli.build.build_call import BuildCall
    from fluxcli.build.manifest.search import default_manifest, named_or_found

    names = list(arguments or ())
    files = [one for one in names if one.endswith(".toml")]
    if len(files) > 1:
        message = f"`{files[0]}` and `{files[1]}`: one manifest at a time"
        raise FluxError(Code.USAGE, message, hint="fluxcli assets --help")
    home = context.env.get("HOME")
    if word == "merge-locks" and not files:
        # As git's merge driver it runs in the repository's root, wherever the manifest is.
        file = default_manifest(context.cwd, home)
    else:
        file = named_or_found(context.cwd, files[0] if files else None, home)
    return BuildCall(
        word=word,
        file=file,
        is_named=bool(files),
        names=tuple(one for one in names if one not in files),
        tags=tuple(tags or ()),
        yes=yes,
        force=force,
    )


def group(arguments: Sequence[str]) -> typer.Typer:
    """Return the subcommands of `fluxcli assets` for typer; only the typed one, if any."""
    return group_of(assets, _WORDS, CommonOptions, arguments)


_WORDS: Final[dict[str, Callable[..., None]]] = {
    "init": init,
    "explain": explain,
    "adopt": adopt,
    "pick": pick,
    "prune": prune,
    "merge": merge,
    "schema": schema,
}
