"""The tables in the script for zsh, in the language of its `_arguments`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.completion.program import shared, uses
from fluxcli.completion.script_frame import fill, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fluxcli.completion.program import Argument, Command, Flag, Value

_ACTIONS: Final = {
    "file": "_files",
    "task": " _fluxcli_tasks",
    "image": " _fluxcli_image",
    "asset": " _fluxcli_assets",
    "preset": " _fluxcli_presets",
}


def script(root: Command) -> str:
    """Return the script."""
    return fill("_fluxcli", flags=_flags(root), commands=_commands(root))


def _flags(root: Command) -> Iterator[str]:
    """Define an array for each set of commands that have flags in common."""
    everywhere = shared(root)
    sets: dict[str, list[str]] = {}
    for flag, commands in uses(root).items():
        name = "shared_flags" if flag in everywhere else _array(commands)
        sets.setdefault(name, []).append(_flag(flag))
    for name, flags in sets.items():
        yield from _list(f"local -a {name}", flags)


def _array(commands: Iterable[str]) -> str:
    """Name the array for some commands; `status` is a variable of zsh."""
    return "_".join(words.replace(" ", "_") or "fluxcli" for words in commands) + "_flags"


def _commands(root: Command) -> Iterator[str]:
    everywhere = shared(root)
    using = uses(root)
    alike: dict[tuple[str, ...], list[str]] = {}
    for command in root.all():
        own = dict.fromkeys(_array(using[one]) for one in command.flags if one not in everywhere)
        rows = (
            *wrap("flags=(", [f"${name}" for name in ("shared_flags", *own)], ")"),
            *_list("below", [_quoted(f"{one.word}:{one.help}") for one in command.commands]),
            *_list("arguments", [_argument(one) for one in command.arguments]),
        )
        alike.setdefault(rows, []).append(f"'{command.words}'")
    for rows, words in alike.items():
        *before, last = wrap("", " | ".join(words).split(" "), ")", end=" \\")
        yield from before
        yield last
        yield from (f"  {row}" for row in rows)
        yield "  ;;"


def _list(name: str, items: list[str]) -> Iterator[str]:
    if items:
        yield f"{name}=("
        yield from (f"  {row}" for item in items for row in item.splitlines())
        yield ")"


def _flag(flag: Flag) -> str:
    """Return a flag as `_arguments` reads it: what it excludes, its names, its meaning."""
    meaning = flag.help.replace("[", "\\[").replace("]", "\\]")
    value = f":{_name(flag.shown)}:{_action(flag.value)}" if flag.value else ""
    after = f"[{meaning}]{value}"
    names = [_spelt(name, flag.value) for name in flag.names]
    if flag.repeats:
        return _quoted(f"*{names[-1]}{after}")
    if len(names) == 1:
        return _quoted(names[0] + after)
    return f"'({' '.join(flag.names)})'{{{','.join(names)}}}{_quoted(after)}"


def _spelt(name: str, value: Value | None) -> str:
    if value is None:
        return name
    return f"{name}=" if name.startswith("--") else f"{name}+"


def _argument(argument: Argument) -> str:
    where = "*" if argument.many else ""
    # With only a message as its action, zsh would hide the flags at this position.
    action = "()" if argument.value.kind == "any" else _action(argument.value)
    return _quoted(f"{where}:{_name(argument.shown)}:{action}")


def _name(shown: str) -> str:
    return shown.replace(":", "\\:")


def _action(value: Value) -> str:
    """Return what completes a value; functions after a blank get only their own words."""
    if value.kind == "words":
        return "\n".join(wrap("(", value.words, ")")).replace(":", "\\:")
    return _ACTIONS.get(value.kind, " ")


def _quoted(text: str) -> str:
    """Return `text` as one word of zsh."""
    return "'" + text.replace("'", "'\\''") + "'"
