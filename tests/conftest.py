"""What all tests share: a world to run commands in, and a guard that keeps them on this machine."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.worlds import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# How long an example takes depends on what else the machine does.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

# What a script starts in the background ignores Ctrl-C, and its children do too.
signal.signal(signal.SIGINT, signal.default_int_handler)

_STRAYED: list[str] = []
_ROOM = 4 << 30
_HERE = frozenset({"localhost", "localhost.", ""})


def _is_here(host: object) -> bool:
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return text in _HERE


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Let no test reach another machine; `.invalid` names fail as the resolver would."""
    if event == "socket.getaddrinfo":
        host = arguments[0] or ""
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if _is_here(host):
        return
    if not str(host).rstrip(".").endswith(".invalid"):
        _STRAYED.append(f"{event} {host}")
    raise socket.gaierror(socket.EAI_NONAME, "no test leaves this machine")


sys.addaudithook(_guard)


def pytest_configure() -> None:
    """Keep the tests' folders in memory, if there is room: a journal waits for its disk."""
    memory = "/dev/shm"  # noqa: S108 - pytest makes a private folder in it
    if sys.platform != "linux" or not os.access(memory, os.W_OK):
        return
    found = os.statvfs(memory)
    # Some tests write little programs; containers often forbid them there.
    runs = not found.f_flag & os.ST_NOEXEC
    if runs and found.f_bavail * found.f_frsize > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", memory)


@pytest.fixture(autouse=True)
def _network_guard() -> Iterator[None]:
    """Fail a test that tried to reach another machine, even if it handled the failure."""
    _STRAYED.clear()
    yield
    assert not _STRAYED


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A user's machine of its own: `world.run("status", "--json")`."""
    return World(tmp_path)
