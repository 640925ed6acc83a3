"""The program's words and flags, read off its own parser: what a shell must know of them.

Knows no shell. What the parser leaves open (which ratios there are, which settings) comes from
the tables that the program itself reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import typer
import typer.main

from fluxcli.catalog import RATIOS, TOLERANCE
from fluxcli.cli import make_app
from fluxcli.settings.values import SETTINGS, STORED

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME: Final = "fluxcli"
_WIDTH: Final = 78
"""What typer makes of a terminal of 80 columns, or more."""

Kind = Literal["words", "file", "task", "image", "any"]
_KINDS: Final[dict[str, Kind]] = {"FILE": "file", "PATH": "file", "TASK": "task", "IMAGE": "image"}


@dataclass(frozen=True, slots=True)
class Value:
    """What may be typed at one place: one of `words`, a file, a task, a picture, anything."""

    kind: Kind
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag. One of its `names`, its opposite among them, shuts out the others.

    `value` None: it takes none. `shown` names what it takes, for people.
    """

    names: tuple[str, ...]
    help: str
    value: Value | None
    shown: str
    repeats: bool


@dataclass(frozen=True, slots=True)
class Argument:
    """What stands at one place of the line; `many`: and at all that follow."""

    shown: str
    value: Value
    many: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command by its words, such as `config set`; no words are the program itself.

    `help` is one line; `page` is all that `--help` shows where there is room.
    """

    words: str
    help: str
    page: str
    flags: tuple[Flag, ...]
    arguments: tuple[Argument, ...]
    commands: tuple[Command, ...]

    @property
    def word(self) -> str:
        """The last of its words."""
        return self.words.rpartition(" ")[2]

    def all(self) -> Iterator[Command]:
        """Yield this command and everything below it."""
        yield self
        for command in self.commands:
            yield from command.all()


def program() -> Command:
    """Return the whole program."""
    return _command("", typer.main.get_command(make_app()))


def uses(root: Command) -> dict[Flag, tuple[str, ...]]:
    """Return every flag with the words of the commands that take it."""
    found: dict[Flag, tuple[str, ...]] = {}
    for command in root.all():
        for flag in command.flags:
            found[flag] = (*found.get(flag, ()), command.words)
    return found


def shared(root: Command) -> tuple[Flag, ...]:
    """Return the flags that every command takes."""
    everywhere = tuple(command.words for command in root.all())
    return tuple(flag for flag, words in uses(root).items() if words == everywhere)


def _command(words: str, parsed: Any, above: typer.Context | None = None) -> Command:
    name = words.rpartition(" ")[2] or _NAME
    context = typer.Context(
        parsed, info_name=name, parent=above, terminal_width=_WIDTH, **parsed.context_settings
    )
    parameters = parsed.get_params(context)
    below = getattr(parsed, "commands", {})
    return Command(
        words=words,
        help=parsed.get_short_help_str(limit=200),
        page=parsed.get_help(context) + "\n",
        flags=tuple(_flag(one, words) for one in parameters if one.param_type_name == "option"),
        arguments=tuple(
            Argument(_shown(one), _value(one, words), one.nargs < 0)
            for one in parameters
            if one.param_type_name == "argument"
        ),
        commands=tuple(
            _command(f"{words} {word}".strip(), one, context) for word, one in below.items()
        ),
    )


def _flag(parsed: Any, words: str) -> Flag:
    return Flag(
        # The parser keeps the names of `--help` in a set.
        names=(*sorted(parsed.opts, key=len), *parsed.secondary_opts),
        help=parsed.help,
        value=None if parsed.is_flag else _value(parsed, words),
        shown=_shown(parsed),
        repeats=parsed.multiple,
    )


def _shown(parsed: Any) -> str:
    """Return the name of what a parameter takes first: FILE, where it is `[FILE] [ASSET]...`."""
    shown: str = (parsed.metavar or parsed.name).split()[0].removesuffix("...")
    return shown[1:-1] if shown.startswith("[") else shown


def _value(parsed: Any, words: str) -> Value:
    """Say what a parameter takes; words in small letters in its metavar stand for themselves."""
    known = _known(words, parsed.name)
    if known:
        return Value("words", known)
    shown = _shown(parsed)
    literal = tuple(word for word in shown.split("|") if word == word.lower())
    return Value("words", literal) if literal else Value(_KINDS.get(shown, "any"))


def _known(words: str, name: str) -> tuple[str, ...]:
    """Return the words that a parameter takes, where its metavar does not name them."""
    match words, name:
        case _, "aspect_ratio":
            return RATIOS
        case mode, "safety_tolerance":
            return tuple(str(number) for number in range(TOLERANCE[mode] + 1))
        case "config get", "name":
            return tuple(name for name in SETTINGS if name != "api_key")
        case "config set" | "config unset", "name":
            return STORED
        case _:
            return ()
