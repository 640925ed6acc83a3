"""What an answer means: whether it was charged, and what the user does next. Pure.

A submission that may have been accepted is never sent again, so everything that does not
prove a refusal is `SubmissionUnknown`. The lists here are that proof; no other module decides it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from fluxcli.client import wire_jobs, wire_kontext
from fluxcli.client.wire import task_id_of
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.prices_and_limits import KEY_PAGE

if TYPE_CHECKING:
    from fluxcli.client.wire import Record, Reply, WireName

EDGE_UNREACHED: Final = frozenset({521, 522, 523, 525, 526, 530})
"""With these the edge reports that it did not reach the service behind it."""

REFUSALS: Final = frozenset({400, 401, 402, 403, 404, 405, 422, 433, 505})
"""Codes that refuse the request itself, in the envelope or as the HTTP status."""

HTTP_REFUSALS: Final = frozenset({411, 413, 414, 415, 431})
"""HTTP statuses with which a server turns down a request before it has read it."""

GONE: Final = frozenset({404, 505})
"""Codes at creation that mean that the whole API at this path is not offered (any more)."""

_CREDITS = r"(?i)\bcredits?\b|\bbalance\b|\btop[ -]?up\b|余额|积分"
_NO_CREDITS: Final = (
    "Credits insufficient",
    (
        "Credits insufficient : Your current balance isn't enough to run this request. "
        "Please top up to continue."
    ),
)
_FIELDS: Final = frozenset({*wire_kontext.NAMES.values(), *wire_jobs.NAMES.values(), "input"})
_PAUSED: Final = "This interface is temporarily paused."
_RULES: Final = (
    "This field is required",
    "FIELD is required",
    "FIELD is not within the range of allowed options",
    "Value must be within the specified range",
)
"""Texts of a code 500 that refuse the request; `FIELD` is one of the request's field names.

