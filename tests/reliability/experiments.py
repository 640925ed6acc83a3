"""The figures: each an experiment with its number of trials, its seed, and what it found."""

from __future__ import annotations

import collections
import errno
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.reliability import matrix
from tests.reliability.aftermath import UNKNOWN, finish
from tests.reliability.canary import leaks
from tests.reliability.fault_server import FaultServer
from tests.reliability.faults import BAD_RESULTS, ENDLESS, HARMLESS, ID_IN_RUINS, MURKY, REFUSALS
from tests.reliability.nursery import Nursery
from tests.reliability.pictures import png
from tests.reliability.strikes import HIDE, PLANS, SHOW, Plan, Struck, room, scene, strike
from tests.reliability.tracing import Strike, Tracer
from tests.worlds import KEY, Ran, SwiftClock, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.reliability.fault_server import Fault, Stage, When

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


@dataclass(slots=True)
class Figure:
    """One line of the table: how many trials, what was found, and whether that will do."""

    name: str
    goal: str
    trials: int = 0
    found: collections.Counter[str] = field(default_factory=collections.Counter)
    seconds: float = 0.0
    good: bool = True
    notes: list[str] = field(default_factory=list)

    def fail(self, note: str) -> None:
        """Write down what must not be."""
        self.good = False
        self.notes.append(note)


@dataclass(frozen=True, slots=True)
class Size:
    """How much of each experiment is done: every so-many-th point, so many examples."""

    step: int = 1
    examples: int = 20_000
    seed: int = 20261122


def kills(size: Size) -> Figure:
    """Kill at each system call."""
    figure = Figure("killed at a system call, rerun until done", "0 paid twice, 0 lost")
    doubts: collections.Counter[str] = collections.Counter()
    with Nursery() as nursery:
        for plan in PLANS:
            for struck in _each(nursery, plan, size, lambda at: Strike(at=at, signal=9)):
                _count(figure, struck)
                if struck.after.unknown:
                    doubts[f"{plan.name}, at {struck.traced.struck}"] += 1
    figure.notes += [f"status 11: {number} x {where}" for where, number in doubts.most_common()]
    return figure


