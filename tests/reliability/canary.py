"""Where the key was seen: allowed is its header at the service, and nothing else."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from tests.worlds import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.reliability.fault_server import FaultServer
    from tests.worlds import Ran, World

_AUTHORIZED = f"authorization: Bearer {KEY}".encode()
_DRESSES = (KEY.encode(), base64.b64encode(KEY.encode())[:-2], KEY[::-1].encode())


def leaks(world: World, server: FaultServer, runs: Iterable[Ran]) -> list[str]:
    """Return every place where the key is and should not be: streams, files, requests."""
    printed = (ran.err for ran in runs if _is_in(ran.out) or _is_in(ran.err.encode()))
    found = [f"the key was printed: {message}" for message in printed]
    files = (path for path in world.root.rglob("*") if path.is_file())
    found.extend(f"the key lies in {path}" for path in files if _is_in(path.read_bytes()))
    for heard in server.heard:
        head = b"\r\n".join(
            line for line in heard.head.split(b"\r\n") if line.lower() != _AUTHORIZED.lower()
        )
        if _is_in(head) or _is_in(heard.body):
            found.append(f"the key was sent in {heard.head!r}")
        if heard.host == "result" and b"authorization" in heard.head.lower():
            found.append("the result's host was sent the key")
        if heard.host == "result" and b"cookie" in heard.head.lower():
            found.append("the result's host was sent a cookie")
    return found


def _is_in(data: bytes) -> bool:
    return any(dress in data for dress in _DRESSES)