Recorded or reported word by word. Similar words also occur in failures after a task was created
(`String index out of range: -1`), so a text counts only as a whole.
"""
_POLICY = r"(?i)polic|flagged|moderat|sensitive|nsfw|safety system"
_EDGE_BLOCK = rb"error code: ?10(?!15)\d\d"
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
"""Codes whose meaning does not depend on the text beside them."""


@dataclass(frozen=True, slots=True)
class SubmissionAccepted:
    """The task exists and is paid for."""

    task_id: str
    wire: WireName = "kontext"


@dataclass(frozen=True, slots=True)
class SubmissionRefused:
    """Provably not accepted. `again`: the same request may be sent again automatically.

    `gone`: the service does not offer the API at this path. `switched`: the wire format in which
    it is sent next.
    """

    error: FluxError
    again: bool = False
    retry_after: float | None = None
    gone: bool = False
    switched: WireName | None = None


@dataclass(frozen=True, slots=True)
class SubmissionUnknown:
    """It may have been accepted. `reason` says in words what happened."""

    reason: str


SubmissionResult = SubmissionAccepted | SubmissionRefused | SubmissionUnknown


def of_submission(reply: Reply) -> SubmissionResult:
    """Return what the answer to a submission proves. An answer that names a task accepts it."""
    if task_id := task_id_of(reply):
        return SubmissionAccepted(task_id)
    error = error_of(reply)
    if reply.code == 429:  # noqa: PLR2004 - HTTP
        again = error.code is Code.RATE_LIMITED
        return SubmissionRefused(error, again=again, retry_after=reply.retry_after)
    if reply.code == 455 or (reply.http in EDGE_UNREACHED and not reply.enveloped):  # noqa: PLR2004 - maintenance
        return SubmissionRefused(error, again=True, retry_after=reply.retry_after)
    if _is_refusal(reply):
        return SubmissionRefused(error, gone=reply.code in GONE)
    return SubmissionUnknown(f"the service answered {described(reply)}")


def _is_refusal(reply: Reply) -> bool:
    """Return whether the answer proves that no task was created."""
    if reply.code in REFUSALS or reply.http in HTTP_REFUSALS or _is_edge_block(reply):
        return True
    return reply.enveloped and (
        _is_paused(reply) or _is_out_of_credits(reply) or _is_validation(reply)
    )


def error_of(reply: Reply) -> FluxError:
    """Translate an answer that reports a failure into an error for the user."""
    return _with_pause(_error_of(reply), reply)


def _error_of(reply: Reply) -> FluxError:
    description = described(reply)
    if not reply.enveloped and (reply.code == 403 or _is_edge_block(reply)):  # noqa: PLR2004 - HTTP
        return FluxError(
            Code.EDGE_BLOCKED,
            f"the network edge in front of the service blocked the call: {description}",
            hint=f"{CHECK}  (the key is not at fault; try another network)",
        )
    if _is_paused(reply):
        message = f"the service has paused this model: {description}"
        return FluxError(Code.MAINTENANCE, message, hint=CHECK)
    no_credits = reply.code == 429 and re.search(_CREDITS, reply.message)  # noqa: PLR2004 - HTTP
    meaning = _MEANINGS.get(402 if no_credits or _is_out_of_credits(reply) else reply.code)
    if meaning is not None:
        return FluxError(meaning.code, f"{meaning.words}: {description}", hint=meaning.hint)
    if re.search(_POLICY, reply.message) and reply.code in {400, 422}:
        return FluxError(Code.MODERATED, f"the content policy refused the request: {description}")
    if _is_validation(reply) or reply.code in REFUSALS or reply.http in HTTP_REFUSALS:
        return FluxError(Code.REJECTED, f"the service refused the request: {description}")
    return FluxError(Code.SERVICE_ERROR, f"the service failed: {description}", hint=CHECK)


def _with_pause(error: FluxError, reply: Reply) -> FluxError:
    error.retry_after = reply.retry_after
    return error


def wire_gone(reply_error: FluxError) -> FluxError:
    """Return the error for a service that offers no API at the configured address."""
    return FluxError(
        Code.FEATURE_DISABLED,
        f"{reply_error.message}; nothing was charged",
        hint="check the address: fluxcli config get base_url",
    )


def failure_of(record: Record) -> FluxError:
    """Translate a failed task's record."""
    description = (
        f"{record.error_message or 'no reason given'} (code {record.error_code or 'none'})"
    )
    if record.error_code == 400 or re.search(_POLICY, record.error_message):  # noqa: PLR2004 - HTTP
        return FluxError(
            Code.MODERATED,
            f"the content policy stopped the image: {description}",
            hint="change the prompt; failed tasks are reported as not billed",
        )
    return FluxError(
        Code.GENERATION_FAILED,
        f"the service could not make the image: {description}",
        hint=_AGAIN,
    )


def described(reply: Reply) -> str:
    """Return a one-line description of an answer."""
    where = f"HTTP {reply.http}" + (f", code {reply.code}" if reply.code != reply.http else "")
    if reply.message:
        return f"{reply.message[:300]} ({where})"
    if reply.enveloped:
        return where
    start = " ".join(reply.body[:200].decode(errors="replace").split())
    return f"{where}, no JSON: {start[:80]}" if start else f"{where}, an empty body"


def _is_edge_block(reply: Reply) -> bool:
    return not reply.enveloped and bool(re.search(_EDGE_BLOCK, reply.body[:2000]))


def _is_paused(reply: Reply) -> bool:
    return reply.enveloped and _same(reply.message, _PAUSED)


def _is_out_of_credits(reply: Reply) -> bool:
    return reply.code == 500 and any(_same(reply.message, text) for text in _NO_CREDITS)  # noqa: PLR2004 - HTTP


def _is_validation(reply: Reply) -> bool:
    """Return whether a code 500 is one of the recorded refusals of the request's fields."""
    if reply.code != 500 or not reply.enveloped:  # noqa: PLR2004 - HTTP
        return False
    texts = (rule for rule in _RULES if "FIELD" not in rule)
    named = (
        rule.replace("FIELD", f"{prefix}{name}")
        for rule in _RULES
        if "FIELD" in rule
        for name in _FIELDS
        for prefix in ("", "input.")
    )
    return any(_same(reply.message, text) for text in (*texts, *named))


def _same(message: str, text: str) -> bool:
    """Compare whole texts; case, blanks and the final stop do not count."""
    return _plain(message) == _plain(text)


def _plain(text: str) -> str:
    return (
        " ".join(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
        .casefold()
        .rstrip(". ")
    )
