"""`fluxcli config`: shows, changes and checks the settings.

Only parsing and output are here. `settings` defines what they mean and writes the file.

"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from fluxcli.commands.options import CommonOptions
from fluxcli.commands.typer_binding import group_of
from fluxcli.context import Context
from fluxcli.errors import Code, FluxError, ProblemsError
from fluxcli.settings import settings as resolve
from fluxcli.settings.setting_table import (
    SETTINGS,
    Setting,
    Value,
    find,
    preset_entry,
    public,
    written,
)
from fluxcli.settings.settings import CONFIG_FILE, Settings
from fluxcli.settings.variables import unused_variables
from fluxcli.system.shell_syntax import set_variable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fluxcli.output.output import Output

_LONGEST_KEY: Final = 64 * 1024
_API_KEY: Final = "api_key"

Name = Annotated[str, typer.Argument(metavar="NAME", help="A setting, such as generate.model.")]
NewValue = Annotated[
    str | None,
    typer.Argument(metavar="[VALUE]", help="Its value; a key is asked for instead."),
]


def config(_session: Context) -> None:
    """Show, change and check the settings.

    Examples:
        fluxcli config list
        fluxcli config set generate.model max
        fluxcli config check

    See: environment
    """


def path(context: Context) -> None:
    """Print the path of the config file, whether it exists or not.

    Examples:
        fluxcli config path
        fluxcli config path --json

    See: environment
    """
    _report_path(context, _output(context))


def list_(context: Context) -> None:
    """Show every setting, its value, and where the value comes from.

    Examples:
        fluxcli config list
        fluxcli config list --json

    Statuses: 2
    See: environment
    """
    settings, output = context.settings, context.output
    # Read here, so that a broken file is one error and not one for each setting.
    entries = [name for name, _ in settings.document.entries() if preset_entry(name)]
    rows = [_row(settings, name) for name in (*SETTINGS, *entries)]
    if output.json:
        for name, value, origin in rows:
            output.record({"name": name, "value": public(value), "origin": origin})
    else:
        table = [
            (name, written(value) or "-", origin or "see below") for name, value, origin in rows
        ]
        output.table(table, ("setting", "value", "from"))
    _raise_all(settings.problems())


def get(context: Context, name: Name) -> None:
    """Print the value of a setting, or an empty line if it has none.

    Examples:
        fluxcli config get generate.model
        fluxcli config get timeout

    Statuses: 2
    See: environment
    """
    setting = find(name)
    if setting.secret:
        message = f"`{setting.name}` is not shown; `config list` shows where it comes from"
        raise FluxError(Code.USAGE, message, hint="fluxcli config list")
    found = context.settings.value(setting.name)
    if context.output.json:
        context.output.record(
            {"name": setting.name, "value": public(found.value), "origin": found.origin}
        )
    else:
        context.output.answer(written(found.value))


def set_(context: Context, name: Name, value: NewValue = None) -> None:
    """Write a setting to the config file.

    The API key is asked for, or read from stdin: on the command line it would stay in the
    history of the shell.

    Examples:
        fluxcli config set generate.model max
        fluxcli config set api_key < key.txt

    Statuses: 2
    See: environment
    """
    setting, output = find(name), _output(context)
    _check_storable(setting, value)
    given = resolve.check(setting, _text(context, setting, value))
    lossy = context.settings.store(setting.name, given)
    if output.json:
        output.record({"name": setting.name, "value": public(given), "origin": CONFIG_FILE})
    output.note(f"`{setting.name}` is now `{written(given)}` in `{context.settings.config_path}`")
    _warn(context, output, setting, lossy=lossy)


def unset(context: Context, name: Name) -> None:
    """Remove a setting from the config file.

    Examples:
        fluxcli config unset generate.model
        fluxcli config unset api_key

    Statuses: 2
    See: environment
    """
    settings, output = context.settings, _output(context)
    present = dict(settings.document.entries())
    # An unknown entry may be removed, too: it may be the one that `list` warns about.
    own = name if name in present else find(name).name
    lossy = settings.store(own, None)
    if output.json:
        output.record({"name": own, "removed": own in present})
    done = "is no longer" if own in present else "was not"
    output.note(f"`{own}` {done} in `{settings.config_path}`")
    _warn(context, output, SETTINGS.get(own), lossy=lossy)


def edit(context: Context) -> None:
    """Open the config file in an editor, and check it afterwards.

    The editor is that of `VISUAL` or `EDITOR`.

    Examples:
        fluxcli config edit
        EDITOR=true fluxcli config edit

    Statuses: 2
    See: environment
    """
    where = context.settings.config_path
    from fluxcli.settings import editor

    editor.edit(where, context.env)
    alone = Settings({"FLUXCLI_CONFIG": str(where)})
    _raise_all(alone.problems())
    output = _output(context)
    for warning in alone.warnings:
        output.warn(warning)
    if output.json:
        _report_path(context, output)


def check(context: Context) -> None:
    """Check settings, folders, key, network and credits.

    Costs nothing. Each line is one finding; the exit status is that of the worst.

    Examples:
        fluxcli config check
        fluxcli config check --json

    Statuses: 2 3 5 7
    See: environment
    """
    output = _output(context)
    from fluxcli.commands.config_check import findings

    for finding in findings(context):
        if output.json:
            output.record(finding.record())
        else:
            output.answer(f"{finding.word:<7}  {finding.check:<12}  {finding.message}")
            if finding.hint:
                output.hint(finding.hint)
        if finding.error:
            context.status = max(context.status, finding.error.status)
    for warning in unused_variables(context.env):
        output.warn(warning)


def _row(settings: Settings, name: str) -> tuple[str, Value, str | None]:
    """Return a setting's name, value and origin; no value and origin, if it is invalid."""
    try:
        found = settings.value(name)
    except FluxError:
        return name, None, None
    return name, found.value, found.origin


