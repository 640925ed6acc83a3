"""The task whose image is the input of an edit: waited for while it still runs. Free of charge."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fluxcli.errors import Code, FluxError
from fluxcli.events import AwaitingInput, Trouble
from fluxcli.task_types import State
from fluxcli.tasks.poll import LASTING, Poller
from fluxcli.tasks.run_options import Wait

if TYPE_CHECKING:
    from collections.abc import Generator

    from fluxcli.task_types import Task
    from fluxcli.tasks.run_options import JobStep, RunOptions, Source, TaskServices

_GLANCE_SECONDS: Final = 0.5
"""How often an edit looks whether the task that another edit of this run polls is final."""


def finished_source(
    key: str, services: TaskServices, options: RunOptions, source: Source
) -> Generator[JobStep, None, Source]:
    """Return `source` for the image `key` with the result of its task, once that is finished.

    Edits of one input poll it once between them.

    Raises:
        FluxError: TIMED_OUT: the task still runs; it failed; a refused key. Nothing was sent.
    """
    task = source.unfinished
    if task is None:
        return source
    deadline = services.clock.monotonic() + options.timeout
    yield AwaitingInput(key=key, task_id=task.task_id or task.ref)
    try:
        while (task := services.journal.get(task.ref)).state is State.RUNNING:
            if services.polled_inputs.setdefault(task.ref, key) == key:
                task = yield from _polled(key, services, options, deadline, task)
            elif (now := services.clock.monotonic()) < deadline:
                yield Wait(min(now + _GLANCE_SECONDS, deadline))
            else:
                raise FluxError(Code.TIMED_OUT, "")
    except FluxError as error:
        raise _unusable(error, task) from error
    if task.state is State.FAILED:
        failed = FluxError(
            Code(task.error_code or Code.GENERATION_FAILED), task.error_message or ""
        )
        raise _unusable(failed, task)
    path = task.picture.path if task.picture else None
    return replace(source, unfinished=None, url=task.url, is_result=True, saved=path)


def _polled(
    key: str, services: TaskServices, options: RunOptions, deadline: float, task: Task
) -> Generator[JobStep, None, Task]:
    """Poll the task until it is final; its own end is no event of the image `key`."""
    try:
        steps = Poller(key, services, options, deadline).watch(task, new=False)
        while True:
            try:
                step = next(steps)
            except StopIteration as ended:
                final: Task = ended.value
                return final
            if isinstance(step, Wait | Trouble):
                yield step
    finally:
        services.polled_inputs.pop(task.ref, None)


def _unusable(error: FluxError, task: Task) -> FluxError:
    """Return the error of an edit whose input is not there; nothing was sent for it."""
    name = task.task_id or task.ref
    if error.code is Code.TIMED_OUT:
        return FluxError(
            Code.TIMED_OUT,
            f"the input, task `{name}`, is still running; already paid; its edit was not sent",
            hint=f"run the same command again, or `fluxcli download {name}`",
            task_id=task.task_id,
            ref=task.ref,
        )
    if error.code in LASTING:
        return error
    return FluxError(
        error.code,
        f"the input, task `{name}`, failed: {error.message}; its edit was not sent",
        hint=f"fluxcli status {name}",
    )
