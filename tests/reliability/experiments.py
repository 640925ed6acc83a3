"""Experiments on one run at a time; each returns its line of the table."""

from __future__ import annotations

import collections
import errno
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.reliability import matrix
from tests.reliability.aftermath import UNKNOWN, finish
from tests.reliability.canary import leaks
from tests.reliability.fault_server import FaultServer
from tests.reliability.faults import ENDLESS, HARMLESS, MURKY, REFUSALS
from tests.reliability.figures import Figure, Size
from tests.reliability.fork_server import ForkServer
from tests.reliability.pictures import png
from tests.reliability.results import HURRIED, RATE
from tests.reliability.strikes import HIDE, PLANS, SHOW, Plan, Struck, room, scene, strike
from tests.reliability.tracing import Strike
from tests.worlds import KEY, Ran, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.reliability.fault_server import Fault, Stage

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

ERRNOS: Final[dict[str, tuple[int, ...]]] = {
    "openat": (errno.ENOSPC, errno.EACCES, errno.EMFILE, errno.EIO),
    "write": (errno.ENOSPC, errno.EIO),
    "pwrite64": (errno.ENOSPC, errno.EIO),
    "pread64": (errno.EIO,),
    "read": (errno.EIO,),
    "fdatasync": (errno.EIO, errno.ENOSPC),
    "fsync": (errno.EIO, errno.ENOSPC),
    "ftruncate": (errno.ENOSPC, errno.EIO),
    "mkdir": (errno.EACCES, errno.ENOSPC),
    "link": (errno.EACCES, errno.ENOSPC, errno.EIO),
    "unlink": (errno.EACCES, errno.EIO),
    "newfstatat": (errno.EACCES, errno.EIO),
    "flock": (errno.EIO,),
    "fcntl": (errno.EIO,),
    "fchmod": (errno.EACCES, errno.EIO),
    "close": (errno.EIO,),
    "socket": (errno.EMFILE, errno.EACCES),
    "connect": (errno.EACCES,),
    "recvfrom": (errno.EIO,),
}
"""The calls that may fail, and how. A failed `sendto` is left out: it only waits 30 s longer."""


def kills(size: Size) -> Figure:
    """Kill at each system call."""
    figure = Figure("killed at a system call, rerun until done", "0 paid twice, 0 lost")
    doubts: collections.Counter[str] = collections.Counter()
    with ForkServer() as fork_server:
        for plan in PLANS:
            for struck in _each(fork_server, plan, size, lambda at: Strike(at=at, signal=9)):
                _count(figure, struck)
                if struck.after.unknown:
                    doubts[f"{plan.name}, at {struck.traced.struck}"] += 1
    figure.notes += [f"status 11: {number} x {where}" for where, number in doubts.most_common()]
    return figure


def signals(size: Size) -> Figure:
    """Send INT, TERM and HUP at each third system call; half of them on a terminal."""
    figure = Figure("INT, TERM, HUP at a system call", "0 unknown, right status, cursor restored")
    with ForkServer() as fork_server:
        for number in SIGNALS:
            smaller = Size(step=size.step * 3, seed=size.seed)
            points = _each(
                fork_server,
                PLANS[0],
                smaller,
                lambda at, number=number: Strike(at=at, signal=number),  # type: ignore[misc]
                terminal=True,
            )
            for struck in points:
                _count(figure, struck)
                _judge_signal(figure, struck, number)
    return figure


def _judge_signal(figure: Figure, struck: Struck, number: int) -> None:
    if struck.traced.struck is None:
        return
    finished = struck.ran.status == 0 and not struck.after.statuses
    if struck.ran.status != 128 + number and not finished:
        figure.found["wrong status"] += 1
        figure.fail(f"{struck.where}: status {struck.ran.status}: {struck.ran.err[-300:]}")
    if struck.after.unknown:
        figure.fail(f"{struck.where}: unknown: {struck.ran.err[-300:]}")
    if struck.screen.rfind(HIDE) > struck.screen.rfind(SHOW):
        figure.found["cursor hidden"] += 1
        figure.fail(f"{struck.where}: the cursor stays hidden")
    if "Traceback" in struck.ran.err:
        figure.found["tracebacks"] += 1
        figure.fail(f"{struck.where}: {struck.ran.err[-800:]}")


