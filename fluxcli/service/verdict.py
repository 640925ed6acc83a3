"""What an answer means: for the money, and for what the user does next. Pure.

A submission that may have been accepted is never sent again, so everything that does not
prove a refusal is `Unknown`. The lists here are that proof; nothing else in the house
decides it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fluxcli.catalog import KEY_PAGE
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from fluxcli.service.dialect import FluxDialect, Record, Reply

EDGE_UNREACHED: Final = frozenset({521, 522, 523, 525, 526, 530})
"""The edge says with these that it never reached the service behind it."""

REFUSALS: Final = frozenset(
    {400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 417, 422, 431, 433, 451, 505}
)
"""Codes that say the request itself was turned down: nothing was made, nothing is paid."""

_CREDITS = re.compile(r"credit|balance|top[ -]?up|余额|积分", re.IGNORECASE)
_VALIDATION = re.compile(
    r"\brequired\b|tolerance|\bparameter|out of range|\bmust be\b|\binvalid\b|not supported",
    re.IGNORECASE,
)
_POLICY = re.compile(r"polic|flagged|moderat|sensitive|nsfw|safety system", re.IGNORECASE)
_EDGE_BLOCK = re.compile(rb"error code: ?10\d\d")
CHECK: Final = "fluxcli config check"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The task exists and is paid for."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Provably not accepted. `again`: the same request may be sent again by itself."""

    error: FluxError
    again: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been accepted. `reason` says in words what happened."""

    reason: str


Verdict = Accepted | Refused | Unknown


def of_submission(reply: Reply, dialect: FluxDialect) -> Verdict:
    """Judge the whole answer to a paid request."""
    if task_id := dialect.task_id(reply):
        return Accepted(task_id)
    error = error_of(reply, dialect)
    if reply.code == 429:  # noqa: PLR2004 - HTTP
        return Refused(error, again=error.code is Code.RATE_LIMITED, retry_after=reply.retry_after)
    if reply.code == 455 or (reply.http in EDGE_UNREACHED and not reply.enveloped):  # noqa: PLR2004 - maintenance
        return Refused(error, again=True, retry_after=reply.retry_after)
    if reply.code in REFUSALS:
        return Refused(error)
    if reply.enveloped and reply.code == 500 and error.code is not Code.SERVICE_ERROR:  # noqa: PLR2004 - HTTP
        return Refused(error)
    return Unknown(f"the service answered {told(reply)}")


def error_of(reply: Reply, dialect: FluxDialect) -> FluxError:  # noqa: PLR0911 - a table in code
    """Translate an answer that is no success into an error for the user."""
    code, said = reply.code, told(reply)
    if _EDGE_BLOCK.search(reply.body[:2000]) and not reply.enveloped:
        return FluxError(
            Code.EDGE_BLOCKED,
            f"the network edge in front of the service blocked the call: {said}",
            hint="fluxcli config check  (the key is not at fault; try another network)",
        )
    if code in {402, 429, 500} and (code == 402 or _CREDITS.search(reply.message)):  # noqa: PLR2004 - HTTP
        return FluxError(
            Code.CREDITS_INSUFFICIENT, f"not enough credits: {said}", hint="fluxcli credits"
        )
    if code in {401, 403}:
        hint = f"make a key at {KEY_PAGE}, then `fluxcli config set api_key`"
        return FluxError(Code.AUTH_REFUSED, f"the service refused the API key: {said}", hint=hint)
    if code == 433:  # noqa: PLR2004 - the service's own
        hint = f"raise the key's limit at {KEY_PAGE}"
        return FluxError(Code.KEY_CAP_REACHED, f"the key's usage cap is reached: {said}", hint=hint)
    if code == 429:  # noqa: PLR2004 - HTTP
        return FluxError(Code.RATE_LIMITED, f"too many calls for this account: {said}")
    if code == 455:  # noqa: PLR2004 - the service's own
        return FluxError(Code.MAINTENANCE, f"the service is under maintenance: {said}")
    if code == 505:  # noqa: PLR2004 - the service's own
        return FluxError(Code.FEATURE_DISABLED, f"the service has switched this off: {said}")
    if _POLICY.search(reply.message) and code in {400, 422}:
        return FluxError(Code.MODERATED, f"the content policy refused the request: {said}")
    if code in REFUSALS or (reply.enveloped and code == 500 and _names_field(reply, dialect)):  # noqa: PLR2004 - HTTP
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
        hint="run the same command again; failed tasks are reported as not billed",
    )


def told(reply: Reply) -> str:
    """Say what arrived, in one line, for people and logs."""
    where = f"HTTP {reply.http}" + (f", code {reply.code}" if reply.code != reply.http else "")
    if reply.message:
        return f"{reply.message[:300]} ({where})"
    if reply.enveloped:
        return where
    start = " ".join(reply.body[:200].decode("utf-8", "replace").split())
    return f"{where}, no JSON: {start[:80]}" if start else f"{where}, an empty body"


def _names_field(reply: Reply, dialect: FluxDialect) -> bool:
    """Tell whether an error text speaks of validation.

    Plain words such as "prompt" and "model" stand in other texts too ("the model is busy"),
    so of the field names only the compound ones count by themselves.
    """
    compound = (name for name in dialect.parameters if not name.islower())
    return bool(_VALIDATION.search(reply.message)) or any(n in reply.message for n in compound)
