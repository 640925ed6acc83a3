"""Whether a callback is authentic and fresh. Pure.

Source: the service's documentation, 2026. The headers `X-Webhook-Timestamp` (unix seconds) and
`X-Webhook-Signature` sign the task id and the time; the body itself is not signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fluxcli.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

TIMESTAMP_HEADER: Final = "x-webhook-timestamp"
SIGNATURE_HEADER: Final = "x-webhook-signature"
MAX_AGE_SECONDS: Final = 300.0
"""A callback that is older, or further ahead of our clock, is stale."""

LARGEST_BODY: Final = 1 << 20
_LONGEST_ID: Final = 200
_SECONDS: Final = re.compile(r"[0-9]{1,15}")


class BodyError(ValueError):
    """The body of a callback is not JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a callback's headers prove. `timestamp` is in unix seconds; None: absent or invalid.

    `replayed`: the same task and timestamp were seen before. `task_id` is what the body names,
    whether or not it is signed.
    """

    task_id: str | None
    timestamp: int | None
    signature_valid: bool
    fresh: bool
    replayed: bool = False

    @property
    def is_accepted(self) -> bool:
        """Whether the callback is authentic and fresh; a replay is too."""
        return self.signature_valid and self.fresh

    def as_replay(self) -> Verification:
        """Return the same, marked as seen before."""
        return replace(self, replayed=True)

    @property
    def problem(self) -> str | None:
        """What is wrong with the callback, as a message; None if it is valid."""
        if self.task_id is None:
            return "the callback names no task, so its signature cannot be checked"
        if not self.signature_valid:
            return f"the signature of the callback for task `{self.task_id}` does not hold"
        if not self.fresh:
            return f"the callback for task `{self.task_id}` is stale"
        if self.replayed:
            return f"the callback for task `{self.task_id}` was seen before"
        return None


def verify(
    body: bytes, headers: Iterable[tuple[str, str]], *, key: str, now: float, max_age: float
) -> Verification:
    """Check a callback's signature against `key`, and its time against `now`.

    `now` is in seconds since the epoch, `max_age` in seconds. A header that comes twice with
    different values proves nothing.

    Raises:
        BodyError: the body is not JSON.
    """
    task_id = task_id_of(body)
    stamp = _only(headers, TIMESTAMP_HEADER)
    given = _only(headers, SIGNATURE_HEADER)
    timestamp = int(stamp) if stamp is not None and _SECONDS.fullmatch(stamp) else None
    holds = (
        task_id is not None
        and timestamp is not None
        and stamp is not None
        and given is not None
        and hmac.compare_digest(
            sign(task_id, stamp, key=key).encode(), given.encode(errors="replace")
        )
    )
    return Verification(
        task_id=task_id,
        timestamp=timestamp,
        signature_valid=holds,
        fresh=timestamp is not None and abs(now - timestamp) <= max_age,
    )


def sign(task_id: str, timestamp: str, *, key: str) -> str:
    """Return the signature of a callback: base64 of HMAC-SHA256 over the id, a dot and the time."""
    signed = f"{task_id}.{timestamp}".encode(errors="replace")
    return base64.b64encode(hmac.new(key.encode(), signed, hashlib.sha256).digest()).decode()


def task_id_of(body: bytes) -> str | None:
    """Return the task that a body names: `taskId`, or `taskId` or `task_id` in its `data`.

    Raises:
        BodyError: the body is not JSON.
    """
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise BodyError("the body of the callback is not JSON") from None
    outer = document if isinstance(document, dict) else {}
    data = outer.get("data")
    inner = data if isinstance(data, dict) else {}
    named = (outer.get("taskId"), inner.get("taskId"), inner.get("task_id"))
    return next(filter(None, map(_identifier, named)), None)


def _identifier(value: object) -> str | None:
    """Return a task id, which may come as a whole number; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or len(value) > _LONGEST_ID:
        return None
    # Half a surrogate pair can be escaped in JSON, but neither stored nor sent.
    return value if value.strip() and value.isprintable() else None


def _only(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """Return the value of a header without regard to case; None if absent or ambiguous."""
    values = {value.strip() for header, value in headers if header.strip().lower() == name}
    return values.pop() if len(values) == 1 else None
