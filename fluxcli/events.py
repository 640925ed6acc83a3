"""The events of a run, yielded as they happen.

`tasks` and `build` yield events, `output` shows them. `key` names the image within its run:
"1", "2"… for a command's images, the asset's name in a build, the task for a download. Times and
durations are seconds, sizes bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.dataclass import dataclass

if TYPE_CHECKING:
    from fluxcli.errors import FluxError
    from fluxcli.task_types import Request, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened to the image `key`."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """Work begins; `ref` is the journal's name for it. `request` None: only its id is known."""

    ref: str
    request: Request | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    """An earlier run's task is resumed; no extra charge."""

    task: Task


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitingInput(Event):
    """The input is the image of a task that still runs."""

    task_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploading(Event):
    """The input image is being uploaded to the service."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded(Event):
    """The input image has a URL; `reused`: an earlier upload of the same bytes."""

    reused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Event):
    """Nothing is sent for `seconds`: the account's limit of submissions is reached."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitting(Event):
    """The paid request is being sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Event):
    """The task exists and is paid for."""

    ref: str
    task_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble(Event):
    """A passing failure; the same step is tried again in `seconds`."""

    error: FluxError
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded(Event):
    """The service has finished the image; `seconds` is the time it reports, if it does."""

    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloading(Event):
    """The image is being downloaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(Event):
    """A warning; the work continues."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Event):
    """The last event of an image that succeeded, as far as was requested."""

    task: Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    """The last event of an image that failed. `task` is None if none was recorded."""

    error: FluxError
    task: Task | None
