"""Every error a user can meet: its code, its exit status, and what to do about it.

Knows no other file. The statuses say what a script may do next; an error's code says
what happened. `TABLE` is the one list of both, and the README prints it.
"""

from __future__ import annotations

import errno
from enum import IntEnum, StrEnum
from typing import NamedTuple


class Status(IntEnum):
    """The exit statuses: what a script may do next."""

    DONE = 0
    FAILURE = 1
    USAGE = 2
    KEY = 3
    WAITING = 4
    TRY_AGAIN = 5
    UNSAVED = 6
    CREDITS = 7
    REFUSED = 8
    PARTIAL = 9
    DRIFT = 10
    UNKNOWN = 11


class StatusInfo(NamedTuple):
    """What an exit status means, whether anything was charged, and what to do next."""

    meaning: str
    charged: str
    next: str


STATUSES: dict[int, StatusInfo] = {
    0: StatusInfo("done", "yes, for new images", "nothing"),
    1: StatusInfo(
        "a bug, or a local failure: journal, stdout, no threads",
        "maybe",
        "`fluxcli status` shows what was submitted",
    ),
    2: StatusInfo(
        "wrong command line, value, setting, manifest or environment, or a file would be "
        "overwritten; nothing was sent",
        "no",
        "correct it as the hint shows",
    ),
    3: StatusInfo(
        "the API key is missing or refused",
        "no, unless the error names a task",
        "`fluxcli config set api_key`",
    ),
    4: StatusInfo(
        "the waiting ended; the task is still running and already paid",
        "yes",
        "run the same command again, or `fluxcli download TASK`",
    ),
    5: StatusInfo(
        "network, service or rate limit; nothing was accepted", "no", "run the same command later"
    ),
    6: StatusInfo("finished and paid, not saved", "yes", "`fluxcli download --unsaved`"),
    7: StatusInfo(
        "too few credits, over a cap, or no consent; nothing was sent",
        "no",
        "add credits, raise the cap, or agree with `--yes`",
    ),
    8: StatusInfo(
        "refused or failed by the service, or the result is unusable or gone",
        "maybe; failed tasks are refunded",
        "change the prompt or the request",
    ),
    9: StatusInfo(
        "several images, some of them refused or failed",
        "yes, for those that were made",
        "run the same command again: it makes only what is missing",
    ),
    10: StatusInfo("`build --check`: there is work to do", "no", "`fluxcli build --plan` shows it"),
    11: StatusInfo(
        "unknown whether the submission was accepted",
        "maybe",
        "`fluxcli status REF`; a person settles it; do not submit it again before",
    ),
    129: StatusInfo("stopped by SIGHUP", "maybe", "run the same command again"),
    130: StatusInfo("stopped by Ctrl-C", "maybe", "run the same command again"),
    143: StatusInfo("stopped by SIGTERM", "maybe", "run the same command again"),
}
"""Every exit status; help pages, topics and man pages print this table."""


class Code(StrEnum):
    """The closed list of words that stand in `error.code`."""

    USAGE = "usage"
    INVALID_REQUEST = "invalid_request"
    INPUT_UNREADABLE = "input_unreadable"
    WOULD_OVERWRITE = "would_overwrite"
    OUTPUT_UNWRITABLE = "output_unwritable"
    BINARY_TO_TERMINAL = "binary_to_terminal"
    CONFIG_INVALID = "config_invalid"
    MANIFEST_INVALID = "manifest_invalid"
    LOCK_INVALID = "lock_invalid"
    ENVIRONMENT_INVALID = "environment_invalid"
    AUTH_MISSING_KEY = "auth_missing_key"
    AUTH_REFUSED = "auth_refused"
    CALLBACK_REFUSED = "callback_refused"
    TIMED_OUT = "timed_out"
    NETWORK = "network"
    SERVICE_ERROR = "service_error"
    EDGE_BLOCKED = "edge_blocked"
    MAINTENANCE = "maintenance"
    RATE_LIMITED = "rate_limited"
    FEATURE_DISABLED = "feature_disabled"
    BUSY = "busy"
    DOWNLOAD_FAILED = "download_failed"
    NOT_AN_IMAGE = "not_an_image"
    DISK = "disk"
    CREDITS_INSUFFICIENT = "credits_insufficient"
    KEY_CAP_REACHED = "key_cap_reached"
    OVER_BUDGET = "over_budget"
    NO_CONSENT = "no_consent"
    REJECTED = "rejected"
    MODERATED = "moderated"
    GENERATION_FAILED = "generation_failed"
    UNACCEPTABLE = "unacceptable"
    TASK_NOT_FOUND = "task_not_found"
    EXPIRED = "expired"
    PARTIAL = "partial"
    DRIFT = "drift"
    OUTCOME_UNKNOWN = "outcome_unknown"
    JOURNAL = "journal"
    STDOUT_UNWRITABLE = "stdout_unwritable"
    NO_RESOURCES = "no_resources"
    INTERNAL = "internal"
    INTERRUPTED = "interrupted"


