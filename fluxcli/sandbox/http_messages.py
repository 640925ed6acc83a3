"""One HTTP call and its answer, broken answers included."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

Broken = Literal["no", "refused", "dropped", "reset", "silent", "truncated"]
"""How the connection fails.

`refused`: it never opens. `dropped` and `reset`: it breaks after the call was read and before a
byte of the answer; `reset` leaves the work done. `silent`: no byte is sent. `truncated`:
the head announces the whole body, and half of it comes.
"""

_ONE_PIECE: Final = 4096
_PIECES: Final = 8


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One request as it arrived.

    `host` is the authority it was sent to (`name` or `name:port`); `path` is as sent, still
    percent-encoded; `query` has one value a name, decoded; header names are lower case.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer. `delay` is in seconds: before the head, or spread over a large body."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    broken: Broken = "no"
    delay: float = 0.0

    def header(self, name: str) -> str | None:
        """Return the header of this lower-case name."""
        return dict(self.headers).get(name)

    def pieces(self) -> list[bytes]:
        """Return the parts in which the body arrives."""
        sent = self.body[: len(self.body) // 2] if self.broken == "truncated" else self.body
        if not self.delay or len(sent) <= _ONE_PIECE:
            return [sent]
        step = -(-len(sent) // _PIECES)
        return [sent[start : start + step] for start in range(0, len(sent), step)]


@dataclass(frozen=True, slots=True)
class Origins:
    """The three hosts: origins without a trailing slash."""

    api: str
    uploads: str
    results: str

    @property
    def api_host(self) -> str:
        """The authority of the API."""
        return urlsplit(self.api).netloc

    @property
    def upload_host(self) -> str:
        """The authority that takes uploads."""
        return urlsplit(self.uploads).netloc

    @property
    def result_host(self) -> str:
        """The authority of results and uploaded files."""
        return urlsplit(self.results).netloc
