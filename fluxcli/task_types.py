"""The types that all packages share: a request, a task, its state, an image.

All are frozen. Times are seconds since the epoch (float, UTC), sizes bytes, widths and heights
pixels. Nothing here does input or output, and nothing depends on the wire formats.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code

if TYPE_CHECKING:
    from pathlib import Path

Mode = Literal["generate", "edit"]


class State(StrEnum):
    """The state of a task. `saved`, `failed` and `refused` are final.

    sending    the submission has not been answered yet
    running    accepted and paid for; not finished at the service
    succeeded  finished at the service, not saved yet
    saved      saved to disk
    failed     accepted, then failed, moderated or expired
    refused    never accepted; nothing was charged
    unknown    it is not known whether it was accepted; the user settles it
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
    """The resolved request for one image: every field has a value or None.

    `aspect_ratio` is None only in edit mode, where it means "keep the input's".
    `input_image` is the public URL of the image to edit; None until it is uploaded.
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
    """An image that was checked as complete; `path` is None if it was written to stdout."""

    path: Path | None
    bytes: int
    width: int
    height: int
    sha256: str
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task, as recorded in the journal.

    `ref` is the journal's own short name; it exists before the service assigns a `task_id`.
    `output` is the requested output place (an absolute path or template, or `-`), `picture` the
    image that was saved there. `n` of `count` is its number among the images of one command.
    `source` is what an edit started from: a URL, `sha256:…` of a file's bytes, or `task:…`;
    `input_path` is that file's path at the time. `metadata` is where the request is to be kept with
    the image: `sidecar`, `embed`, or nowhere.
    `error_code` is a value of `errors.Code`.
    `wire` is the wire format of its submission, `credits` what the service reports as charged.
    `created_at` is when it was recorded here, `completed_at` when the service finished it.
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
