"""`fluxcli status`: the state of tasks; without names, the history of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from fluxcli.commands.list_options import ListOptions
from fluxcli.commands.options import WaitOptions
from fluxcli.commands.task_names import check_names, note_elsewhere, period
from fluxcli.commands.task_services import task_history
from fluxcli.context import Context
from fluxcli.errors import Code, FluxError, overall, reason_of
from fluxcli.settings.parsers import nearest
from fluxcli.task_types import State

if TYPE_CHECKING:
    from pathlib import Path

    from fluxcli.output.task_table import TaskReporter
    from fluxcli.task_types import Task

_LONGEST_ID: Final = 200
_SHOWN_BY_STATE: Final = frozenset(
    {Code.MODERATED, Code.GENERATION_FAILED, Code.EXPIRED, Code.OUTCOME_UNKNOWN}
)
STATES: Final = {
    "unsaved": frozenset({State.RUNNING, State.SUCCEEDED}),
    **{state.value: frozenset({state}) for state in State},
}


def status(
    context: Context,
    tasks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TASK]...",
            help="Ids, their first 4 or more characters, refs, `@last`, or image files.",
        ),
    ] = None,
    *,
    until_final: Annotated[
        bool,
        typer.Option(
            "--wait", help="Wait until every named task is final.", rich_help_panel="Waiting"
        ),
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Print what the journal has, without network or key.")
    ] = False,
    settle: Annotated[
        str | None,
        typer.Option(
            metavar="TASKID|not-charged",
            help="Record what became of a submission whose outcome is unknown.",
        ),
    ] = None,
    filters: ListOptions,
    wait: WaitOptions,
) -> None:
    """Show the tasks of this machine, or all details of some of them.

    Costs nothing. Names are ids, their first 4 or more characters, refs, `@last`, or image files
    that fluxcli saved. `--settle` records what became of a submission whose outcome is unknown;
    the account's log shows it.

    Examples:
        fluxcli status
        fluxcli status @last
        fluxcli status --search lighthouse --since 7d --html gallery.html

    Statuses: 2 3 4 5 8 9 11
    See: money exit-codes json
    """
    context.configure(timeout=wait.timeout, interval=wait.interval)
    if settle is not None:
        _settle(context, tasks or [], settle, offline=offline)
        return
    if not tasks:
        _show_list(context, filters, offline=offline)
        return
    names = _checked(context, tasks)
    polled = (_known(context, names), []) if offline else _polled(context, names, wait=until_final)
    found, errors = polled
    if filters.html is not None:
        _write_page(context, context.cwd / filters.html, found)
    else:
        _reporter(context).cards(found, context.journal.edits_of(found))
    _report(context, errors)


def _show_list(context: Context, filters: ListOptions, *, offline: bool) -> None:
    """Print the tasks that match the filters as a table, or write them to a page."""
    found = _listed(context, filters, offline=offline)
    if filters.html is not None:
        _write_page(context, context.cwd / filters.html, found)
        return
    _reporter(context).show(found, none="no task matches" if filters.is_any else "no tasks yet")
    if not offline or not found:
        note_elsewhere(context, unsaved=False)


def _settle(context: Context, tasks: list[str], outcome: str, *, offline: bool) -> None:
    """Record what became of the one named submission, and print it."""
    if len(tasks) != 1 or offline:
        raise FluxError(
            Code.USAGE,
            "`--settle` takes one task, and asks the service",
            hint="fluxcli status REF --settle TASKID",
        )
    (name,) = _checked(context, tasks)
    _reporter(context).show([task_history(context).settle(name, outcome)])


def _checked(context: Context, tasks: list[str]) -> list[str]:
    """Return the names of tasks, an image file by its task's id, each checked to mean one."""
    names = [_named(context, name) for name in tasks]
    check_names(context, names)
    return names


def _listed(context: Context, filters: ListOptions, *, offline: bool) -> list[Task]:
    """Return the tasks to list, newest first, brought up to date unless `offline`."""
    every = filters.everything or filters.html is not None
    limit = None if every else filters.limit
    states = _states(filters.state)
    # A running task may have any state by now, so that it is polled before the filter.
    asked = states if offline or states is None else states | {State.RUNNING}
    found = _selected(context, filters, asked, limit=None if filters.is_any else limit)
    if asked == states:
        found = found[:limit]
    fresh = found if offline else _refreshed(context, found)
    return [task for task in fresh if states is None or task.state in states][:limit]


def _states(name: str | None) -> frozenset[State] | None:
    """Return the states that `--state` names; None for all."""
    states = None if name is None else STATES.get(name)
    if name is not None and states is None:
        raise FluxError(
            Code.USAGE,
            f"`--state {name}`: expected one of {', '.join(STATES)}",
            hint=f"--state {nearest(name.casefold(), STATES) or 'unsaved'}",
        )
    return states


def _reporter(context: Context) -> TaskReporter:
    from fluxcli.output.task_table import TaskReporter

    return TaskReporter(context.output, context.clock.wall())


