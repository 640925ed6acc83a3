"""The program's commands, flags and texts, read from its parser: the source of all generators.

What the parser does not know (the ratios, the settings) comes from the tables that
the program itself reads. The texts of a command are its docstring: a summary, paragraphs, and

Examples:
        fluxcli generate "a red cube"

    Statuses: 4 6
    See: exit-codes json
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, Literal

import typer
import typer.main

from fluxcli.cli import make_app
from fluxcli.commands import COMMANDS, TOPICS
from fluxcli.commands.status import STATES
from fluxcli.dataclass import dataclass
from fluxcli.fast_completion import KINDS, SCRIPTS
from fluxcli.fields import RATIOS, TOLERANCE
from fluxcli.settings.setting_table import SETTINGS, STORED

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME: Final = "fluxcli"
GROUPS: Final = ("Image", "Output", "Waiting", "Spending", "General")
"""The groups of flags, in the order of help pages; a command's other flags come before them."""

Kind = Literal["words", "file", "task", "image", "asset", "preset", "any"]
_KINDS: Final[dict[str, Kind]] = {
    "FILE": "file",
    "PATH": "file",
    "FILE.toml": "file",
    "TASK": "task",
    "IMAGE": "image",
    "ASSET": "asset",
    "PRESET": "preset",
}
_WORDS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("", "aspect_ratio"): RATIOS,
    ("config get", "name"): tuple(name for name in SETTINGS if name != "api_key"),
    ("config set", "name"): STORED,
    ("config unset", "name"): STORED,
    ("status", "state"): tuple(STATES),
    ("completion", "shell"): tuple(SCRIPTS),
    ("completion", "kind"): KINDS,
    ("help", "words"): (*COMMANDS, *TOPICS),
}
"""What a command's parameter takes, or for "" that of every command."""

