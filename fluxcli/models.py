"""The words that every room shares: a request, a task, its state, a picture.

All are frozen. Times are seconds since the epoch (float, UTC), sizes are bytes,
widths and heights pixels. Nothing here reads, writes or knows the service's words.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code

if TYPE_CHECKING:
    from pathlib import Path

    from fluxcli.catalog import Mode


class State(StrEnum):
    """Where a task stands. `saved`, `failed` and `refused` are final; `unknown` waits for a person.

    sending    the submission has not been answered yet
    running    accepted and paid for; the service is at work
    succeeded  finished at the service, not yet on this machine's disk
    saved      on disk
    failed     accepted, and then failed, moderated or expired
    refused    never accepted: nothing was paid
    unknown    nobody can tell whether it was accepted
    """

    SENDING = "sending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    SAVED = "saved"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One picture as it is asked for, resolved: no default is left open.

    `aspect_ratio` is None only in edit mode, where it means "keep the input's".
    `input_image` is the public URL of the picture to edit; None until it is uploaded.
    """

    mode: Mode
    prompt: str
    model: str
    aspect_ratio: str | None
    output_format: str
    safety_tolerance: int
    prompt_upsampling: bool = False
    enable_translation: bool = True
    upload_cn: bool = False
    watermark: str | None = None
    callback_url: str | None = None
    input_image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A whole, checked picture: where it lies (None: on stdout), what it is."""

    path: Path | None
    bytes: int
    width: int
    height: int
    sha256: str
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task as the journal knows it.

    `ref` is the journal's own short name and exists before any `task_id` does.
    `output` is the target as it was asked for (an absolute path or template, or `-`);
    `picture` what was saved there. `n` of `count` is its place among one command's pictures.
    `source` is what an edit started from: a URL, `sha256:…` of a file's bytes, or `task:…`;
    `input_path` is that file's path at the time. `metadata` is where the request is to be kept with
    the image: `sidecar`, `embed`, or nowhere.
    `error_code` is a word of `errors.Code`.
    `wire` is the wire format that it was made in, `credits` what the service reports as charged.
    `created_at` is when we recorded it; `completed_at` when the service says it was done.
    """

    ref: str
    state: State
    request: Request
    sandbox: bool
    output: str
    created_at: float
    n: int = 1
    count: int = 1
    task_id: str | None = None
    source: str | None = None
    url: str | None = None
    accepted_at: float | None = None
    completed_at: float | None = None
    seconds: float | None = None
    picture: Picture | None = None
    error_code: str | None = None
    error_message: str | None = None
    wire: str | None = None
    credits: float | None = None
    input_path: str | None = None
    metadata: str | None = None


def is_charged(task: Task) -> bool | None:
    """Return whether credits were spent for a task; None if that is not known (yet).

    Failed tasks are refunded; one whose result has expired was made, and is not.
    """
    if task.state in {State.SENDING, State.UNKNOWN}:
        return None
    if task.state is State.FAILED:
        return task.error_code == Code.EXPIRED
    return task.state is not State.REFUSED


def is_unpaid(task: Task | None) -> bool:
    """Return whether making the image costs money: it was never paid for, or it failed."""
    return task is None or task.state in {State.REFUSED, State.FAILED}
