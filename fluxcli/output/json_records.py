"""What a script reads: a task or an error as one JSON object. Pure; the fields are a promise.

Fields are only ever added, at the end, and `tests` spell every one of them out by hand.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from fluxcli.clock import timestamp
from fluxcli.output.text import whole
from fluxcli.prices_and_limits import CREDITS
from fluxcli.task_types import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fluxcli.callbacks.signature import Verification
    from fluxcli.errors import FluxError
    from fluxcli.task_types import Request, Task

Record = dict[str, object]


def picture_record(task: Task, prices: Mapping[str, float] = CREDITS) -> Record:
    """Return the object for one image; what is not known or absent is None.

    `path` is None too when the image went to stdout. `estimated_credits` is what the
    model costs by the price list, whether or not the task has been billed; `credits` is what the
    service says it charged, None where it reports none.
    """
    # What is about to be put in its place is known before it is there.
    request, picture = task.request, task.picture if task.state is State.SAVED else None
    path = picture.path if picture else None
    price = prices.get(request.model)
    return {
        "task_id": task.task_id,
        "ref": task.ref or None,
        "state": str(task.state),
        "mode": request.mode,
        "model": request.model,
        "prompt": request.prompt,
        "aspect_ratio": request.aspect_ratio,
        "output_format": request.output_format,
        "path": None if path is None else str(path),
        "url": task.url,
        "bytes": picture.bytes if picture else None,
        "width": picture.width if picture else None,
        "height": picture.height if picture else None,
        "sha256": picture.sha256 if picture else None,
        "created_at": timestamp(task.created_at),
        "completed_at": timestamp(task.completed_at),
        "seconds": task.seconds,
        "estimated_credits": None if price is None else whole(price),
        "sandbox": task.sandbox,
        "format": picture.format if picture else None,
        "input": task.source,
        "credits": task.credits,
    }


def error_record(error: FluxError, hint: str | None = None) -> Record:
    """Return the object for a failure; `hint` replaces the error's own.

    Several problems make one: see `ProblemsError`.
    """
    return {
        "error": {
            "code": str(error.code),
            "message": error.message,
            "hint": hint or error.hint,
            "retryable": error.retryable,
            "task_id": error.task_id,
            "ref": error.ref,
        }
    }


def callback_record(
    callback: Verification, task: Task | None, prices: Mapping[str, float] = CREDITS
) -> Record:
    """Return the object for a callback; `task` is the service's record, if it was read.

    `timestamp` is the one that was signed, in seconds since the epoch.
    """
    return {
        "signature_valid": callback.signature_valid,
        "fresh": callback.fresh,
        "replayed": callback.replayed,
        "task_id": callback.task_id,
        "timestamp": callback.timestamp,
        "task": None if task is None else picture_record(task, prices),
    }


def plan_record(
    request: Request,
    paths: Sequence[str],
    estimate: float,
    source: str | None = None,
    *,
    images: int = 1,
    unpaid: int = 1,
    preset: str | None = None,
    again: str | None = None,
    metadata: str | None = None,
) -> Record:
    """Return the object for a `--dry-run`: the request, its input, the outputs, the estimate.

    `images` are asked for, `unpaid` of them are neither made nor paid for.
    `preset` is the name of the preset in use, `again` the task whose request is made again,
    `metadata` where the request is kept with the image.
    """
    return {
        "request": asdict(request),
        "outputs": list(paths),
        "estimated_credits": whole(estimate),
        "input": source,
        "preset": preset,
        "again": again,
        "metadata": metadata,
        "images": images,
        "unpaid": unpaid,
    }


def line(record: Mapping[str, object]) -> str:
    """Return `record` as one line of plain ASCII, which survives any pipe and any locale."""
    return json.dumps(record, ensure_ascii=True)
