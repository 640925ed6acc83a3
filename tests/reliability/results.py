"""Results that lead astray, over real connections: out of TLS, or on and on without an end."""

from __future__ import annotations

import itertools
import socket
import ssl
import struct
import sys
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trustme

from tests.benchmarks.running import Command, weigh
from tests.reliability.aftermath import finish
from tests.reliability.fault_server import Answer, Fault, FaultServer
from tests.reliability.figures import Figure
from tests.reliability.pictures import jpeg, png
from tests.reliability.strikes import room
from tests.worlds import SwiftClock, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reliability.fault_server import Wire
    from tests.reliability.figures import Size

NOT_SAVED: Final = 6
FOR_EVER: Final = 1_000_000
MOVED: Final = (301, 302, 303, 307, 308)
HURRIED: Final = "tests.reliability.hurried"
PROMPT: Final = "a lighthouse"
ARGUMENTS: Final = ("generate", PROMPT, "-o", "out.png", "--interval", "0.1")

MIB: Final = 1 << 20
TAKEN_LIMIT: Final = 300 * MIB
"""A picture may have 256 MiB; the rest is in buffers."""

MEMORY_LIMIT: Final = 100 * MIB
RATE: Final = 20
"""How much faster than usual the client's time passes, so that a trial ends."""

TIMEOUT: Final = ("--timeout", "60s")
"""A finished image may be tried for two minutes all the same."""

SECONDS_LIMIT: Final = 30.0


# -- out of TLS -----------------------------------------------------------------------------


def redirects(_size: Size) -> Figure:
    """Let a result's host redirect from https to http, at once or after another redirect."""
    figure = Figure("redirects of a result from https to http", "status 6, no file, nothing sent")
    for status, hops in itertools.product(MOVED, (1, 2, 3)):
        wrong = redirected(status, hops)
        figure.trials += 1
        figure.found["wrong"] += len(wrong)
        for one in wrong:
            figure.fail(f"HTTP {status}, hop {hops}: {one}")
    return figure


def redirected(status: int, hops: int) -> list[str]:
    """Lead a result to plain http by the last of so many redirects; return what is wrong."""
    with room() as root, secured(root) as (world, server), _listener() as stranger:
        plain = f"http://127.0.0.1:{stranger.getsockname()[1]}/r.png"
        hop = itertools.cycle([*["/hop"] * (hops - 1), plain])

        def lead(wire: Wire, _: Answer) -> None:
            wire.send(Answer(status, b"", (("Location", next(hop)),)).raw())

        server.strike("result", Fault("redirected", lead), times=FOR_EVER)
        ran = world.run(*ARGUMENTS)
        wrong = _wrong(ran.status, world)
        if "from https to http" not in ran.err:
            wrong.append(f"it says: {ran.err}")
        if _was_called(stranger):
            wrong.append("the plain address was called")
        return wrong + _mended(world, server)