class ErrorInfo(NamedTuple):
    """What a code means: its exit status, whether the same command may simply run again."""

    status: int
    retryable: bool
    meaning: str


TABLE: dict[Code, ErrorInfo] = {
    Code.USAGE: ErrorInfo(Status.USAGE, False, "the command line itself is wrong"),
    Code.INVALID_REQUEST: ErrorInfo(Status.USAGE, False, "a value cannot work; nothing was sent"),
    Code.INPUT_UNREADABLE: ErrorInfo(Status.USAGE, False, "the input image cannot be read"),
    Code.WOULD_OVERWRITE: ErrorInfo(Status.USAGE, False, "the output file already exists"),
    Code.OUTPUT_UNWRITABLE: ErrorInfo(Status.USAGE, False, "the output cannot be written"),
    Code.BINARY_TO_TERMINAL: ErrorInfo(Status.USAGE, False, "image bytes would go to a terminal"),
    Code.CONFIG_INVALID: ErrorInfo(Status.USAGE, False, "a setting or the config file is broken"),
    Code.MANIFEST_INVALID: ErrorInfo(Status.USAGE, False, "the manifest is wrong"),
    Code.LOCK_INVALID: ErrorInfo(Status.USAGE, False, "the build's lock cannot be read or written"),
    Code.ENVIRONMENT_INVALID: ErrorInfo(
        Status.USAGE, False, "a proxy, certificate or other environment variable is unusable"
    ),
    Code.AUTH_MISSING_KEY: ErrorInfo(Status.KEY, False, "no API key is set"),
    Code.AUTH_REFUSED: ErrorInfo(Status.KEY, False, "the service refused the API key"),
    Code.CALLBACK_REFUSED: ErrorInfo(
        Status.KEY, False, "the callback's signature does not hold, or is stale or seen before"
    ),
    Code.TIMED_OUT: ErrorInfo(
        Status.WAITING, True, "waiting ended; the task is still running and already paid"
    ),
    Code.NETWORK: ErrorInfo(
        Status.TRY_AGAIN, True, "the service cannot be reached; nothing accepted"
    ),
    Code.SERVICE_ERROR: ErrorInfo(Status.TRY_AGAIN, True, "the service failed; nothing accepted"),
    Code.EDGE_BLOCKED: ErrorInfo(
        Status.TRY_AGAIN, False, "the network edge blocked the call; the key is not at fault"
    ),
    Code.MAINTENANCE: ErrorInfo(Status.TRY_AGAIN, True, "the service is under maintenance"),
    Code.RATE_LIMITED: ErrorInfo(Status.TRY_AGAIN, True, "too many submissions for this account"),
    Code.FEATURE_DISABLED: ErrorInfo(Status.TRY_AGAIN, False, "the service has switched this off"),
    Code.BUSY: ErrorInfo(Status.TRY_AGAIN, True, "another process is doing the same"),
    Code.DOWNLOAD_FAILED: ErrorInfo(Status.UNSAVED, True, "paid and finished, but not downloaded"),
    Code.NOT_AN_IMAGE: ErrorInfo(Status.UNSAVED, True, "the downloaded image is incomplete"),
    Code.DISK: ErrorInfo(Status.UNSAVED, True, "paid and finished, but it could not be written"),
    Code.CREDITS_INSUFFICIENT: ErrorInfo(Status.CREDITS, False, "the account has too few credits"),
    Code.KEY_CAP_REACHED: ErrorInfo(Status.CREDITS, False, "the key's own usage cap is reached"),
    Code.OVER_BUDGET: ErrorInfo(
        Status.CREDITS, False, "the estimate is over `--max-credits` or `max_credits_per_day`"
    ),
    Code.NO_CONSENT: ErrorInfo(
        Status.CREDITS, False, "no consent: nothing was sent, nothing was charged"
    ),
    Code.REJECTED: ErrorInfo(Status.REFUSED, False, "the service refused the request"),
    Code.MODERATED: ErrorInfo(Status.REFUSED, False, "the content policy refused the request"),
    Code.GENERATION_FAILED: ErrorInfo(Status.REFUSED, True, "the service could not make the image"),
    Code.UNACCEPTABLE: ErrorInfo(
        Status.REFUSED, False, "paid and finished, but the manifest's `accept` refuses it"
    ),
    Code.TASK_NOT_FOUND: ErrorInfo(Status.REFUSED, False, "no such task"),
    Code.EXPIRED: ErrorInfo(Status.REFUSED, False, "the result is no longer kept by the service"),
    Code.PARTIAL: ErrorInfo(Status.PARTIAL, True, "several were requested, some failed"),
    Code.DRIFT: ErrorInfo(Status.DRIFT, False, "there is work to do"),
    Code.OUTCOME_UNKNOWN: ErrorInfo(
        Status.UNKNOWN, False, "it is not known whether the submission was accepted"
    ),
    Code.JOURNAL: ErrorInfo(Status.FAILURE, False, "the local record of tasks cannot be used"),
    Code.STDOUT_UNWRITABLE: ErrorInfo(
        Status.FAILURE, False, "the answer cannot be written to stdout"
    ),
    Code.NO_RESOURCES: ErrorInfo(
        Status.FAILURE, True, "the system has no thread or file handle left"
    ),
    Code.INTERNAL: ErrorInfo(Status.FAILURE, False, "a bug in fluxcli"),
    Code.INTERRUPTED: ErrorInfo(130, True, "stopped by a signal: 128 + its number (129, 130, 143)"),
}


