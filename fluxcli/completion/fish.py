"""The tables in the script for fish."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fluxcli.completion.program import shared, uses
from fluxcli.completion.script_frame import fill, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fluxcli.completion.program import Command, Flag, Value

_OFFERED: Final = {
    "file": "-r -F",
    "task": "-x -a '(__fluxcli_tasks)'",
    "image": "-F -a '(__fluxcli_marked_tasks)'",
    "asset": "-x -a '(__fluxcli_assets)'",
    "preset": "-x -a '(__fluxcli_names presets)'",
}


def script(root: Command) -> str:
    """Return the script."""
    taking = dict.fromkeys(name for flag in uses(root) if flag.value for name in flag.names)
    return fill(
        "fluxcli.fish",
        taking=wrap("set -g __fluxcli_taking ", taking, end=" \\"),
        words=_words(root),
        arguments=_arguments(root),
        flags=_flags(root),
    )


def _words(root: Command) -> Iterator[str]:
    for command in root.all():
        after = f"__fluxcli_after {_quoted(command.words)}"
        for below in command.commands:
            yield _line([after], f"-a {below.word} -d {_quoted(below.help)}")


def _arguments(root: Command) -> Iterator[str]:
    """Complete first arguments, grouped by equal values; others are free text."""
    places: dict[tuple[str, str], list[str]] = {}
    for command in root.all():
        for argument in command.arguments[:1]:
            test = "__fluxcli_in" if argument.many else "__fluxcli_after"
            places.setdefault((test, _offered(argument.value)), []).append(_quoted(command.words))
    for (test, offered), commands in places.items():
        if offered:
            # An asset can be preceded by its manifest.
            completion = offered.replace("(__fluxcli_assets)", "(__fluxcli_assets manifests)")
            yield _line([f"{test} {' '.join(commands)}"], completion)


def _flags(root: Command) -> Iterator[str]:
    everywhere = shared(root)
    for flag, commands in uses(root).items():
        where = [] if flag in everywhere else [_where(commands)]
        if not flag.repeats:
            where.append(f"__fluxcli_new {' '.join(flag.names)}")
        for names in _spellings(flag):
            value = " " + (_offered(flag.value) or "-x") if flag.value else ""
            yield _line(where, f"{names}{value} -d {_quoted(flag.help)}")


def _where(commands: Sequence[str]) -> str:
    if commands == ("",):
        return "__fluxcli_after ''"
    return f"__fluxcli_in {' '.join(map(_quoted, commands))}"


def _spellings(flag: Flag) -> list[str]:
    """Return the names in the form of fish, where a flag and its opposite are two."""
    short = "".join(f"-s {name[1:]} " for name in flag.names if not name.startswith("--"))
    return [f"{short}-l {name[2:]}" for name in flag.names if name.startswith("--")]


def _offered(value: Value) -> str:
    if value.kind == "words":
        return f"-x -a {_quoted(' '.join(value.words))}"
    return _OFFERED.get(value.kind, "")


def _line(conditions: Sequence[str], completion: str) -> str:
    where = "".join(f' -n "{condition}"' for condition in conditions)
    return f"complete -c fluxcli{where} {completion}"


def _quoted(text: str) -> str:
    """Return `text` as one word of fish."""
    if re.fullmatch(r"[a-z]+", text):
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
