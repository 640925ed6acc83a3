"""A scripted transport: each call is answered, or fails, as the script's next entry says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from fluxcli.client.client import Service
from fluxcli.client.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "c0ffee00c0ffee00c0ffee00c0ffee00"
API = "https://api.invalid"
UPLOADS = "https://uploads.invalid"

Act = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


@dataclass
class Unsent:
    """A failure before the first byte leaves."""

    error: Exception


class BrokenImageError(httpx.SyncByteStream):
    """A body that breaks off after some bytes."""

    def __init__(self, start: bytes, error: Exception) -> None:
        self._start = start
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield self._start
        raise self._error


@dataclass
class Script(httpx.BaseTransport):
    """Answers by `acts`, the last one for ever; keeps what was asked in `calls` and `sent`."""

    acts: list[Act | Unsent]
    calls: list[httpx.Request] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Act as httpcore does, reporting when bytes leave."""
        act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        self.calls.append(request)
        if isinstance(act, Unsent):
            raise act.error
        trace = request.extensions["trace"]
        trace("http11.send_request_headers.started", {"request": request})
        self.sent.append(request.read())
        if isinstance(act, Exception):
            raise act
        return act if isinstance(act, httpx.Response) else act(request)


def transport(script: httpx.BaseTransport, **options: Callable[[str], None]) -> Transport:
    """Return a transport to the script."""
    return Transport(env={}, transport=script, **options)


def service(*acts: Act | Unsent) -> tuple[Service, Script]:
    """Return a service that is this script, and the script."""
    script = Script(list(acts))
    made = Service(transport=transport(script), key=lambda: KEY, base_url=API, upload_url=UPLOADS)
    return made, script