_SECTION: Final = re.compile(r"(Examples|Statuses|See):\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Value:
    """What can be typed at one position: one of `words`, a file, a task, an image, …, anything."""

    kind: Kind
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag. Only one of its `names`, which include its opposite, can be used.

    `value` None: it takes none. `shown` names what it takes, for people. `setting` is the
    setting that it overrides.
    """

    names: tuple[str, ...]
    help: str
    value: Value | None
    shown: str
    repeats: bool
    group: str
    default: str | int | float | bool | None
    setting: str | None = field(compare=False)


@dataclass(frozen=True, slots=True)
class Argument:
    """The argument at one position of the line; `many`: and at all that follow.

    `shown` is the name of what it takes first, `usage` all of it as a usage line has it.
    """

    shown: str
    usage: str
    value: Value
    many: bool
    required: bool
    help: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command by its words, such as `config set`; no words are the program itself.

    `help` is one line; `text` has the paragraphs below it, `statuses` the exit statuses that
    matter most, `see` the topics to read on.
    """

    words: str
    help: str
    text: tuple[str, ...]
    examples: tuple[str, ...]
    statuses: tuple[int, ...]
    see: tuple[str, ...]
    flags: tuple[Flag, ...]
    arguments: tuple[Argument, ...]
    commands: tuple[Command, ...]

    @property
    def word(self) -> str:
        """The last of its words."""
        return self.words.rpartition(" ")[2]

    @property
    def path(self) -> str:
        """Its whole name, beginning with the program's."""
        return f"{NAME} {self.words}".strip()

    @property
    def usage(self) -> str:
        """The usage line."""
        below = ["COMMAND"] if self.commands else []
        return " ".join([self.path, "[FLAGS]", *below, *(one.usage for one in self.arguments)])

    def all(self) -> Iterator[Command]:
        """Yield this command and everything below it."""
        yield self
        for command in self.commands:
            yield from command.all()

    def grouped(self) -> dict[str, list[Flag]]:
        """Return the flags by their groups, in the order of help pages."""
        own = dict.fromkeys(flag.group for flag in self.flags if flag.group not in GROUPS)
        found: dict[str, list[Flag]] = {name: [] for name in (*own, *GROUPS)}
        for flag in self.flags:
            found[flag.group].append(flag)
        return {name: flags for name, flags in found.items() if flags}


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


def groups(root: Command) -> tuple[str, ...]:
    """Return the words of the commands that have commands below them."""
    return tuple(one.words for one in root.commands if one.commands)


def _command(words: str, parsed: Any, above: typer.Context | None = None) -> Command:
    name = words.rpartition(" ")[2] or NAME
    context = typer.Context(parsed, info_name=name, parent=above, **parsed.context_settings)
    parameters = parsed.get_params(context)
    below = getattr(parsed, "commands", {})
    summary, text, sections = _texts(parsed.help or "")
    return Command(
        words=words,
        help=summary,
        text=text,
        examples=tuple(line.strip() for line in sections.get("Examples", "").splitlines()),
        statuses=tuple(map(int, sections.get("Statuses", "").split())),
        see=tuple(sections.get("See", "").split()),
        flags=tuple(_flag(one, words) for one in parameters if one.param_type_name == "option"),
        arguments=tuple(
            _argument(one, words) for one in parameters if one.param_type_name == "argument"
        ),
        commands=tuple(
            _command(f"{words} {word}".strip(), one, context) for word, one in below.items()
        ),
    )


def _texts(docstring: str) -> tuple[str, tuple[str, ...], dict[str, str]]:
    """Return the summary, the paragraphs below it and the sections of a command's docstring."""
    text: list[str] = []
    sections: dict[str, str] = {}
    for part in docstring.strip().split("\n\n"):
        if _SECTION.match(part):
            for piece in re.split(r"\n(?=[A-Z][a-z]+:)", part):
                if found := _SECTION.match(piece):
                    sections[found[1]] = found[2].rstrip()
        else:
            text.append(" ".join(part.split()))
    summary, *paragraphs = text or [""]
    return summary.removesuffix("."), tuple(paragraphs), sections


def _flag(parsed: Any, words: str) -> Flag:
    default = parsed.default
    return Flag(
        # The parser keeps the names of `--help` in a set.
        names=(*sorted(parsed.opts, key=len), *parsed.secondary_opts),
        help=_without_stop(parsed.help),
        value=None if parsed.is_flag else _value(parsed, words),
        shown=_shown(parsed),
        repeats=parsed.multiple,
        group=getattr(parsed, "rich_help_panel", None) or _group_of_own(parsed.name),
        default=default if isinstance(default, str | int | float | bool) else None,
        setting=_setting(words, parsed.name),
    )


def _group_of_own(name: str) -> str:
    return "General" if name in {"help", "version"} else "Flags"


def _argument(parsed: Any, words: str) -> Argument:
    metavar = parsed.metavar or parsed.name
    is_written = "[" in metavar or "..." in metavar or parsed.required
    return Argument(
        shown=_shown(parsed),
        usage=metavar if is_written else f"[{metavar}]",
        value=_value(parsed, words),
        many=parsed.nargs < 0,
        required=parsed.required,
        help=_without_stop(parsed.help),
    )


def _without_stop(text: str | None) -> str:
    """Return a help text as a row of a table has it: without the full stop."""
    return (text or "").strip().removesuffix(".")


def _setting(words: str, name: str) -> str | None:
    """Return the setting that a flag of a command overrides; None: it overrides none."""
    return next((one for one in (f"{words}.{name}", name) if one in SETTINGS), None)


def _shown(parsed: Any) -> str:
    """Return the name of what a parameter takes first: FILE, where it is `[FILE] [ASSET]...`."""
    shown: str = (parsed.metavar or parsed.name).split()[0].removesuffix("...")
    return shown[1:-1] if shown.startswith("[") else shown


def _value(parsed: Any, words: str) -> Value:
    """Return what a parameter takes; words in small letters in its metavar are what is typed."""
    known = _known(words, parsed.name)
    if known:
        return Value("words", known)
    if "ASSET" in (parsed.metavar or ""):
        return Value("asset")
    shown = _shown(parsed)
    literal = tuple(word for word in shown.split("|") if word == word.lower())
    return Value("words", literal) if literal else Value(_KINDS.get(shown, "any"))


def _known(words: str, name: str) -> tuple[str, ...]:
    """Return the words that a parameter takes, where its metavar does not name them."""
    if name == "safety_tolerance":
        return tuple(str(number) for number in range(TOLERANCE[words] + 1))
    return _WORDS.get((words, name)) or _WORDS.get(("", name), ())
