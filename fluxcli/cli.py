"""The typer application, and the one place that turns exceptions into exit statuses."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fluxcli import __version__
from fluxcli.commands import COMMANDS
from fluxcli.commands.options import CommonOptions
from fluxcli.commands.typer_binding import HelpfulCommand, HelpfulGroup, meant, named, spread
from fluxcli.context import Context
from fluxcli.errors import Code, FluxError, Status, exhausted, reason_of
from fluxcli.signals import Interrupted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fluxcli.output.output import Output

_NAME = "fluxcli"
_HELP = {"help_option_names": ["-h", "--help"]}


def _version(ctx: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        ctx.obj.plain_output(json=False).answer(f"{_NAME} {__version__}")
        raise typer.Exit


def _root(
    context: Context,
    *,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Make and edit images with Flux Kontext: paid for once, never lost.

    `--sandbox` tries any command without a key, network or cost.

    Examples:
        fluxcli generate "a lighthouse at dusk" -o lighthouse.png
        fluxcli edit lighthouse.png "make it night"
        fluxcli status

    See: money exit-codes environment json templates manifest agents
    """
    context.flags.setdefault("no_input", None)


def make_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """Return the application with all commands, or with one, if `arguments` begin with its name.

    A module of `commands` is imported only when its command is typed, for a fast start-up.
    """
    app = typer.Typer(
        name=_NAME,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        suggest_commands=False,
        context_settings=_HELP,
    )
    app.callback(cls=HelpfulGroup)(spread(_root, CommonOptions))
    wanted = meant(arguments, COMMANDS)
    for word in wanted:
        module = import_module(f"fluxcli.commands.{word}")
        if hasattr(module, "group"):
            rest = arguments[arguments.index(word) + 1 :] if len(wanted) == 1 else ()
            app.add_typer(module.group(rest), name=word)
        else:
            app.command(word, cls=HelpfulCommand)(spread(getattr(module, word), CommonOptions))
    for word in () if wanted else COMMANDS:
        app.command(word)(named)
    return app


def main(arguments: Sequence[str], context: Context) -> int:
    """Run one command line in the given world; return its exit status. Raises nothing."""
    try:
        with context.interrupts.installed():
            try:
                return _run(arguments, context)
            finally:
                # Everything that matters is on the disk by now.
                with suppress(Exception):
                    context.close()
    except Interrupted as interrupted:
        # It came while an error was printed, or while the run was cleaned up.
        return 128 + interrupted.number


def _run(arguments: Sequence[str], context: Context) -> int:
    try:
        ended: Any = make_app(arguments)(
            args=list(arguments) or ["--help"],
            prog_name=_NAME,
            obj=context,
            standalone_mode=False,
        )
        for warning in context.warnings():
            context.output.warn(warning)
        return int(ended or context.status)
    except (Exception, Interrupted) as error:  # noqa: BLE001 - no traceback reaches a user
        return _report(_explained(error, arguments, context), arguments, context)


def _explained(error: BaseException, arguments: Sequence[str], context: Context) -> FluxError:
    """Return the error to print for the exception that ended a run."""
    match error:
        case FluxError():
            return _with_its_cause(error)
        case typer.TyperException():
            from fluxcli.commands.usage_errors import usage_error

            return usage_error(error, arguments, context.cwd)
        case typer.Abort():
            return FluxError(Code.NO_CONSENT, "cancelled: no answer")
        case Interrupted(number=number):
            status, hint = 128 + number, "fluxcli status"
            return FluxError(Code.INTERRUPTED, "interrupted", hint=hint, status=status)
        case _:
            return exhausted(error, sent=True) or _bug(error)


def _with_its_cause(error: FluxError) -> FluxError:
    """Return `error`, or a lack of memory, files or threads behind it, which has another hint."""
    if error.task_id is not None or error.status not in {Status.FAILURE, Status.USAGE}:
        return error
    return exhausted(error, sent=error.status != Status.USAGE) or error


def _report(error: FluxError, arguments: Sequence[str], context: Context) -> int:
    if (error.hint or "").startswith(("--", "did you mean")):
        from fluxcli.commands.whole_commands import with_whole_commands

        error = with_whole_commands(error, arguments)
    # If even this cannot be written, only the exit status reports it.
    with suppress(FluxError):
        try:
            _output(arguments, context).error(error)
        except (OSError, MemoryError, ImportError, RuntimeError):
            # What prints could not be loaded: the limit that is reported here hits it, too.
            _report_plainly(error, context)
    return error.status


def _report_plainly(error: FluxError, context: Context) -> None:
    hint = f"hint: {error.hint}\n" if error.hint else ""
    with suppress(OSError, ValueError):
        if context.stderr is not None:
            context.stderr.write(f"error: {error.message}\n{hint}")
            context.stderr.flush()


def _output(arguments: Sequence[str], context: Context) -> Output:
    """Return the output of the run, or a plain one if its settings are broken.

    A command line that was not understood may still have asked for JSON.
    """
    words = list(arguments)
    json = "--json" in words[: words.index("--") if "--" in words else None]
    with suppress(FluxError):
        json = json or context.settings.flag("json")
    with suppress(FluxError):
        if json and not context.flags.get("json"):
            context.configure(json=True)
        return context.output
    return context.plain_output(json=json)


def _bug(error: BaseException) -> FluxError:
    """Describe a bug so that it can be reported, in one line and without its data.

    A fault of the installation or the system is not reported as a bug.
    """
    import traceback

    paid = "`fluxcli status` shows what is paid for"
    if isinstance(error, ImportError):
        message = f"a part of fluxcli {__version__} cannot be loaded: {error}"
        return FluxError(Code.INTERNAL, message, hint=f"install it again; {paid}")
    if isinstance(error, OSError):
        message = f"the system refused a call: {reason_of(error)}"
        return FluxError(Code.INTERNAL, message, hint=f"fluxcli config check  ({paid})")

    frames = traceback.extract_tb(error.__traceback__)
    where = next((f for f in reversed(frames) if "fluxcli" in f.filename), frames[-1])
    file = where.filename.replace("\\", "/").rpartition("fluxcli/")[2]
    place = f"{file}:{where.lineno}"
    return FluxError(
        Code.INTERNAL,
        f"a bug in fluxcli {__version__}: {type(error).__name__} at {place}",
        hint=f"report it at https://github.com/fluxcli/fluxcli/issues; {paid}",
    )
