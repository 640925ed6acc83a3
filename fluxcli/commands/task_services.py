"""What the commands about tasks make from the context: the history and the output place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fluxcli.context import Context
    from fluxcli.files.output_path import OutputTarget
    from fluxcli.models import Task
    from fluxcli.tasks.history import History


def task_history(context: Context, *, wait: bool = False) -> History:
    """Return what polls earlier tasks: once each, or with `wait` until they are final."""
    from fluxcli.tasks.history import History

    runner = context.runner(timeout=None if wait else 0.0, save=False)
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
            Code.USAGE, "`-o -` and `--json` both want stdout", hint="-o picture.jpg --json"
        )
    if image_bytes:
        context.output.check_bytes()
