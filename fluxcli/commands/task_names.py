"""Checks the names of tasks as typed, before anything is requested for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.errors import Code, FluxError
from fluxcli.journal.lookup import service_name
from fluxcli.system.shell_syntax import join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fluxcli.context import Context
    from fluxcli.task_types import Task

_SHORTEST: Final = 4
_LISTED: Final = 5


def check_names(context: Context, names: Sequence[str]) -> None:
    """Check that each name can mean only one task.

    Raises:
        FluxError: USAGE for a prefix that is too short or that several ids begin with, which
            are listed; TASK_NOT_FOUND for `@last` if there is no task or all have failed,
            and for a task of another service.
    """
    for name in names:
        _check_form(name)
        if name == "@last":
            _check_last(context)
        else:
            _check_prefix(context, name.removeprefix("@"), typed=name)
        context.journal.find(name)


def _check_form(name: str) -> None:
    """Refuse what cannot be a task: a prompt, a URL, a path."""
    if name.isprintable() and not {*name} & {" ", "/", "\\", ":", "."}:
        return
    from fluxcli.commands.slips import names_file

    is_file = names_file(name)
    words = ["fluxcli", "status"]
    if is_file:
        words.append(name)
    elif " " in name:
        words += ["--search", name]
    raise FluxError(Code.USAGE, f"`{name}` is not the id of a task", hint=join(words))


def _check_last(context: Context) -> None:
    if not context.journal.recent(1) or context.journal.has_usable():
        return
    tasks = context.journal.recent(None)
    if tasks:
        latest = tasks[0]
        raise FluxError(
            Code.TASK_NOT_FOUND,
            f"`@last` names no task: none of the {len(tasks)} tasks of this machine succeeded; "
            f"the latest one is {latest.state}",
            hint=f"fluxcli status {latest.task_id or latest.ref}",
        )


def _check_prefix(context: Context, name: str, *, typed: str) -> None:
    # No id contains invalid UTF-8: the search reports it.
    if len(name) < _SHORTEST and name.isprintable():
        found = context.journal.beginning(name) if name else []
        raise FluxError(
            Code.USAGE,
            f"`{typed}` is too short: give at least {_SHORTEST} characters of the task's id",
            hint=f"fluxcli status {_name(found[0])}" if len(found) == 1 else "fluxcli status",
        )
    found = context.journal.beginning(name) if name else []
    if len({task.task_id for task in found}) > 1 and not any(
        name in {task.task_id, task.ref} for task in found
    ):
        listed = ", ".join(f"`{_name(task)}`" for task in found[:_LISTED])
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        raise FluxError(
            Code.USAGE,
            f"`{name}` begins the ids of {len(found)} tasks: {listed}{more}",
            hint=f"fluxcli status {_name(found[0])}",
        )


def _name(task: Task) -> str:
    return task.task_id or task.ref


def note_elsewhere(context: Context, *, unsaved: bool) -> None:
    """Note how many tasks belong to other services, with the command that reports them."""
    for origin, count in context.journal.elsewhere(unsaved=unsaved).items():
        tasks = "1 task" if count == 1 else f"{count} tasks"
        command = context.journal.command_at(origin, "download --unsaved" if unsaved else "status")
        rest = " not saved" if unsaved else ""
        context.output.note(f"{tasks} of {service_name(origin)}{rest}: `{command}`")


def period(text: str, *, flag: str = "--since") -> float:
    """Return a period such as `7d`, `12h` or `90` (seconds), in seconds; `flag` is for errors.

    Raises:
        FluxError: INVALID_REQUEST.
    """
    from fluxcli.settings.parsers import BadValueError, parse_duration

    days, unit, rest = text.strip().lower().partition("d")
    try:
        if unit and not rest and days.isdecimal():
            return int(days) * 86400.0
        return parse_duration(text)
    except BadValueError:
        raise FluxError(
            Code.INVALID_REQUEST,
            f"`{flag} {text}`: expected a duration such as `12h` or `30d`",
            hint=f"{flag} 30d",
        ) from None