def signals(size: Size) -> Figure:
    """Send INT, TERM and HUP at each third system call; half of them on a terminal."""
    figure = Figure("INT, TERM, HUP at a system call", "0 unknown, right status, cursor restored")
    with Nursery() as nursery:
        for number in SIGNALS:
            smaller = Size(step=size.step * 3, seed=size.seed)
            points = _each(
                nursery,
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
    with Nursery() as nursery:
        for plan in PLANS[:2]:
            calls = collections.Counter(strike(nursery, plan, None).traced.calls)
            points = [
                Strike(at=at, call=call, errno=number)
                for call, numbers in ERRNOS.items()
                for number in numbers
                for at in range(1, calls[call] + 1)
            ]
            for point in points[:: size.step]:
                _judge_errno(figure, strike(nursery, plan, point))
    return figure


def _judge_errno(figure: Figure, struck: Struck) -> None:
    # A folder that cannot be read may keep a hidden part, which is no picture's name.
    kept = [wrong for wrong in struck.after.wrong if wrong.startswith("left behind")]
    figure.found["hidden parts left"] += len(kept)
    struck.after.wrong = [wrong for wrong in struck.after.wrong if wrong not in kept]
    _count(figure, struck)
    said = struck.ran.err
    if "Traceback" in said or "a bug in fluxcli" in said:
        figure.found["tracebacks"] += 1
        figure.fail(f"{struck.where}: {said[-300:]}")
    if struck.partial:
        figure.found["partial files"] += 1
        figure.fail(f"{struck.where}: {struck.partial}")
    if struck.lost_ids:
        figure.found["lost ids"] += 1
        figure.fail(f"{struck.where}: {struck.lost_ids}: {said[-300:]}")


def _each(
    nursery: Nursery,
    plan: Plan,
    size: Size,
    make: Callable[[int], Strike],
    *,
    terminal: bool = False,
) -> Iterator[Struck]:
    """Strike at every call (or every so-many-th), until the process has no more."""
    at, beyond = 1, 0
    while beyond < 2:
        struck = strike(nursery, plan, make(at), terminal=terminal and at % 2 == 1)
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


def batch(size: Size) -> Figure:
    """Make 2,000 pictures, a fifth of the answers faulty, three of the processes killed."""
    figure = Figure("2,000 tasks, 20 % faulty answers, 3 kills", "pictures == charges, no twins")
    chance = random.Random(size.seed)  # noqa: S311 - luck, not secrets
    commands = max(4, 20 // size.step)
    killed = set(chance.sample(range(commands), 3))
    with Nursery() as nursery, room() as root, FaultServer() as server:
        server.on_request = lambda stage: _bad_luck(stage, chance)
        world = World(root, clock=SwiftClock(time.time()))
        world.ask(server.api_url)
        os.mkfifo(root / "gate")
        for number in range(commands):
            _one_batch(figure, nursery, world, server, number, kill=number in killed, chance=chance)
        pictures = {path.read_bytes() for path in world.cwd.rglob("*.png")}
        figure.trials = commands * 100
        figure.found["charges"] = server.charges
        figure.found["pictures"] = len(pictures)
        figure.found["faulty answers"] = _LUCK["bad"]
        figure.found["answers"] = _LUCK["all"]
        made = {task.picture for task in server.tasks.values()}
        # Bytes after a picture's end are kept as they came.
        found = {one for one in made if any(kept.startswith(one) for kept in pictures)}
        if found != made or not len(pictures) == len(made) == figure.trials:
            figure.fail(f"{len(pictures)} pictures, {len(made)} charged, {figure.trials} wanted")
    return figure


_LUCK: collections.Counter[str] = collections.Counter()


def _bad_luck(stage: Stage, chance: random.Random) -> tuple[Fault, When] | None:
    _LUCK["all"] += 1
    if chance.random() > 0.2:
        return None
    _LUCK["bad"] += 1
    if stage == "result":
        return chance.choice(BAD_RESULTS), "after"
    if stage != "submit":
        return chance.choice([*MURKY, *HARMLESS]), "after"
    refusals = [fault for fault in REFUSALS if "edge" in fault.name or "429" in fault.name]
    fault = chance.choice([*chance.sample(MURKY, 10), *refusals, *HARMLESS, *ID_IN_RUINS])
    whole = fault in HARMLESS or fault in ID_IN_RUINS
    when: When = "after" if whole or (fault in MURKY and chance.random() < 0.5) else "before"
    return fault, when


def _one_batch(
    figure: Figure,
    nursery: Nursery,
    world: World,
    server: FaultServer,
    number: int,
    *,
    kill: bool,
    chance: random.Random,
) -> None:
    prompt = f"picture set {number}"
    names = f"set{number}-{{n}}.png"
    arguments = ("generate", prompt, "-n", "100", "-o", names, "--yes", "-q", "--timeout", "1h")
    if kill:
        streams = [Path("/dev/null"), world.root / "out", world.root / "err"]
        process = nursery.birth(
            arguments,
            env=world.env,
            cwd=world.cwd,
            streams=streams,
            gate=world.root / "gate",
            swift=True,
        )
        at = chance.randrange(2_000, 20_000)
        Tracer(world.state, Strike(at=at, signal=9)).follow(process, gate=world.root / "gate")
        figure.found["killed"] += 1
        # A dead process's slots and waits pass; its clock ran ahead of ours.
        world.clock.sleep(3600.0)
    after = finish(world, server, arguments, files=(), prompt=prompt, tries=60)
    figure.found["settled by hand"] += after.unknown
    for wrong in after.wrong:
        if not wrong.startswith(("paid", "left behind")):
            figure.fail(f"set {number}: {wrong}")


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
            said = one.communicate(timeout=120)[1]
            if one.returncode:
                figure.fail(f"status {one.returncode}: {said[-300:]}")
        saved = len(list(world.cwd.glob("*.png")))
        figure.trials, figure.found["saved"] = number, saved
        figure.found["refused"], figure.found["charges"] = server.refusals, server.charges
        if not saved == server.charges == number or server.refusals > 2:
            figure.fail("not all saved, or more than 2 refused")
    return figure


def slow(_size: Size) -> Figure:
    """Never end an answer: each client must give up by itself, in real time, and go on."""
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
        [sys.executable, "-m", "fluxcli", *plan.arguments],
        env=world.env | {"PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=world.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    def judged() -> list[str]:
        out, err = running.communicate(timeout=900)
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


def baseline(size: Size) -> Figure:
    """Kill the twelve-line script at each of its system calls, and run it again."""
    figure = Figure("the twelve-line script, killed likewise", "(beside ours)")
    script = str(Path(__file__).with_name("baseline.py"))
    at = 1
    while True:
        with room() as root, FaultServer() as server:
            env = World(root).env | {"FLUXCLI_BASE_URL": server.api_url}
            out = root / "out.png"
            argv = [sys.executable, script, "a lighthouse", str(out)]
            streams = [Path("/dev/null"), root / "1", root / "2"]
            killed = Tracer(None, Strike(at=at, signal=9)).run(argv, env=env, streams=streams)
            if killed.struck is None:
                break
            for _ in range(3):
                again = subprocess.run(argv, env=env, capture_output=True, check=False)
                if again.returncode == 0:
                    break
            figure.trials += 1
            figure.found["paid twice"] += server.charges > 1
        at += size.step
    return figure


def timed(experiment: Callable[[Size], Figure], size: Size) -> Figure:
    """Run an experiment, and take its time."""
    begun = time.monotonic()
    figure = experiment(size)
    figure.seconds = time.monotonic() - begun
    return figure


def lines(figures: Iterable[Figure], size: Size) -> Iterator[str]:
    """Return the table, in Markdown, and below it what is to be said."""
    yield "| experiment | goal | trials | found | seconds | |"
    yield "|---|---|---|---|---|---|"
    told = []
    for one in figures:
        found = ", ".join(f"{name}: {number}" for name, number in sorted(one.found.items()))
        mark = "ok" if one.good else "**no**"
        yield f"| {one.name} | {one.goal} | {one.trials:,} | {found} | {one.seconds:.0f} | {mark} |"
        told += [f"- {one.name}: {note}" for note in one.notes]
    yield f"\nseed {size.seed}, {time.strftime('%Y-%m-%d')}, Python {sys.version.split()[0]}"
    yield from told
