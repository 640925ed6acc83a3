"""What an answer means: for the money, and for what the user does next. Pure.

A submission that may have been accepted is never sent again, so everything that does not
prove a refusal is `SubmissionUnknown`. The lists here are that proof; nothing else in the house
decides it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from fluxcli.catalog import KEY_PAGE
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from fluxcli.client.wire_kontext import KontextWireFormat, Record, Reply

EDGE_UNREACHED: Final = frozenset({521, 522, 523, 525, 526, 530})
"""The edge says with these that it never reached the service behind it."""

REFUSALS: Final = frozenset(
    {400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 417, 422, 431, 433, 451, 505}
)
"""Codes that say the request itself was turned down: nothing was made, nothing is paid."""

_CREDITS = re.compile(r"\bcredits?\b|\bbalance\b|\btop[ -]?up\b|余额|积分", re.IGNORECASE)
_VALIDATION = re.compile(
    r"\b(?:is|are) required\b|\brequired (?:field|parameter)|\bparameters?\b|\btolerance\b"
    r"|\bout of range\b|\bmust be\b|\binvalid (?:value|prompt|model|watermark|image|url)\b",
    re.IGNORECASE,
)
_POLICY = re.compile(r"polic|flagged|moderat|sensitive|nsfw|safety system", re.IGNORECASE)
_EDGE_BLOCK = re.compile(rb"error code: ?10(?!15)\d\d")
CHECK: Final = "fluxcli config check"
_AGAIN: Final = "run the same command again; failed tasks are reported as not billed"


class _Meaning(NamedTuple):
    code: Code
    words: str
    hint: str | None = None


_KEY_REFUSED = _Meaning(
    Code.AUTH_REFUSED,
    "the service refused the API key",
    f"make a key at {KEY_PAGE}, then `fluxcli config set api_key`",
)
_MEANINGS: Final[dict[int, _Meaning]] = {
    401: _KEY_REFUSED,
    402: _Meaning(Code.CREDITS_INSUFFICIENT, "not enough credits", "fluxcli credits"),
    403: _KEY_REFUSED,
    429: _Meaning(Code.RATE_LIMITED, "too many calls for this account"),
    433: _Meaning(
        Code.KEY_CAP_REACHED,
        "the key's usage cap is reached",
        f"raise the key's limit at {KEY_PAGE}",
    ),
    455: _Meaning(Code.MAINTENANCE, "the service is under maintenance"),
    505: _Meaning(Code.FEATURE_DISABLED, "the service has switched this off"),
}
"""Codes that mean the same thing whatever the text beside them says."""


@dataclass(frozen=True, slots=True)
class SubmissionAccepted:
    """The task exists and is paid for."""

    task_id: str


@dataclass(frozen=True, slots=True)
class SubmissionRefused:
    """Provably not accepted. `again`: the same request may be sent again by itself."""

    error: FluxError
    again: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class SubmissionUnknown:
    """It may have been accepted. `reason` says in words what happened."""

    reason: str


SubmissionResult = SubmissionAccepted | SubmissionRefused | SubmissionUnknown


def of_submission(reply: Reply, wire: KontextWireFormat) -> SubmissionResult:
    """Judge the whole answer to a paid request."""
    if task_id := wire.task_id(reply):
        return SubmissionAccepted(task_id)
    error = error_of(reply, wire)
    if reply.code == 429:  # noqa: PLR2004 - HTTP
        return SubmissionRefused(
            error, again=error.code is Code.RATE_LIMITED, retry_after=reply.retry_after
        )
    if reply.code == 455 or (reply.http in EDGE_UNREACHED and not reply.enveloped):  # noqa: PLR2004 - maintenance
        return SubmissionRefused(error, again=True, retry_after=reply.retry_after)
    if reply.code in REFUSALS:
        return SubmissionRefused(error)
    if reply.enveloped and reply.code in {500, 501} and error.code is not Code.SERVICE_ERROR:
        return SubmissionRefused(error)
    return SubmissionUnknown(f"the service answered {told(reply)}")


def error_of(reply: Reply, wire: KontextWireFormat) -> FluxError:
    """Translate an answer that is no success into an error for the user."""
    said = told(reply)
    if not reply.enveloped and (reply.code == 403 or _EDGE_BLOCK.search(reply.body[:2000])):  # noqa: PLR2004 - HTTP
        return FluxError(
            Code.EDGE_BLOCKED,
            f"the network edge in front of the service blocked the call: {said}",
            hint=f"{CHECK}  (the key is not at fault; try another network)",
        )
    out_of_credits = reply.code in {429, 500} and _CREDITS.search(reply.message)
    meaning = _MEANINGS.get(402 if out_of_credits else reply.code)
    if meaning is not None:
        return FluxError(meaning.code, f"{meaning.words}: {said}", hint=meaning.hint)
    if _POLICY.search(reply.message) and reply.code in {400, 422}:
        return FluxError(Code.MODERATED, f"the content policy refused the request: {said}")
    if reply.enveloped and reply.code == 501:  # noqa: PLR2004 - the service's own
        failed = f"the service could not make the picture: {said}"
        return FluxError(Code.GENERATION_FAILED, failed, hint=_AGAIN)
    if reply.code in REFUSALS or (reply.enveloped and _is_validation(reply, wire)):
        return FluxError(Code.REJECTED, f"the service refused the request: {said}")
    return FluxError(Code.SERVICE_ERROR, f"the service failed: {said}", hint=CHECK)


def failure_of(record: Record) -> FluxError:
    """Translate a failed task's record."""
    said = f"{record.error_message or 'no reason given'} (code {record.error_code or 'none'})"
    if record.error_code == 400 or _POLICY.search(record.error_message):  # noqa: PLR2004 - HTTP
        return FluxError(
            Code.MODERATED,
            f"the content policy stopped the picture: {said}",
            hint="change the prompt; failed tasks are reported as not billed",
        )
    return FluxError(
        Code.GENERATION_FAILED,
        f"the service could not make the picture: {said}",
        hint=_AGAIN,
    )


def told(reply: Reply) -> str:
    """Say what arrived, in one line, for people and logs."""
    where = f"HTTP {reply.http}" + (f", code {reply.code}" if reply.code != reply.http else "")
    if reply.message:
        return f"{reply.message[:300]} ({where})"
    if reply.enveloped:
        return where
    start = " ".join(reply.body[:200].decode(errors="replace").split())
    return f"{where}, no JSON: {start[:80]}" if start else f"{where}, an empty body"


def _is_validation(reply: Reply, wire: KontextWireFormat) -> bool:
    """Tell whether a code 500 speaks of the request's fields."""
    if reply.code != 500:  # noqa: PLR2004 - HTTP
        return False
    named = any(name in reply.message for name in wire.parameters)
    return named or bool(_VALIDATION.search(reply.message))
