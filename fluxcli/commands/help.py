"""`fluxcli help`: the pages of commands and topics, and all of them as one JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fluxcli import fast_help
from fluxcli.commands import COMMANDS, TOPICS
from fluxcli.context import Context
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.settings.parsers import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fluxcli.output.output import Output


def help(  # noqa: A001 - the word that the user types
    context: Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COMMAND|TOPIC]...", help="A command, or a topic."),
    ] = None,
) -> None:
    """Print the help of a command, or of a topic.

    `fluxcli help COMMAND` is the page that `fluxcli COMMAND --help` prints. With `--json`: one
    document with all commands, flags, exit statuses, error codes, settings and JSON Schemas.

    Examples:
        fluxcli help generate
        fluxcli help exit-codes
        fluxcli help --json
    """
    named = list(words or ())
    if named[:1] == ["fluxcli"]:
        del named[0]
    try:
        output = context.output
    except FluxError:  # help does not depend on the settings that it explains
        output = context.plain_output(json=bool(context.flags.get("json")))
    try:
        if output.json:
            _print_document(output, named)
            return
        text = fast_help.help_page(named, fast_help.terminal_columns(context.env))
    except OSError as error:
        message = f"the help pages cannot be read: {reason_of(error)}"
        raise FluxError(Code.INTERNAL, message, hint="install fluxcli again") from None
    if not text:
        raise _unknown(named)
    output.answer(text.rstrip("\n"))


def _print_document(output: Output, words: Sequence[str]) -> None:
    """Print the whole document, or its part about one command."""
    import json

    document = fast_help.document()
    if not words:
        output.answer(document.rstrip("\n"))
        return
    name = " ".join(words)
    commands = json.loads(document)["commands"]
    found = next((one for one in commands if one["name"] == name), None)
    if found is None:
        raise _unknown(words)
    output.record(found)


def _unknown(words: Sequence[str]) -> FluxError:
    name = " ".join(words)
    near = nearest(words[0], (*COMMANDS, *TOPICS))
    if len(words) > 1 and near == words[0]:
        hint = f"fluxcli help {words[0]}"
    else:
        hint = f"fluxcli help {near}" if near else "fluxcli help"
    return FluxError(Code.USAGE, f"there is no command or topic `{name}`", hint=hint)
