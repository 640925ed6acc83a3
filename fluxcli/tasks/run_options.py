"""What a job works with: the image's request, the run's options, the services."""

from __future__ import annotations

import threading
from dataclasses import field
from typing import TYPE_CHECKING, BinaryIO, Final, Literal

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code
from fluxcli.events import Event, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fluxcli.client.client import Service
    from fluxcli.clock import Clock
    from fluxcli.errors import FluxError
    from fluxcli.files.image_check import Input
    from fluxcli.files.output_path import OutputTarget
    from fluxcli.journal.journal import Journal
    from fluxcli.task_types import Picture, Request, Task

PASSING: Final = (Code.NETWORK, Code.SERVICE_ERROR, Code.MAINTENANCE, Code.RATE_LIMITED)
"""Errors that may pass, in calls that are free and may be repeated."""

_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 15.0)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done before `until`, by the monotonic clock.

    `is_read`: what comes next is a short read, which no long call may delay.
    """

    until: float
    is_read: bool = False


JobStep = Event | Wait
Existing = Literal["replace", "beside", "skip", "refuse"]
Metadata = Literal["none", "sidecar", "embed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The input of an edit: a `url` that the service can read, or an `input` file.

    `identity` identifies it: the URL, `sha256:…` of the bytes, or `task:…`. With neither,
    `error` is the reason, and nothing can be made from it. `is_result`: the URL is the result of
    an earlier task, which the service may have dropped; `saved` is the file it was saved to.
    `unfinished` is the earlier task while it still runs: its image is waited for.
    """

    identity: str
    url: str | None = None
    input: Input | None = None
    error: FluxError | None = None
    is_result: bool = False
    saved: Path | None = None
    unfinished: Task | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRequest:
    """The request for one image: `n` of `count`, from `source` if it is an edit, to `target`."""

    request: Request
    target: OutputTarget
    source: Source | None = None
    n: int = 1
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How far and how long. `timeout` is in seconds and may be infinite.

    `wait`: until it is finished; `save`: until it is on disk. `interval` fixes the time
    between two looks. `existing` is what becomes of a file in the way: it is replaced, the picture
    is saved beside it or not fetched at all, or that is refused. `deliver` takes the picture
    where the target is stdout. `check` examines a whole image before it takes its place, and
    raises `FluxError` if it must not. `metadata` is where the request is kept with the image; None:
    as each task was made with.
    """

    timeout: float
    interval: float | None = None
    wait: bool = True
    save: bool = True
    existing: Existing = "beside"
    deliver: Callable[[BinaryIO], None] | None = None
    check: Callable[[Picture], None] | None = None
    metadata: Metadata | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskServices:
    """Client, journal and clock, shared by all images of a run. `account` is a short hash.

    `available` are the links to inputs that were found to work in this run, `polled_inputs` the
    tasks that an edit of this run polls for their images: by the ref, the edit's key.
    """

    service: Service
    journal: Journal
    clock: Clock
    account: str
    uploading: threading.Lock = field(default_factory=threading.Lock)
    available: set[str] = field(default_factory=set)
    polled_inputs: dict[str, str] = field(default_factory=dict)


class RetryBudget:
    """Retries what may pass, with growing pauses, for `seconds` in all."""

    def __init__(self, key: str, clock: Clock, seconds: float) -> None:
        self._key = key
        self._clock = clock
        self._tries = 0
        self.give_up = clock.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether the time to try again has passed."""
        return self._clock.monotonic() > self.give_up

    def again(
        self, error: FluxError, *passing: Code, pause: float | None = None
    ) -> Iterator[JobStep]:
        """Wait if `error` may pass and time is left, else raise it."""
        now = self._clock.monotonic()
        seconds = _PAUSES[min(self._tries, len(_PAUSES) - 1)] if pause is None else pause
        if error.code not in passing or now + seconds > self.give_up:
            raise error
        self._tries += 1
        yield Trouble(key=self._key, error=error, seconds=seconds)
        yield Wait(now + seconds)
