"""`fluxcli status`: how tasks stand; without names, the history of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from fluxcli.commands.options import WaitOptions
from fluxcli.context import Context
from fluxcli.errors import Code, FluxError, overall
from fluxcli.models import State

if TYPE_CHECKING:
    from fluxcli.models import Task
    from fluxcli.output.task_table import TaskReporter

RECENT: Final = 20
_TOLD_BY_STATE: Final = frozenset(
    {Code.MODERATED, Code.GENERATION_FAILED, Code.EXPIRED, Code.OUTCOME_UNKNOWN}
)


def status(
    context: Context,
    tasks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TASK]...", help="Ids, their beginnings, refs, or `@last`."),
    ] = None,
    *,
    until_final: Annotated[
        bool, typer.Option("--wait", help="Wait until every named task is final.")
    ] = False,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="So many of the latest tasks.")
    ] = RECENT,
    everything: Annotated[bool, typer.Option("--all", help="All tasks of this machine.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask the service; needs no key.")
    ] = False,
    settle: Annotated[
        str | None,
        typer.Option(
            metavar="TASKID|not-charged",
            help="Say what became of a submission of unknown outcome.",
        ),
    ] = None,
    wait: WaitOptions,
) -> None:
    """Show how tasks stand; without names, the recent ones of this machine."""
    shown = None if everything else limit
    context.configure(timeout=wait.timeout, interval=wait.interval)
    report = _reporter(context)
    if settle is not None:
        _check_settling(tasks, offline=offline)
        report.show([context.history().settle((tasks or [""])[0], settle)])
    elif offline:
        report.show(_known(context, tasks) if tasks else context.journal.recent(shown))
    elif tasks:
        _show_named(context, tasks, wait=until_final)
    else:
        report.show(_refreshed(context, context.journal.recent(shown)))


def _reporter(context: Context) -> TaskReporter:
    from fluxcli.output.task_table import TaskReporter

    return TaskReporter(context.output, context.clock.wall())


def _check_settling(tasks: list[str] | None, *, offline: bool) -> None:
    if len(tasks or []) != 1 or offline:
        raise FluxError(
            Code.USAGE,
            "`--settle` takes one task, and asks the service",
            hint="fluxcli status REF --settle TASKID",
        )


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


def _show_named(context: Context, names: list[str], *, wait: bool) -> None:
    """Poll the named tasks, and set the exit status that they add up to."""
    history = context.history(wait=wait)
    tasks = history.named(names)
    report = _reporter(context)
    seen, errors = report.watch(
        history.refreshed(tasks),
        count=len(tasks),
        usual=history.usual_seconds(tasks),
        brief=not wait,
    )
    fresh = {task.ref: task for task in seen}
    report.show([fresh[task.ref] for task in tasks if task.ref in fresh])
    for error in errors:
        # Where the task's own record tells of the failure, a script needs no second object.
        told = error.code in _TOLD_BY_STATE
        (context.output.problem if told else context.output.error)(error)
    context.status = overall(errors, done=len(tasks) - len(errors))


def _refreshed(context: Context, tasks: list[Task]) -> list[Task]:
    """Bring the unfinished tasks up to date, as far as the service can be asked."""
    running = [task for task in tasks if task.state is State.RUNNING]
    if not running:
        return tasks
    try:
        events = context.history().refreshed(running)
        seen, errors = _reporter(context).watch(events, count=len(running), usual=None, brief=True)
    except FluxError as error:
        if error.code is Code.INTERRUPTED:
            raise
        seen, errors = [], [error]
    for message in {error.message for error in errors if error.code not in _TOLD_BY_STATE}:
        context.output.warn(f"not brought up to date: {message}")
    fresh = {task.ref: task for task in seen}
    return [fresh.get(task.ref, task) for task in tasks]
