"""The file of help pages, so that `--help` does not load the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.commands import TOPICS
from fluxcli.completion.topics import topics
from fluxcli.errors import STATUSES
from fluxcli.fast_help import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fluxcli.completion.program import Command, Flag

_HEAD: Final = "The help pages. Made by `python -m fluxcli.completion`; do not edit.\n"


def text(root: Command) -> str:
    """Return the file's text."""
    pages = {one.path: list(_lines(one)) for one in root.all()}
    pages |= {f"topic {name}": lines for name, lines in topics().items()}
    return _HEAD + "".join(
        f"{MARK}{name}\n" + "".join(f"{line}\n" for line in lines) for name, lines in pages.items()
    )


def _lines(command: Command) -> Iterator[str]:
    """Yield a page line by line, in the form that `fast_help` reads."""
    yield command.help
    if command.examples:
        yield "# Examples:"
        yield from (f"$ {one}" for one in command.examples)
    yield f"+ Usage: {command.usage}"
    yield from command.text
    if command.commands:
        yield "# Commands:"
        yield from (f"- {one.word}\t{one.help}" for one in command.commands)
    if command.arguments:
        yield "# Arguments:"
        yield from (f"- {one.usage}\t{one.help}" for one in command.arguments)
    for group, flags in command.grouped().items():
        yield f"# {group}:"
        yield from (f"- {flag_names(flag)}\t{flag_help(flag)}" for flag in flags)
    if command.statuses:
        yield "# Exit statuses:"
        yield from (f"- {number}\t{STATUSES[number].meaning}" for number in command.statuses)
    yield from _read_on(command)


def flag_names(flag: Flag) -> str:
    """Return the names of a flag and what it takes, as help pages show them."""
    return ", ".join(flag.names) + (f" {flag.shown}" if flag.value else "")


def flag_help(flag: Flag) -> str:
    """Return the explanation of a flag, with its default."""
    has_default = flag.value is not None and flag.default is not None
    return f"{flag.help} [{flag.default}]" if has_default else flag.help


def _read_on(command: Command) -> Iterator[str]:
    """Yield the pages to read next."""
    yield "# Read on:"
    if command.commands:
        yield f"- {command.path} COMMAND --help\tthe flags of a command"
    yield from (f"- fluxcli help {topic}\t{TOPICS[topic]}" for topic in command.see)
    if not command.see:
        yield "- fluxcli help\tall commands and topics"
