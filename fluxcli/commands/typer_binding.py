"""How a plain function becomes a command: its option groups are spread out into flags.

A command takes the context and its own parameters; a parameter whose type is a dataclass is
a group of flags, shared between commands and written down once. Groups may hold groups. A group's
`title` is the heading of its flags on help pages.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any, NoReturn, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from typer._click.core import Context as ParserContext

    from fluxcli.context import Context


KEYWORD = inspect.Parameter.KEYWORD_ONLY


class HelpfulCommand(TyperCommand):
    """A command whose `--help` is the generated page, at the width of the terminal."""

    def get_help(self, ctx: ParserContext) -> str:
        """Print the page and end the run, rather than return the page for printing."""
        _print_page(ctx)


class HelpfulGroup(TyperGroup):
    """A command of several words whose `--help` is the generated page."""

    def get_help(self, ctx: ParserContext) -> str:
        """Print the page and end the run, rather than return the page for printing."""
        _print_page(ctx)


def _print_page(ctx: ParserContext) -> NoReturn:
    """Print the page like any answer: a full device is reported, a closed pipe is not.

    Help depends on no setting, so that it can be read when the config file is broken.
    """
    from fluxcli import fast_help

    columns = fast_help.terminal_columns(ctx.obj.env)
    words = ctx.command_path.split()[1:]
    page = fast_help.command_page(words, columns).rstrip("\n")
    ctx.obj.plain_output(json=False).answer(page)
    raise typer.Exit


def meant(arguments: Sequence[str], words: Collection[str]) -> Collection[str]:
    """Return the names to load: the one typed, none if it is unknown, all if none is typed."""
    for one in arguments:
        if one in {"--color", "--api"}:
            break
        if not one.startswith("-"):
            return [one] if one in words else []
    return words


def named() -> None:
    """Do nothing: a placeholder for a command of which only the name is needed for suggestions."""


def group_of(
    root: Callable[..., None],
    words: Mapping[str, Callable[..., None]],
    common: type,
    arguments: Sequence[str],
) -> typer.Typer:
    """Return a command with subcommands as typer takes it; only the typed one, if any."""
    app = typer.Typer(
        rich_markup_mode=None, add_completion=False, cls=HelpfulGroup, suggest_commands=False
    )
    app.callback(cls=HelpfulGroup)(spread(root, common))
    wanted = meant(arguments, words)
    for word in wanted:
        app.command(word, cls=HelpfulCommand)(spread(words[word], common))
    for word in () if wanted else words:
        app.command(word)(named)
    return app


def spread(function: Callable[..., None], common: type) -> Callable[..., None]:
    """Return `function` as typer takes it: flags for its groups and the `common` one.

    The common group is not passed to the function: it configures the context.
    """
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    groups = {one.name: one.annotation for one in own if _is_group(one.annotation)}
    plain = [one for one in own if one.name not in groups]
    spread_out = [one for group in groups.values() for one in _flags(group)]
    shared = list(_flags(common))
    ctx = inspect.Parameter("ctx", KEYWORD, annotation=typer.Context)

    @functools.wraps(function)
    def command(ctx: typer.Context, **values: Any) -> None:  # noqa: ANN401 - typer's values
        context: Context = ctx.obj
        common_values = {one.name: values.pop(one.name) for one in shared}
        context.configure(**common_values)
        for name in (name for name, value in common_values.items() if value is not None):
            # An invalid value is an error of every command, even if the command does not use it.
            context.settings.value(name)
        made = {name: _made(group, values) for name, group in groups.items()}
        function(context, **values, **made)

    parameters = [ctx, *plain, *spread_out, *shared]
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # what typer reads
        [one.replace(kind=KEYWORD) for one in parameters]
    )
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


class FlagTable(dict[str, object]):
    """A group of flags that is made from a table: the values by the parameters' names."""

    @classmethod
    def flags(cls) -> Iterator[inspect.Parameter]:
        """Yield the parameter of each flag."""
        raise NotImplementedError


def _is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and (
        is_dataclass(annotation) or issubclass(annotation, FlagTable)
    )


def _flags(group: type) -> Iterator[inspect.Parameter]:
    if issubclass(group, FlagTable):
        yield from group.flags()
        return
    hints = get_type_hints(group, include_extras=True)
    title = getattr(group, "title", None)
    for one in fields(group):  # type: ignore[arg-type] # a group is a dataclass
        if _is_group(hints[one.name]):
            yield from _flags(hints[one.name])
            continue
        option = hints[one.name].__metadata__[0]
        option.rich_help_panel = option.rich_help_panel or title
        default = inspect.Parameter.empty if one.default is MISSING else one.default
        yield inspect.Parameter(one.name, KEYWORD, annotation=hints[one.name], default=default)


def _made(group: type, values: dict[str, Any]) -> object:
    if issubclass(group, FlagTable):
        return group({one.name: values.pop(one.name) for one in group.flags()})
    hints = get_type_hints(group)
    return group(
        **{
            name: _made(kind, values) if _is_group(kind) else values.pop(name)
            for name, kind in hints.items()
        }
    )
