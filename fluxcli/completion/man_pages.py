"""The man pages, of the program and of each command, in the macros of man(7)."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from fluxcli import __version__
from fluxcli.completion.help_pages import flag_help
from fluxcli.completion.program import NAME, shared
from fluxcli.errors import STATUSES
from fluxcli.settings.variables import OTHER_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fluxcli.completion.program import Argument, Command, Flag

DATE: Final = "2026-11-25"
"""When the texts of the pages were last changed; it is set with the version."""

_WIDTH: Final = 78
_HEAD: Final = r".\" Made by `python -m fluxcli.completion`; do not edit."


def pages(root: Command) -> dict[str, str]:
    """Return the text of each page by its file name."""
    everywhere = shared(root)
    return {
        f"{_title(one)}.1": "".join(f"{line}\n" for line in _broken(_page(one, root, everywhere)))
        for one in (root, *root.commands)
    }


def _broken(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines of limited length; only lines of text, not examples, are broken."""
    is_example = False
    for line in lines:
        is_example = line == ".EX" or (is_example and line != ".EE")
        if is_example or len(line) <= _WIDTH or (line[0] == "." and line[1] != "."):
            yield line
            continue
        for row in textwrap.wrap(line, _WIDTH, break_long_words=False, break_on_hyphens=False):
            yield rf"\&{row}" if row[0] in ".'" else row


def _title(command: Command) -> str:
    return command.path.replace(" ", "-")


def _page(command: Command, root: Command, everywhere: Iterable[Flag]) -> Iterator[str]:
    yield _HEAD
    title = _title(command)
    yield f'.TH {_text(title.upper())} 1 "{DATE}" "{NAME} {__version__}" "User Commands"'
    yield ".SH NAME"
    yield _text(f"{title}") + r" \- " + _text(command.help[0].lower() + command.help[1:])
    yield ".SH SYNOPSIS"
    yield from _synopsis(command)
    yield ".SH DESCRIPTION"
    yield _text(f"{command.help}.")
    for paragraph in command.text:
        yield from (".PP", _text(paragraph))
    if command is root:
        yield from _commands(command)
    elif command.commands:
        yield ".SH COMMANDS"
        for below in command.commands:
            yield from _below(below, everywhere)
    if command.arguments:
        yield ".SH ARGUMENTS"
        yield from _arguments(command.arguments)
    yield ".SH OPTIONS"
    for group, flags in command.grouped().items():
        yield f".SS {_text(group)}"
        yield from _flags(flags)
    yield from _statuses(command, root)
    if command is root:
        yield ".SH ENVIRONMENT"
        for name, meaning in OTHER_VARIABLES.items():
            yield from (".TP", _bold(name), _text(meaning))
        yield _text("`fluxcli help environment` lists the settings with their variables.")
    yield from _examples(command.examples)
    yield ".SH SEE ALSO"
    others = [_title(one) for one in (root, *root.commands) if one is not command]
    rows = [rf".BR {_text(name)} (1)" for name in others]
    yield from (f"{row} ," for row in rows[:-1])
    yield rows[-1]


def _synopsis(command: Command) -> Iterator[str]:
    name, _, rest = command.usage.partition(" [FLAGS]")
    yield rf"{_bold(name)} [\fIFLAGS\fR]{_text(rest)}"


def _commands(root: Command) -> Iterator[str]:
    yield ".SH COMMANDS"
    for one in root.commands:
        yield from (".TP", rf".BR {_text(_title(one))} (1)", _text(one.help))


def _below(command: Command, everywhere: Iterable[Flag]) -> Iterator[str]:
    """Yield a command of a group: it has no page of its own."""
    yield f".SS {_text(command.word)}"
    yield from _synopsis(command)
    for paragraph in (f"{command.help}.", *command.text):
        yield from (".PP", _text(paragraph))
    yield from _arguments(command.arguments)
    yield from _flags(flag for flag in command.flags if flag not in everywhere)
    if command.examples:
        yield from (".PP", "Examples:", *_example_lines(command.examples))


def _arguments(arguments: Iterable[Argument]) -> Iterator[str]:
    for one in arguments:
        yield from (".TP", rf"\fI{_text(one.usage)}\fR", _text(one.help))


def _flags(flags: Iterable[Flag]) -> Iterator[str]:
    for flag in flags:
        value = rf" \fI{_text(flag.shown)}\fR" if flag.value else ""
        yield from (".TP", ", ".join(map(_bold, flag.names)) + value, _text(flag_help(flag)))


def _statuses(command: Command, root: Command) -> Iterator[str]:
    numbers = list(STATUSES) if command is root else [0, *command.statuses]
    yield ".SH EXIT STATUS"
    for number in dict.fromkeys(numbers):
        yield from (".TP", _bold(str(number)), _text(STATUSES[number].meaning))


def _examples(examples: Iterable[str]) -> Iterator[str]:
    yield ".SH EXAMPLES"
    yield from _example_lines(examples)


def _example_lines(examples: Iterable[str]) -> Iterator[str]:
    yield ".EX"
    yield from map(_text, examples)
    yield ".EE"


def _bold(text: str) -> str:
    return rf"\fB{_text(text)}\fR"


def _text(text: str) -> str:
    """Return a text escaped for roff."""
    plain = (
        text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    )
    return rf"\&{plain}" if plain.startswith(".") else plain