def errnos(size: Size) -> Figure:
    """Let each system call fail."""
    figure = Figure(
        "system calls that fail", "0 tracebacks, 0 lost ids, 0 partial files, 0 paid twice"
    )
    with ForkServer() as fork_server:
        for plan in PLANS[:2]:
            calls = collections.Counter(strike(fork_server, plan, None).traced.calls)
            points = [
                Strike(at=at, call=call, errno=number)
                for call, numbers in ERRNOS.items()
                for number in numbers
                for at in range(1, calls[call] + 1)
            ]
            for point in points[:: size.step]:
                _judge_errno(figure, strike(fork_server, plan, point))
    return figure


def _judge_errno(figure: Figure, struck: Struck) -> None:
    # A folder that cannot be read may keep a hidden part, which is no picture's name.
    kept = [wrong for wrong in struck.after.wrong if wrong.startswith("left behind")]
    figure.found["hidden parts left"] += len(kept)
    struck.after.wrong = [wrong for wrong in struck.after.wrong if wrong not in kept]
    _count(figure, struck)
    message = struck.ran.err
    if "Traceback" in message or "a bug in fluxcli" in message:
        figure.found["tracebacks"] += 1
        figure.fail(f"{struck.where}: {message[-300:]}")
    if struck.partial:
        figure.found["partial files"] += 1
        figure.fail(f"{struck.where}: {struck.partial}")
    if struck.lost_ids:
        figure.found["lost ids"] += 1
        figure.fail(f"{struck.where}: {struck.lost_ids}: {message[-300:]}")


def _each(
    fork_server: ForkServer,
    plan: Plan,
    size: Size,
    make: Callable[[int], Strike],
    *,
    terminal: bool = False,
) -> Iterator[Struck]:
    """Strike at every call (or every so-many-th), until the process has no more."""
    at, beyond = 1, 0
    while beyond < 2:
        struck = strike(fork_server, plan, make(at), terminal=terminal and at % 2 == 1)
        beyond += struck.traced.struck is None
        yield struck
        at += size.step


def _count(figure: Figure, struck: Struck) -> None:
    figure.trials += 1
    figure.found["unknown"] += bool(struck.after.unknown)
    for wrong in struck.after.wrong:
        figure.found[wrong.split(":")[0]] += 1
        figure.fail(f"{struck.where}: {wrong}")


def faults(size: Size) -> Figure:
    """Strike each stage with single faults."""
    figure = Figure(
        "single faults x stages", "0 paid twice, 0 lost, 0 wrong files, 0 undocumented statuses"
    )
    needless, runs = [], 0
    for case in matrix.sampled(size.step):
        with room() as root:
            outcome = matrix.run(case, root)
        figure.trials += 1
        runs += outcome.runs
        figure.found[f"status {outcome.status}"] += 1
        for wrong in outcome.wrong:
            figure.fail(f"{case.name}: {wrong}")
        if outcome.needless:
            needless.append(case.name)
    figure.found["needless unknown"] = len(needless)
    figure.notes += [f"needless: {name}" for name in needless]
    figure.notes.append(f"the key was looked for in {runs} runs")
    figure.good &= len(needless) * 100 <= figure.trials
    return figure


