"""The one table of settings: their names, how each is read, its default, what it is for.

Pure: reads no file and no environment. Names with a dot are the defaults of requests and
stand in the config file's table of that name; the others are top-level keys.

The environment variable of a setting is `FLUXCLI_` and its name in capitals. Request
defaults have two: `FLUXCLI_GENERATE_MODEL` is for `generate` alone and is stronger than
`FLUXCLI_MODEL`, which is for both commands. Only the aspect ratio's short form,
`FLUXCLI_ASPECT_RATIO`, leaves `edit` alone: an edit keeps its input's ratio unless one
is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.fields import FIELDS, RATIOS, RequestField
from fluxcli.files.default_name import DEFAULT_NAME
from fluxcli.prices_and_limits import API_URL
from fluxcli.prices_and_limits import UPLOAD_URL as UPLOADS
from fluxcli.settings import key
from fluxcli.settings.parsers import (
    FOREVER,
    BadValueError,
    choice,
    nearest,
    nearest_ratio,
    parse_bool,
    parse_duration,
    parse_host,
    parse_interval,
    parse_text,
    parse_url,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fluxcli.task_types import Mode

Value = str | int | float | bool | key.Secret | None

COLORS: Final = ("auto", "always", "never")
APIS: Final = ("auto", "kontext", "jobs")
METADATA: Final = ("none", "sidecar", "embed")
DEFAULT_TIMEOUT: Final = 15 * 60.0
PRESETS: Final = "presets"
"""The config file's table of presets: `[presets.NAME]` has request fields and a `style`."""

