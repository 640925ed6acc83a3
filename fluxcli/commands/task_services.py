"""Makes what the task commands need from the context: runner, history, output place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fluxcli.context import Context
    from fluxcli.files.output_path import OutputTarget
    from fluxcli.task_types import Task
    from fluxcli.tasks.history import History
    from fluxcli.tasks.run_options import Existing, Metadata
    from fluxcli.tasks.task_runner import TaskRunner


def task_runner(
    context: Context,
    *,
    timeout: float | None = None,
    wait: bool = True,
    save: bool = True,
    existing: Existing = "beside",
    metadata: Metadata | None = None,
) -> TaskRunner:
    """Return the runner that makes and saves images; `timeout`, in seconds, replaces the setting.

    `metadata` None: as each task was made with.

    Raises:
        FluxError: the key is missing, or a setting is wrong.
    """
    from fluxcli.files.output_path import parse_target
    from fluxcli.tasks.run_options import RunOptions
    from fluxcli.tasks.task_runner import TaskRunner

    settings = context.settings
    options = RunOptions(
        timeout=settings.seconds("timeout") or 0.0 if timeout is None else timeout,
        interval=settings.seconds("interval"),
        deliver=context.output.answer_bytes,
        wait=wait,
        save=save,
        existing=existing,
        metadata=metadata,
    )
    fallback = parse_target(None, cwd=context.cwd)
    return TaskRunner(context.task_services, options, context.interrupts, fallback)


def task_history(context: Context, *, wait: bool = False) -> History:
    """Return the history, which polls tasks: once each, or with `wait` until they are final."""
    from fluxcli.tasks.history import History

    runner = task_runner(context, timeout=None if wait else 0.0, save=False)
    return History(runner, context.cwd)


def output_target(context: Context, tasks: Sequence[Task]) -> OutputTarget | None:
    """Return the output place that `-o` names for these tasks; None: each its own.

    Raises:
        FluxError: the images of all these tasks cannot be saved there.
    """
    from fluxcli.requests.destination import destination

    text = context.flags.get("output")
    target = None if text is None else destination(str(text), cwd=context.cwd, tasks=tasks)
    if target is not None and target.kind == "stdout":
        check_stdout(context)
    return target


def check_stdout(context: Context, *, image_bytes: bool = True) -> None:
    """Check that an image, with `image_bytes`, and nothing else can be written to stdout.

    Raises:
        FluxError: it cannot.
    """
    if context.output.json:
        raise FluxError(
            Code.USAGE, "`-o -` and `--json` both write to stdout", hint="-o image.jpg --json"
        )
    if image_bytes:
        context.output.check_bytes()
