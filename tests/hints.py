"""Check that the commands in a hint are command lines that fluxcli's own parser accepts."""

from __future__ import annotations

import functools
import re
import shlex
from typing import TYPE_CHECKING, Any, Final

import typer.main

from fluxcli.cli import make_app
from fluxcli.completion.program import program

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTED: Final = re.compile(r"`([^`]*)`")
_FILLED_IN: Final = re.compile(r"\{[^{}]*\}")
_BLANK: Final = re.compile(r"(?<![\w'\"-])[A-Z]{1,12}(?![\w.'\"])")
"""A word in capitals, which the reader replaces by a name or a number."""


@functools.cache
def unusable(hint: str) -> str | None:
    """Return what is wrong with the first command or flag of a hint; None if all are right."""
    for words in _commands(hint):
        if words[0] == "fluxcli":
            if problem := _refusal(tuple(words[1:])):
                return f"{shlex.join(words)}: {problem}"
        elif words[0].startswith("-") and words[0].partition("=")[0] not in _flags():
            return f"no command has the flag {words[0]}"
    return None


def _commands(hint: str) -> Iterator[list[str]]:
    """Yield the words of each command, or run of flags, in a hint."""
    quoted = _QUOTED.findall(hint)
    plain = _QUOTED.sub(" ", hint)
    parts = re.split(r"  \(|; |, then |, or | \(|: (?=fluxcli )", plain)
    for part in (*parts, *quoted):
        text = _BLANK.sub("5555", _FILLED_IN.sub("5555", part)).strip()
        if not text.startswith(("fluxcli ", "-")) or text.startswith("- "):
            continue
        yield shlex.split(text.partition("  ")[0])


@functools.cache
def _flags() -> set[str]:
    return {name for one in program().all() for flag in one.flags for name in flag.names}


def _refusal(words: tuple[str, ...]) -> str | None:
    """Return why the parser refuses a command line; nothing of it is run."""
    command: Any = typer.main.get_command(make_app(words))
    context = None
    rest = list(words)
    try:
        while True:
            context = command.make_context("fluxcli", rest, parent=context)
            if not hasattr(command, "commands"):
                return None
            rest = [*context._protected_args, *context.args]
            if not rest:
                return None
            _, command, rest = command.resolve_command(context, rest)
    except (SystemExit, typer.Exit, AttributeError):
        # `--help` and `--version` act when they are read, and there is no context to print with.
        return None
    except Exception as error:  # noqa: BLE001 - the parser raises many kinds
        return str(getattr(error, "message", None) or error or type(error).__name__)