def _text(context: Context, setting: Setting, value: str | None) -> str:
    """Return the new value as it was typed; a key is asked for, or comes through a pipe."""
    if not setting.secret:
        if value is not None:
            return value
        hint = f"fluxcli config set {setting.name} {written(setting.default) or 'VALUE'}"
        raise FluxError(Code.USAGE, f"no value for `{setting.name}` is given", hint=hint)
    if value is not None:
        message = "a key on the command line would stay in the shell's history"
        hint = f"fluxcli config set {setting.name}  (asks for it, or reads stdin)"
        raise FluxError(Code.USAGE, message, hint=hint)
    output, stdin = _output(context), context.stdin
    if output.interactive or (stdin is not None and not stdin.closed and stdin.isatty()):
        shown = "API key" if setting.name == _API_KEY else setting.name
        return output.ask_secret(f"{shown} (not shown)")
    return output.read_stdin(_LONGEST_KEY)


def _check_storable(setting: Setting, value: str | None) -> None:
    if not setting.stored:
        raise FluxError(
            Code.USAGE,
            f"`{setting.name}` cannot be set in the config file",
            hint=set_variable(setting.variables[0], value or "1"),
        )


def _warn(context: Context, output: Output, setting: Setting | None, *, lossy: bool) -> None:
    """Report what a change of the file affects, and what overrides it."""
    if lossy:
        output.warn(f"the comments in `{context.settings.config_path}` were lost")
    names = setting.variables if setting else ()
    stronger = next((name for name in names if context.env.get(name)), None)
    if stronger:
        output.warn(f"`{stronger}` is set, and is stronger than the config file")


def _output(context: Context) -> Output:
    """Return the output of the run, even if the settings are broken and to be repaired."""
    try:
        return context.output
    except FluxError:
        return context.plain_output(json=bool(context.flags.get("json")))


def _report_path(context: Context, output: Output) -> None:
    where = context.settings.config_path
    if output.json:
        output.record({"path": str(where), "exists": where.exists()})
    else:
        output.answer_path(where)


def _raise_all(problems: list[FluxError]) -> None:
    if problems:
        raise problems[0] if len(problems) == 1 else ProblemsError(problems)


def group(arguments: Sequence[str]) -> typer.Typer:
    """Return the subcommands of `fluxcli config` for typer; only the typed one, if any."""
    return group_of(config, _WORDS, CommonOptions, arguments)


_WORDS: Final[dict[str, Callable[..., None]]] = {
    "path": path,
    "list": list_,
    "get": get,
    "set": set_,
    "unset": unset,
    "edit": edit,
    "check": check,
}