PROMPT_MARK: Final = "{prompt}"
STYLE: Final = "style"


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """One setting.

    `parse` takes text or a TOML value and raises `BadValueError`. `default` None means that
    nothing is set. `stored`: it may stand in the config file. `secret`: it is never shown, and
    never read from the command line. `lowest`: the lowest of the values of all places holds.
    """

    name: str
    parse: Callable[[object], Value]
    default: Value
    help: str
    stored: bool = True
    secret: bool = False
    lowest: bool = False

    @property
    def in_preset(self) -> bool:
        """Whether it is an entry of a preset, which neither a flag nor a variable sets."""
        return self.name.startswith(f"{PRESETS}.")

    @property
    def flag(self) -> str:
        """The flag that outranks every other place: `generate.model` has `--model`."""
        return "--" + self.name.rpartition(".")[2].replace("_", "-")

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that set it, the strongest first."""
        if self.name == "api_key":
            return key.VARIABLES
        if self.in_preset:
            return ()
        own = f"FLUXCLI_{self.name.replace('.', '_').upper()}"
        mode, _, field = self.name.rpartition(".")
        if not mode or (mode, field) == ("edit", "aspect_ratio"):
            return (own,)
        return (own, f"FLUXCLI_{field.upper()}")


def _requests(mode: Mode) -> Iterator[Setting]:
    """The request fields of one mode, under its name."""
    for field in FIELDS:
        parse = _parser(field, mode)
        yield Setting(f"{mode}.{field.name}", parse, field.default_for(mode), field.help)


def _parser(field: RequestField, mode: Mode) -> Callable[[object], Value]:
    match field.kind:
        case "choice":
            near = nearest_ratio if field.values.keys() == set(RATIOS) else nearest
            return choice(field.values, shown=field.shown, near=near)
        case "whole":
            return whole(0, field.highest.get(mode))
        case "switch":
            return parse_bool
        case "text":
            return parse_text
        case "address":
            return parse_url
        case _:
            assert_never(field.kind)


def _table() -> Iterator[Setting]:
    """Every setting, in the order in which they are listed."""
    color = choice({word: word for word in COLORS}, shown=COLORS)
    apis = choice({word: word for word in APIS}, shown=APIS)
    yield Setting("api_key", key.parse_key, None, "the API key", secret=True)
    yield Setting("base_url", parse_host, API_URL, "address of the service")
    yield Setting("upload_url", parse_host, UPLOADS, "address that input images are uploaded to")
    yield Setting("api", apis, "auto", "wire format of the service: auto, kontext or jobs")
    yield Setting(
        "timeout", parse_duration, DEFAULT_TIMEOUT, "how long to wait for the result; 0: no limit"
    )
    yield Setting("interval", parse_interval, None, "the polling interval; adaptive if not set")
    yield Setting(
        "output", parse_text, DEFAULT_NAME, "a file, a folder or a template of file names"
    )
    kept = choice({word: word for word in METADATA}, shown=METADATA)
    yield Setting("metadata", kept, "none", "keep the request with the image: sidecar or embed")
    yield Setting("preset", parse_text, None, "name of a preset: `[presets.NAME]` in the file")
    text = "the key that signs the service's callbacks"
    yield Setting("webhook_hmac_key", key.parse_key, None, text, secret=True)
    text = "ring the terminal's bell when the images of a command are done"
    yield Setting("bell", parse_bool, default=False, help=text)
    yield Setting("color", color, "auto", "when to use colours: auto, always or never")
    text = "how many finished tasks to keep; older ones are removed after 60 days"
    yield Setting("history_limit", whole(100), None, text)
    yield Setting(
        "max_credits",
        whole(0),
        None,
        "the most credits that a run may spend, by estimate",
        stored=False,
    )
    text = "the most credits that all runs of this machine may spend in a day, by estimate"
    yield Setting("max_credits_per_day", whole(0), None, text, lowest=True)
    for name, text in (
        ("json", "print JSON on stdout, one object a line"),
        ("quiet", "print errors only, and warnings about money"),
        ("verbose", "print more detail"),
        ("debug", "print a trace of the HTTP traffic, without the key"),
        ("no_input", "never ask questions"),
        ("sandbox", "use the stand-in service: no key, no network, no cost"),
    ):
        yield Setting(name, parse_bool, False, text, stored=False)
    yield from _requests("generate")
    yield from _requests("edit")


SETTINGS: Final[dict[str, Setting]] = {setting.name: setting for setting in _table()}
STORED: Final = tuple(name for name, setting in SETTINGS.items() if setting.stored)
"""The settings that may stand in the config file."""


def find(name: str) -> Setting:
    """Return the setting called `name`; dashes are read as underscores.

    Raises:
        FluxError: there is none; the hint offers the nearest.
    """
    wanted = name.strip().lower().replace("-", "_")
    if wanted in SETTINGS:
        return SETTINGS[wanted]
    if (entry := preset_entry(name.strip())) is not None:
        return entry
    if wanted.startswith(f"{PRESETS}."):
        raise FluxError(
            Code.USAGE,
            f"no entry of a preset is called `{name}`",
            hint=suggestion(name.strip()) or f"fluxcli config set {PRESETS}.NAME.model max",
        )
    raise FluxError(
        Code.USAGE,
        f"no setting is called `{name}`",
        hint=suggestion(wanted) or "fluxcli config list",
    )


def preset_entry(name: str) -> Setting | None:
    """Return the setting `presets.NAME.FIELD`; None if `name` is not of this form."""
    table, _, last = name.rpartition(".")
    field = last.lower().replace("-", "_")
    parse = _PRESET_PARSERS.get(field)
    if parse is None or not table.startswith(f"{PRESETS}.") or table == f"{PRESETS}.":
        return None
    return Setting(f"{table}.{field}", parse, None, "an entry of a preset")


def _parse_style(raw: object) -> str:
    """Read a style: text in which `{prompt}` stands for the prompt."""
    text = parse_text(raw)
    if PROMPT_MARK not in text:
        raise BadValueError(f"expected text with `{PROMPT_MARK}`", nearest=f"{PROMPT_MARK}, {text}")
    return text


_PRESET_PARSERS: Final = {
    # The limits of `generate` are the wider ones; an edit checks its own when it uses them.
    **{field.name: _parser(field, "generate") for field in FIELDS},
    STYLE: _parse_style,
}


def suggestion(name: str) -> str | None:
    """Return which setting an unknown name was likely meant to be."""
    word = name.rpartition(".")[2]
    if name.startswith(f"{PRESETS}."):
        field = nearest(word, _PRESET_PARSERS) if name.count(".") > 1 else None
        return f"did you mean `{name.rpartition('.')[0]}.{field}`?" if field else None
    words = dict.fromkeys(setting.name.rpartition(".")[2] for setting in SETTINGS.values())
    meant = nearest(name, SETTINGS) if "." in name and word not in SETTINGS else None
    near = meant or nearest(word, words)
    if near is None:
        return None
    names = [full for full in SETTINGS if near in {full, full.rpartition(".")[2]}]
    return f"did you mean {' or '.join(f'`{full}`' for full in names)}?"


def public(value: Value) -> str | int | bool | None:
    """Return a value as scripts may see it: durations as text, `***` for a key."""
    return str(value) if isinstance(value, key.Secret) else storable(value)


def storable(value: Value) -> str | int | bool | None:
    """Return a value as the config file keeps it: durations as text, the key in the open."""
    if isinstance(value, key.Secret):
        return value.reveal()
    return write_duration(value) if isinstance(value, float) else value


def written(value: Value) -> str:
    """Return a value as a user would write it; nothing for None, `***` for a key."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return write_duration(value) if isinstance(value, float) else str(value)


def write_duration(seconds: float) -> str:
    """Return a duration as `parse_duration` reads it: `0`, `90s` as `1m30s`, `15m`."""
    if seconds == FOREVER:
        return "0"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{number:g}{unit}" for number, unit in parts if number)