class FluxError(Exception):
    """What went wrong, in words for the user, with the command that mends it.

    `message` is one lower-case line; `hint` a command that can be pasted, or advice.
    `task_id` and `ref` name the task concerned, once there is one. `status` overrides the
    table's, for a signal's number only. `other_service`: the hint's command is for another service
    than the one of this run.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        hint: str | None = None,
        task_id: str | None = None,
        ref: str | None = None,
        status: int | None = None,
        other_service: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.task_id = task_id
        self.ref = ref
        self._status = status
        self.other_service = other_service
        self.retry_after: float | None = None
        """How long the service asked to wait, in seconds."""

    @property
    def status(self) -> int:
        """The exit status that this error ends the program with."""
        return TABLE[self.code].status if self._status is None else self._status

    @property
    def retryable(self) -> bool:
        """Whether the same command may simply be run again."""
        return TABLE[self.code].retryable

    def about(self, *, task_id: str | None, ref: str | None) -> FluxError:
        """The same error, naming the task it is about."""
        return FluxError(
            self.code,
            self.message,
            hint=self.hint,
            task_id=self.task_id or task_id,
            ref=self.ref or ref,
            status=self._status,
            other_service=self.other_service,
        )

    def hinting(self, hint: str) -> FluxError:
        """The same error with another hint."""
        made = self.about(task_id=None, ref=None)
        made.hint = hint
        return made

    def at(self, place: str) -> FluxError:
        """The same error, its message beginning with the place it is about."""
        made = self.about(task_id=None, ref=None)
        made.message = f"`{place}`: {self.message}"
        return made


class LaterVersionError(FluxError):
    """A later fluxcli has written something that decides about money; no command ignores it."""


class ProblemsError(FluxError):
    """Several problems that are reported together; the first one sets the status."""

    def __init__(self, errors: list[FluxError]) -> None:
        first = errors[0]
        super().__init__(first.code, "; ".join(e.message for e in errors), hint=first.hint)
        self.errors = errors


def exhausted(error: BaseException | None, *, sent: bool) -> FluxError | None:
    """Return the error for a lack of threads, file handles or memory; None for another cause.

    The cause may lie behind `error`, and then the message is that of a `FluxError`, which names
    what was tried. `sent`: something may have been submitted before.
    """
    cause, seen = error, set[int]()
    while cause is not None and not _is_exhausted(cause):
        # An exception may be its own cause.
        seen.add(id(cause))
        following = cause.__cause__ or cause.__context__
        cause = None if id(following) in seen else following
    if cause is None:
        return None
    rest = "; `fluxcli status` lists what was submitted" if sent else ""
    if isinstance(error, FluxError):
        message = error.message
    else:
        lack = str(cause) or "out of memory"
        message = f"the system gives this process no more threads, files or memory: {lack}"
    if not sent and "nothing was sent" not in message:
        message += "; nothing was sent"
    return FluxError(Code.NO_RESOURCES, message, hint=f"{LIMITS_HINT}{rest}")


LIMITS_HINT = "close other programs, or raise the limits that `ulimit -a` shows"
_LACKS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def _is_exhausted(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _LACKS
    thread = isinstance(error, RuntimeError) and "start new thread" in str(error)
    return thread or isinstance(error, MemoryError)


def overall(errors: list[FluxError], *, done: int) -> int:
    """Return the exit status of several things, `done` of which succeeded.

    Failures that all share a status have that one. Otherwise 11 if any submission is unknown,
    9 if anything was refused or failed, 6 if only downloads are missing, 4 if tasks only run.
    """
    if not errors:
        return Status.DONE
    found = {error.status for error in errors}
    if Status.UNKNOWN in found:
        return Status.UNKNOWN
    if found <= {Status.UNSAVED, Status.WAITING}:
        return Status.UNSAVED if Status.UNSAVED in found else Status.WAITING
    return found.pop() if done == 0 and len(found) == 1 else Status.PARTIAL


def reason_of(error: OSError | ValueError) -> str:
    """Return why the system refused something, in its own words, as a message continues."""
    return str(getattr(error, "strerror", None) or error).lower()
