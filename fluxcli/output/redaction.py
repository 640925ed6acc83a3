"""Keeps secrets out of everything that is printed. Pure: knows no stream and no setting."""

from __future__ import annotations

import re
from binascii import b2a_base64
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MASK: Final = "***"
_URL_SAFE: Final = str.maketrans("+/", "-_")
_SHORTEST: Final = 12
"""A shorter key is not redacted: real keys have 32 characters; a sandbox may have `test`."""


class Redactor:
    """Replaces every secret, in every encoding, by `***`.

    `secrets` is called each time: the key is often known only after the first words
    have been printed.
    """

    def __init__(self, secrets: Callable[[], Sequence[str]]) -> None:
        self._secrets = secrets
        self._known: tuple[str, ...] = ()
        self._pattern: re.Pattern[str] | None = None

    def __call__(self, text: str) -> str:
        """Return `text` without the secrets."""
        secrets = tuple(self._secrets())
        if secrets != self._known:
            self._known, self._pattern = secrets, _pattern(secrets)
        return self._pattern.sub(MASK, text) if self._pattern else text


def _pattern(secrets: Sequence[str]) -> re.Pattern[str] | None:
    dresses = {d for s in secrets if len(s) >= _SHORTEST for d in _dresses(s)}
    # Of two that begin alike the longer one first, so that no tail is left behind the mask.
    ordered = sorted(dresses, reverse=True)
    return re.compile("|".join(map(re.escape, ordered))) if ordered else None


def _dresses(secret: str) -> Iterator[str]:
    """The forms in which a secret appears in URLs, tracebacks, JSON and headers."""
    yield secret
    yield from _encoded(secret.encode(errors="surrogateescape"))
    if secret.isascii() and secret.isalnum():
        return
    import json
    from urllib.parse import quote, quote_plus

    yield quote(secret, safe="", errors="surrogateescape")
    yield quote_plus(secret, errors="surrogateescape")
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]


def _encoded(secret: bytes) -> Iterator[str]:
    """The part of base64 text that depends on the secret alone, at each of three alignments."""
    for lead in range(3):
        first = -(-lead * 8 // 6)
        last = (lead + len(secret)) * 8 // 6
        text = b2a_base64(b"\0" * lead + secret).decode()[first:last]
        yield text
        yield text.translate(_URL_SAFE)
