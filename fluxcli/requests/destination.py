"""Where `download -o` saves images, if not where they were first to be saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.errors import Code, FluxError
from fluxcli.files.default_name import DEFAULT_NAME
from fluxcli.files.output_path import format_of, parse_target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fluxcli.files.output_path import OutputTarget
    from fluxcli.task_types import Task


def destination(text: str, *, cwd: Path, tasks: Sequence[Task]) -> OutputTarget:
    """Return what `-o text` means for the images of these tasks.

    Raises:
        FluxError: several cannot go to one place, or the ending is of another format.
    """
    target = parse_target(text, cwd=cwd)
    if target.kind in {"file", "stdout"} and len(tasks) > 1:
        raise FluxError(
            Code.USAGE, f"`-o {text}` takes one image, not {len(tasks)}", hint="-o FOLDER/"
        )
    ending = format_of(target)
    for task in tasks:
        if ending not in {None, task.request.output_format}:
            raise FluxError(
                Code.INVALID_REQUEST,
                f"`-o {text}`: the image of task `{task.task_id or task.ref}` is a "
                f"{task.request.output_format.upper()}",
                hint=f"-o '{DEFAULT_NAME}'",
            )
    return target
