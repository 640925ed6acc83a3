"""The tables in the script for bash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.completion.program import groups, shared, uses
from fluxcli.completion.script_frame import fill, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fluxcli.completion.program import Command, Flag, Value


def script(root: Command) -> str:
    """Return the script."""
    everywhere = shared(root)
    frame = fill(
        "fluxcli.bash",
        values=_values(root),
        shared=wrap("local shared='", map(_either, everywhere), "'"),
        commands=_commands(root, everywhere),
    )
    return frame.replace("GROUPS", " ".join(groups(root)))


def _values(root: Command) -> Iterator[str]:
    """Return what flags take, grouped by equal values."""
    takers: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for flag, words in uses(root).items():
        if flag.value:
            takers.setdefault(flag.names, {}).setdefault(_wanted(flag.value), []).extend(words)
    alike: dict[tuple[str, ...], list[str]] = {}
    for names, values in takers.items():
        alike.setdefault(tuple(_choose(values)), []).extend(names)
    for rows, patterns in alike.items():
        yield from _case(patterns, rows)


def _choose(values: dict[str, list[str]]) -> Iterator[str]:
    """Set the first value; where commands differ, the others for their commands."""
    (usual, _), *others = values.items()
    yield f"next='{usual}'"
    for wanted, commands in others:
        for words in commands:
            yield f"if [[ $command == '{words}' ]]; then next='{wanted}'; fi"


def _commands(root: Command, everywhere: Iterable[Flag]) -> Iterator[str]:
    """Return the flags and arguments of commands, equal ones grouped."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for command in root.all():
        own = [_either(flag) for flag in command.flags if flag not in everywhere]
        takes = list(_takes(command))
        lines = (
            *(wrap("flags='", own, "'") if own else ()),
            *(wrap("takes=(", takes, ")") if any(takes) else ()),
        )
        alike.setdefault(lines, []).append(f"'{command.words}'")
    for lines, words in alike.items():
        yield from _case(words, lines)


def _case(patterns: Iterable[str], rows: Iterable[str]) -> Iterator[str]:
    """Return one case, in one line if it fits."""
    *before, last = wrap("", " | ".join(patterns).split(" "), ")", end=" \\")
    yield from before
    match list(rows):
        case []:
            yield f"{last} ;;"
        case [row]:
            yield f"{last} {row} ;;"
        case several:
            yield last
            yield from (f"  {row}" for row in several)
            yield "  ;;"


def _takes(command: Command) -> Iterator[str]:
    """Return what the arguments of a command are; free text comes last, and is left out."""
    if command.commands:
        yield f"'{' '.join(below.word for below in command.commands)}'"
    for argument in command.arguments:
        if argument.value.kind != "any":
            yield f"'{_wanted(argument.value)}{'...' if argument.many else ''}'"


def _wanted(value: Value) -> str:
    if value.kind == "any":
        return ""
    return " ".join(value.words) or value.kind.upper()


def _either(flag: Flag) -> str:
    return "|".join(flag.names) + ("..." if flag.repeats else "")
