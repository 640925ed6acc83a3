"""Whether a request is still the one that was answered: its hash and its short form.

The hash covers everything that the image depends on: the resolved request, the original bytes
of the edited image, and `rev`. It does not cover the output, callbacks, timeouts, the order of
keys, or the version of this program. A later scheme may cover something else; earlier ones stay
here, so that a lock is still understood. A hash in a lock is never rewritten.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from fluxcli.fields import FIELDS, canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fluxcli.task_types import Request

_IN_ORDER: Final = sorted(
    ("mode", "prompt", "input", "rev", *(field.name for field in FIELDS if field.depicted))
)
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"))
_DIGEST: Final = 12
_HIDDEN: Final = ("prompt", "watermark", "input")
"""Shown as a digest: long, or not to be repeated."""

_USUAL: Final[Mapping[str, object]] = {
    field.name: field.default
    for field in FIELDS
    if field.kind != "choice" and field.default is not None
} | {"rev": 1}
"""Defaults, which `made_from` leaves out."""


def _first(request: Request, rev: int, input_identity: str | None) -> str:
    covered = canonical(request, scheme=1, depicted=True)
    covered |= {"input": input_identity, "rev": rev}
    return hashlib.sha256(_CANONICAL.encode(covered).encode()).hexdigest()


SCHEMES: Final[Mapping[int, Callable[[Request, int, str | None], str]]] = {1: _first}
CURRENT: Final = max(SCHEMES)


def request_hash(
    request: Request, *, rev: int, input_identity: str | None, scheme: int | None = None
) -> str:
    """Return `1:…`, the scheme's number and the hash of a request; by the newest unless given.

    `input_identity` is the original sha256 of the edited image, or its URL; None if none is.
    """
    number = CURRENT if scheme is None else scheme
    return f"{number}:{SCHEMES[number](request, rev, input_identity)}"


def scheme_of(text: str) -> int | None:
    """Return the number of the scheme that a hash was made by; None if it is not ours."""
    number, _, digest = text.partition(":")
    known = number.isdecimal() and len(number) <= 4 and int(number) in SCHEMES and digest  # noqa: PLR2004 - no scheme will have a longer number
    return int(number) if known else None


def made_from(request: Request, *, rev: int, input_identity: str | None) -> str:
    """Return a request's short form in one line: short values as they are, others digested.

    Defaults are left out.
    """
    parts = canonical(request, depicted=True)
    parts |= {"input": input_identity, "rev": rev}
    return " ".join(
        f"{key}={_shown(key, parts[key])}"
        for key in _IN_ORDER
        if parts.get(key) is not None and parts[key] != _USUAL.get(key)
    )


def differences(old: str, new: str) -> list[str]:
    """Return in words how two requests differ, by their short forms."""
    before, after = _parts(old), _parts(new)
    return [
        _difference(key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _difference(key: str, before: str | None, after: str | None) -> str:
    if key in _HIDDEN:
        how = "is new" if before is None else "is gone" if after is None else "changed"
        return f"the {key} {how}"
    was = before or _shown(key, _USUAL.get(key, "unset"))
    now = after or _shown(key, _USUAL.get(key, "unset"))
    return f"{key} is {now}, was {was}"


def _parts(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split() if "=" in part)


def _shown(key: str, value: object) -> str:
    if key in _HIDDEN:
        return hashlib.sha256(str(value).encode()).hexdigest()[:_DIGEST]
    return str(value).lower() if isinstance(value, bool) else str(value)