@contextmanager
def secured(root: Path) -> Iterator[tuple[World, FaultServer]]:
    """Set up a service whose results lie behind https, and a world that trusts it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = root / "authority.pem"
    authority.cert_pem.write_to_path(trusted)
    with FaultServer(tls=context) as server:
        world = World(root, clock=SwiftClock(), env={"SSL_CERT_FILE": str(trusted)})
        world.ask(server.api_url)
        yield world, server


def _listener() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    return listener


def _was_called(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


# -- without an end -------------------------------------------------------------------------


@dataclass(slots=True)
class Flood:
    """A result that begins well and never ends; it counts the tries and what one took at most.

    `is_whole`: it begins with a whole image, which may be saved.

    A client that requests far too much gets no more, so that a trial ends.
    """

    name: str
    head: bytes
    begin: bytes
    more: bytes
    is_whole: bool = False
    tries: int = 0
    taken: int = 0

    def pour(self, wire: Wire, _: Answer) -> None:
        """Answer with it."""
        wire.send(b"HTTP/1.1 200 OK\r\n" + self.head + b"\r\n" + self.begin)
        self.tries += 1
        taken = 0
        while not wire.over and taken < 2 * TAKEN_LIMIT:
            wire.send(self.more)
            taken += len(self.more)
            self.taken = max(self.taken, taken)
        wire.finish()


def endless(_size: Size) -> Figure:
    """Let results go on and on, each a picture as far as it goes, as fast as they are taken."""
    figure = Figure(
        "results without an end",
        "status 6, no file; 300 MiB of one, 100 MiB of memory, the time budget at most",
    )
    for flood in _floods():
        wrong = _flooded(flood, figure)
        figure.trials += 1
        figure.found["wrong"] += len(wrong)
        for one in wrong:
            figure.fail(f"{flood.name}: {one}")
    return figure


def _flooded(flood: Flood, figure: Figure) -> list[str]:
    with room() as root, FaultServer() as server:
        world = World(root, clock=SwiftClock())
        world.ask(server.api_url)
        server.strike("result", Fault(flood.name, flood.pour), times=FOR_EVER)
        command = Command(
            words=(sys.executable, "-m", HURRIED, str(RATE), *ARGUMENTS, *TIMEOUT),
            env=world.env | {"PYTHONPATH": str(Path(__file__).parents[2])},
            cwd=world.cwd,
            status=NOT_SAVED,
        )
        try:
            spent = weigh(command, Path(sys.executable))
        except RuntimeError as error:
            saved = world.cwd / "out.png"
            if flood.is_whole and saved.exists() and saved.read_bytes().startswith(flood.begin):
                figure.notes.append(f"{flood.name}: the time ended it, and the image was saved")
                return []
            return [str(error)]
        figure.notes.append(
            f"{flood.name}: {flood.tries} tries, {flood.taken / MIB:.0f} MiB of one,"
            f" {spent.peak / MIB:.0f} MiB of memory, {spent.wall:.1f} s"
        )
        wrong = _wrong(NOT_SAVED, world)
        for much, most in (
            (flood.taken, TAKEN_LIMIT),
            (spent.peak, MEMORY_LIMIT),
            (spent.wall, SECONDS_LIMIT),
        ):
            if much > most:
                wrong.append(f"{much} is more than {most}")
        return wrong + _mended(world, server)


def _floods() -> Iterator[Flood]:
    whole = png("endless")
    remark = struct.pack(">I", 65536) + b"tEXt" + b"x" * 65536
    remarks = (remark + struct.pack(">I", zlib.crc32(remark[4:]))) * 16
    scan = jpeg("endless")[:-2]
    yield Flood("a PNG of ever more remarks", b"", whole[:33], remarks)
    yield Flood(
        "the same, 1 TiB announced", b"Content-Length: 1099511627776\r\n", whole[:33], remarks
    )
    chunked = b"Transfer-Encoding: chunked\r\n"
    yield Flood("the same, in chunks", chunked, _chunk(whole[:33]), _chunk(remarks))
    yield Flood("a JPEG's scan", b"", scan, bytes(MIB))
    yield Flood("a JPEG's scan, restarted", b"", scan, b"\xff\xd0" * (MIB // 2))
    yield Flood("a JPEG of fill bytes", b"", scan[:2], b"\xff" * MIB)
    empty = struct.pack(">I4sI", 0, b"tEXt", zlib.crc32(b"tEXt"))
    yield Flood("a PNG of empty remarks", b"", whole[:33], empty * (MIB // len(empty)))
    yield Flood("a JPEG of empty remarks", b"", scan[:2], b"\xff\xfe\x00\x02" * (MIB // 4))
    yield Flood("a whole PNG, then zeros", b"", whole, bytes(MIB), is_whole=True)
    yield Flood("a page", b"Content-Type: image/png\r\n", b"<!DOCTYPE html>", b"<p>" * MIB)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


# -- afterwards -----------------------------------------------------------------------------


def _wrong(status: int, world: World) -> list[str]:
    wrong = [] if status == NOT_SAVED else [f"status {status}"]
    left = [path.name for path in world.cwd.iterdir()]
    return [*wrong, f"left behind: {left}"] if left else wrong


def _mended(world: World, server: FaultServer) -> list[str]:
    """Run the command once more, the service being well again; return what is wrong then."""
    server.heal()
    files = [world.cwd / "out.png"]
    return finish(world, server, ARGUMENTS, files=files, prompt=PROMPT, tries=2).wrong