def crowd(_size: Size) -> Figure:
    """Start thirty processes of one account at once, under the service's limit."""
    figure = Figure("30 parallel processes, 20 per 10 s", "all saved, 2 or fewer refused")
    number = 30
    with room() as root, FaultServer(limited=True) as server:
        world = World(root)
        world.ask(server.api_url)
        env = world.env | {"PYTHONPATH": str(Path(__file__).parents[2])}
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "fluxcli", "generate", f"p{n}", "-o", f"{n}.png"],
                env=env | {"FLUXCLI_INTERVAL": "0.3"},
                cwd=world.cwd,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for n in range(number)
        ]
        for one in running:
            message = one.communicate(timeout=120)[1]
            if one.returncode:
                figure.fail(f"status {one.returncode}: {message[-300:]}")
        saved = len(list(world.cwd.glob("*.png")))
        figure.trials, figure.found["saved"] = number, saved
        figure.found["refused"], figure.found["charges"] = server.refusals, server.charges
        if not saved == server.charges == number or server.refusals > 2:
            figure.fail("not all saved, or more than 2 refused")
    return figure


def slow(_size: Size) -> Figure:
    """Never end an answer: each client must give up by itself, and go on."""
    figure = Figure("answers that never end", "0 hang, 0 paid twice, 0 lost")
    stages: tuple[Stage, ...] = ("submit", "poll", "result")
    with ExitStack() as open_scenes:
        clients = [
            _endless(stage, fault, *open_scenes.enter_context(scene(PLANS[0])))
            for stage in stages
            for fault in ENDLESS
        ]
        for client in clients:
            figure.trials += 1
            for wrong in client():
                figure.fail(wrong)
    return figure


def _endless(
    stage: Stage, fault: Fault, world: World, server: FaultServer
) -> Callable[[], list[str]]:
    """Start a client that gets such an answer; return what waits for it and judges."""
    plan = PLANS[0]
    server.strike(stage, fault)
    running = subprocess.Popen(
        [sys.executable, "-m", HURRIED, str(RATE), *plan.arguments],
        env=world.env | {"PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=world.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    def judged() -> list[str]:
        out, err = running.communicate(timeout=240)
        ran = Ran(running.returncode, out, err.decode())
        files = [world.cwd / name for name in plan.files]
        after = finish(world, server, plan.arguments, files=files, prompt=plan.prompt, before=ran)
        allowed = {0, UNKNOWN} if stage == "submit" else {0}
        wrong = after.wrong if ran.status in allowed else [ran.err[-300:], *after.wrong]
        return [f"{stage}: {fault.name}, status {ran.status}: {one}" for one in wrong]

    return judged


def canary(size: Size) -> Figure:
    """Look for the key in streams, files and requests of commands that may show it."""
    figure = Figure("the key outside its requests, `--debug` and all", "0")
    lines = (
        ("generate", "a cat", "-o", "{n}-{id}.png", "--debug"),
        ("generate", "a cat", "--debug", "--json", "-v"),
        ("edit", "input.png", "bluer", "--debug"),
        ("status", "--debug", "--json"),
        ("status", "no-such-task", "--debug"),
        ("credits", "--debug"),
        ("config", "list", "--json"),
        ("config", "get", "api_key"),
        ("config", "check", "--debug"),
        ("download", "--unsaved", "--debug"),
        ("generate", KEY, "--dry-run"),
    )
    some = (*MURKY, *REFUSALS, *HARMLESS)
    for number, fault in enumerate(some[:: max(1, size.step // 4)]):
        arguments = lines[number % (len(lines) - 1)]
        with room() as root, FaultServer() as server:
            world = World(root)
            world.ask(server.api_url)
            (world.cwd / "input.png").write_bytes(png("the input"))
            for stage in ("submit", "poll", "upload", "credits", "result"):
                server.strike(stage, fault)
            runs: list[Ran] = [world.run(*arguments), world.run(*lines[(number + 3) % 10])]
            figure.trials += len(runs)
            for leak in leaks(world, server, runs):
                figure.found["leaks"] += 1
                figure.fail(f"{arguments}, {fault.name}: {leak}")
    return figure
