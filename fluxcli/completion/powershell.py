"""The tables in the script for PowerShell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.completion.program import groups, shared, uses
from fluxcli.completion.script_frame import fill, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fluxcli.completion.program import Command, Value


def script(root: Command) -> str:
    """Return the script."""
    tables = {"words": _words(root), "arguments": _arguments(root), "flags": _flags(root)}
    return fill("fluxcli.ps1", **tables).replace("GROUPS", ", ".join(map(_quoted, groups(root))))


def _words(root: Command) -> Iterator[str]:
    for command in root.all():
        for below in command.commands:
            after, word, meaning = map(_quoted, (command.words, below.word, below.help))
            yield f"@{{ After = {after}; Word = {word}; Help = {meaning} }}"


def _arguments(root: Command) -> Iterator[str]:
    """Return what first arguments are, grouped by equal values; others are free text."""
    places: dict[tuple[bool, str], list[str]] = {}
    for command in root.all():
        for argument in command.arguments[:1]:
            if argument.value.kind != "any":
                place = (argument.many, _takes(argument.value))
                places.setdefault(place, []).append(command.words)
    for (many, takes), commands in places.items():
        yield from wrap(f"@{{ In = {_list(commands)}; Again = {_truth(many)}; Takes = ", [takes])
        yield "}"


def _flags(root: Command) -> Iterator[str]:
    everywhere = shared(root)
    for flag, commands in uses(root).items():
        takes = f"; Takes = {_takes(flag.value)}" if flag.value else ""
        where = "" if flag in everywhere else f"; In = {_list(commands)}"
        yield f"@{{ Names = {_list(flag.names)}{takes}{where}"
        yield f"    Again = {_truth(flag.repeats)}; Help = {_quoted(flag.help)} }}"


def _takes(value: Value) -> str:
    if value.kind == "any":
        return "@()"
    return _list(value.words or [value.kind.upper()])


def _list(words: Iterable[str]) -> str:
    return f"@({', '.join(map(_quoted, words))})"


def _truth(value: bool) -> str:  # noqa: FBT001 - a literal, written out
    return "$true" if value else "$false"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