def _named(context: Context, name: str) -> str:
    """Return the id of the task that made the image file `name`; other names as they are."""
    from pathlib import PurePath

    path = context.cwd / name
    if not (PurePath(name).suffix or "/" in name):
        return name
    if not path.is_file():
        from fluxcli.commands.slips import names_file

        if not names_file(name):
            return name
        message = f"there is no image file `{name}`"
        raise FluxError(Code.TASK_NOT_FOUND, message, hint="fluxcli status")
    import hashlib

    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        message = f"`{name}` cannot be read: {reason_of(error)}"
        raise FluxError(Code.INPUT_UNREADABLE, message) from None
    task = context.journal.of_named_file(digest)
    if task is not None:
        return task.task_id or task.ref
    if (recorded := _recorded_id(path)) is not None:
        return recorded
    raise FluxError(
        Code.TASK_NOT_FOUND,
        f"`{name}` is not an image that a task of this machine saved, or it was changed since",
        hint="fluxcli status",
    )


def _recorded_id(path: Path) -> str | None:
    """Return the id of a task that the metadata of an image names, even one of another machine."""
    from fluxcli.files.metadata import read_metadata

    found = (read_metadata(path) or {}).get("task_id")
    is_id = isinstance(found, str) and found.isprintable() and 0 < len(found) <= _LONGEST_ID
    return str(found) if is_id else None


def _selected(
    context: Context,
    filters: ListOptions,
    states: frozenset[State] | None,
    *,
    limit: int | None,
) -> list[Task]:
    """Return the tasks of this machine that match all filters, newest first."""
    earliest = _earliest(context, filters.since)
    words = (filters.search or "").casefold().split()
    return [
        task
        for task in context.journal.recent(limit)
        if (states is None or task.state in states)
        and task.created_at >= earliest
        and all(word in task.request.prompt.casefold() for word in words)
    ]


def _earliest(context: Context, since: str | None) -> float:
    """Return when a period such as `7d` before now began, in seconds since the epoch."""
    return 0.0 if since is None else context.clock.wall() - period(since)


def _write_page(context: Context, path: Path, tasks: list[Task]) -> None:
    """Write the gallery page in one step, and print its path."""
    from fluxcli.files.atomic import write_atomically
    from fluxcli.output.gallery import page

    text = page(tasks, context.journal.recent(None), context.clock.wall(), context.output.command)
    try:
        write_atomically(path, text.encode(errors="replace"))
    except OSError as error:
        message = f"cannot write `{path}`: {reason_of(error)}"
        raise FluxError(Code.OUTPUT_UNWRITABLE, message) from None
    context.output.answer_path(path)


def _known(context: Context, names: list[str]) -> list[Task]:
    """Return the tasks of these names that the journal knows."""
    found = {name: context.journal.find(name) for name in names}
    missing = [name for name, task in found.items() if task is None]
    if missing:
        raise FluxError(
            Code.TASK_NOT_FOUND,
            f"no task `{missing[0]}` is known here",
            hint=f"fluxcli status {missing[0]}",
        )
    return [task for task in found.values() if task is not None]


def _polled(
    context: Context, names: list[str], *, wait: bool
) -> tuple[list[Task], list[FluxError]]:
    """Poll the named tasks, set the exit status; return them and their errors."""
    history = task_history(context, wait=wait)
    tasks = history.named(names)
    seen, errors = _reporter(context).watch(
        history.refreshed(tasks),
        count=len(tasks),
        usual=history.usual_seconds(tasks),
        brief=not wait,
    )
    context.status = overall(errors, done=len(tasks) - len(errors))
    fresh = {task.ref: task for task in seen}
    return [fresh[task.ref] for task in tasks if task.ref in fresh], errors


def _report(context: Context, errors: list[FluxError]) -> None:
    """Print the errors of tasks whose records are printed already."""
    for error in errors:
        # If the task's record has the failure, a script needs no second object.
        if error.code is Code.OUTCOME_UNKNOWN:
            context.output.problem(error)
        elif error.code in _SHOWN_BY_STATE:
            # The card ends with the next command; the hint would lead back to this card.
            context.output.problem(FluxError(error.code, error.message))
        else:
            context.output.error(error)


def _refreshed(context: Context, tasks: list[Task]) -> list[Task]:
    """Bring the unfinished tasks up to date, as far as the service can be reached."""
    running = [task for task in tasks if task.state is State.RUNNING]
    if not running:
        return tasks
    try:
        events = task_history(context).refreshed(running)
        seen, errors = _reporter(context).watch(events, count=len(running), usual=None, brief=True)
    except FluxError as error:
        if error.code is Code.INTERRUPTED:
            raise
        seen, errors = [], [error]
    for message in {error.message for error in errors if error.code not in _SHOWN_BY_STATE}:
        context.output.warn(f"not brought up to date: {message}")
    fresh = {task.ref: task for task in seen}
    return [fresh.get(task.ref, task) for task in tasks]
