"""A real process, struck at a system call of its choice, and what a user makes of it.

Every call is struck that any thread makes from the first touch of the journal's folder to the
process's end: killed, interrupted, or failed with an error of the system.
"""

from __future__ import annotations

import os
import pty
import select
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.reliability.aftermath import UNKNOWN, Aftermath, finish
from tests.reliability.fault_server import FaultServer
from tests.reliability.pictures import png
from tests.reliability.tracing import Strike, Traced, Tracer
from tests.worlds import Ran, SwiftClock, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reliability.fork_server import ForkServer

HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"


@dataclass(frozen=True, slots=True)
class Plan:
    """A command line whose pictures are `files`, in the working folder."""

    name: str
    arguments: tuple[str, ...]
    files: tuple[str, ...]
    prompt: str
    ready_after: int = 2
    api: str = "kontext"


PLANS = (
    Plan(
        "generate",
        ("generate", "a lighthouse", "-o", "out.png", "--interval", "0.1"),
        ("out.png",),
        "a lighthouse",
    ),
    Plan(
        "edit",
        ("edit", "input.png", "make it night", "-o", "night.jpg", "--interval", "0.1"),
        ("night.jpg",),
        "make it night",
    ),
    Plan(
        "two",
        ("generate", "twins", "-n", "2", "-o", "t-{n}.png", "--interval", "0.1"),
        ("t-1.png", "t-2.png"),
        "twins",
    ),
    Plan(
        "jobs",
        ("generate", "a lighthouse", "-o", "out.png", "--interval", "0.1"),
        ("out.png",),
        "a lighthouse",
        api="jobs",
    ),
)


@dataclass(slots=True)
class Struck:
    """One strike: the process, what it had said by then, and what a user made of it."""

    plan: Plan
    strike: Strike | None
    traced: Traced
    ran: Ran
    screen: bytes
    partial: list[Path]
    """Files under their final names that are not whole pictures, before anything was mended."""
    lost_ids: list[str]
    """Tasks that were charged, and that neither the journal nor the output names.

    Where the process has said that it does not know (status 11), it never had the id.
    """
    after: Aftermath = field(default_factory=Aftermath)

    @property
    def where(self) -> str:
        """The strike in words, to be found again."""
        return f"{self.plan.name} {self.strike} at {self.traced.struck}"


@contextmanager
def scene(plan: Plan) -> Iterator[tuple[World, FaultServer]]:
    """Set up a world and a service for one plan; both are gone afterwards."""
    with room() as root, FaultServer(ready_after=plan.ready_after, idle=5.0) as server:
        world = World(root, clock=SwiftClock(time.time()), env={"FLUXCLI_API": plan.api})
        world.ask(server.api_url)
        (world.cwd / "input.png").write_bytes(png("the input"))
        os.mkfifo(root / "gate")
        yield world, server


@contextmanager
def room() -> Iterator[Path]:
    """Lend a new folder, in memory where there is such a place."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made there
    with tempfile.TemporaryDirectory(
        prefix="flux-", dir=memory if memory.is_dir() else None
    ) as root:
        yield Path(root)


def strike(
    fork_server: ForkServer, plan: Plan, what: Strike | None, *, terminal: bool = False
) -> Struck:
    """Run a plan in a process of its own, strike it, and see the aftermath through."""
    with scene(plan) as (world, server):
        struck = _struck(fork_server, plan, what, world, server, terminal=terminal)
        ended = struck.ran if struck.traced.struck is None or struck.ran.status < 128 else None
        files = [world.cwd / name for name in plan.files]
        struck.after = finish(
            world, server, plan.arguments, files=files, prompt=plan.prompt, before=ended
        )
        return struck


def _struck(
    fork_server: ForkServer,
    plan: Plan,
    what: Strike | None,
    world: World,
    server: FaultServer,
    *,
    terminal: bool,
) -> Struck:
    out, err, gate = world.root / "out", world.root / "err", world.root / "gate"
    master, slave = pty.openpty() if terminal else (-1, -1)
    shown = Path(os.ttyname(slave)) if terminal else err
    env = world.env | ({"TERM": "xterm-256color"} if terminal else {})
    streams = [Path("/dev/null"), out, shown]
    try:
        process = fork_server.start(
            plan.arguments, env=env, cwd=world.cwd, streams=streams, gate=gate
        )
        traced = Tracer(world.state, what).follow(process, gate=gate)
        screen = _drained(master) if terminal else err.read_bytes()
    finally:
        for end in {master, slave} - {-1}:
            os.close(end)
    ran = Ran(traced.status, out.read_bytes(), screen.decode("utf-8", "replace"))
    partial = _partial(plan, world, server)
    return Struck(plan, what, traced, ran, screen, partial, _lost_ids(ran, world, server))


def _partial(plan: Plan, world: World, server: FaultServer) -> list[Path]:
    whole = {made.picture for made in server.tasks.values()}
    files = [world.cwd / name for name in plan.files]
    return [path for path in files if path.exists() and path.read_bytes() not in whole]


def _lost_ids(ran: Ran, world: World, server: FaultServer) -> list[str]:
    known = world.run("status", "--all", "--offline", "--json").out.decode() + ran.err
    doubted = ran.status == UNKNOWN
    return [task_id for task_id in server.tasks if task_id not in known and not doubted]


def _drained(master: int) -> bytes:
    message = b""
    while select.select([master], [], [], 0)[0]:
        try:
            more = os.read(master, 65536)
        except OSError:
            break
        if not more:
            break
        message += more
    return message
