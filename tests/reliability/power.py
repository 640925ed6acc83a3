"""Power failures: a command is recorded, and its disk rebuilt as it may be at each moment.

After each call that changes a file, a name or what is durable, and after each paid request, the
power may fail. What the disk then holds is rebuilt in every way of `disk.LOSSES`, the service
knows what it had received by then, and the same command is run again until it is done.
"""

from __future__ import annotations

import copy
import random
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.reliability.aftermath import finish
from tests.reliability.disk import LOSSES, Disk, shuffled
from tests.reliability.fault_server import FaultServer
from tests.reliability.figures import Figure
from tests.reliability.pictures import png
from tests.reliability.replay import Replay, is_sync_point
from tests.reliability.strikes import room
from tests.reliability.syscalls import record
from tests.worlds import SwiftClock, World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.reliability.aftermath import Aftermath
    from tests.reliability.disk import Image
    from tests.reliability.fault_server import Made
    from tests.reliability.figures import Size
    from tests.reliability.syscalls import Call

BY_CHANCE: Final = 2
"""How many more disks of each moment keep their changes by chance."""

_REPOSITORY: Final = Path(__file__).parents[2]
_FAST: Final = ("--interval", "0.1")


@dataclass(frozen=True, slots=True)
class PowerPlan:
    """A command that leaves `files` for `prompt`; `before` are commands that ran earlier."""

    name: str
    arguments: tuple[str, ...]
    files: tuple[str, ...]
    prompt: str
    before: tuple[tuple[str, ...], ...] = ()


PLANS: Final = (
    PowerPlan(
        "generate",
        ("generate", "a lighthouse", "-o", "new/folder/out.png", *_FAST),
        ("new/folder/out.png",),
        "a lighthouse",
    ),
    PowerPlan(
        "generate, journal in use",
        ("generate", "twins", "-n", "2", "-o", "t-{n}.png", *_FAST),
        ("t-1.png", "t-2.png"),
        "twins",
        before=(("status", "nosuchtask"),),
    ),
    PowerPlan(
        "edit",
        ("edit", "input.png", "make it night", "-o", "night.jpg", *_FAST),
        ("night.jpg",),
        "make it night",
    ),
    PowerPlan(
        "download",
        ("download", "@last", "-o", "got.png", *_FAST),
        ("got.png",),
        "a ship",
        before=(("generate", "a ship", "-o", "got.png", "--no-wait"),),
    ),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment and a loss: the call that was the last one, the disk, what the service knows."""

    call: str
    loss: str
    image: Image
    tasks: tuple[Made, ...]

    @property
    def where(self) -> str:
        """The moment in words."""
        return f"after {self.call}, {self.loss}, {len(self.tasks)} charged"


@dataclass(slots=True)
class Scene:
    """A world and a service, and what one command did to them."""

    world: World
    server: FaultServer
    calls: list[Call] = field(default_factory=list)
    start: Disk | None = None
    earlier: frozenset[str] = frozenset()
    known: tuple[Made, ...] = ()
    points: int = 0
    syncs: int = 0
    disks: int = 0

    def restore(self, moment: Moment) -> None:
        """Bring the disk and the service back to a moment."""
        moment.image.write_to(self.world.root)
        self.world.cwd.mkdir(exist_ok=True)
        self.server.restore(moment.tasks)

    def replay(self) -> Replay:
        """Return a replay of the recorded command, at its beginning."""
        disk = copy.deepcopy(self.start) if self.start else Disk(self.world.root)
        return Replay(self.world.root, self.world.cwd, disk, lambda data: b'"prompt"' in data)

    def moments(
        self, *, step: int, seed: int, chances: int = BY_CHANCE, each_sync: int = 0
    ) -> Iterator[Moment]:
        """Yield every `step`-th of the different moments of the recorded command.

        `each_sync` more, chosen by chance, are yielded at each sync point, unless each disk
        that it can leave has been yielded before.
        """
        chance = random.Random(seed)  # noqa: S311 - luck, not secrets
        seen: set[int] = set()
        yielded: set[int] = set()
        self.points = self.syncs = self.disks = 0
        replay = self.replay()
        for call in replay.run(self.calls):
            self.points += 1
            tasks = _charged(self.known, self.earlier, replay.sent)
            possible: dict[int, Moment] = {}
            for loss in (*LOSSES, *[shuffled(chance)] * chances):
                image = replay.disk.after(loss)
                key = hash((image.key, len(tasks)))
                possible[key] = moment = Moment(_shown(call), loss.name, image, tasks)
                if key in seen:
                    continue
                seen.add(key)
                if self.disks % step == 0:
                    yielded.add(key)
                    yield moment
                self.disks += 1
            if is_sync_point(call):
                self.syncs += 1
                left = [key for key in possible if key not in yielded]
                for key in chance.sample(left, min(each_sync, len(left))):
                    yielded.add(key)
                    yield possible[key]


@contextmanager
def scene() -> Iterator[Scene]:
    """Set up a world and a service for one command."""
    with room() as root, FaultServer(idle=5.0) as server:
        world = World(root.resolve(), clock=SwiftClock(time.time()))
        world.ask(server.api_url)
        yield Scene(world, server)


def recorded(scene: Scene, words: Sequence[str]) -> None:
    """Run a program in a scene and record it.

    Raises:
        RuntimeError: it failed.
        AssertionError: the model of the disk is wrong.
    """
    world, server = scene.world, scene.server
    scene.start, scene.earlier = Disk(world.root), frozenset(server.tasks)
    with room() as outside:
        status, scene.calls, message = record(
            words,
            env=world.env | {"PYTHONPATH": str(_REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=world.cwd,
            trace=outside / "trace",
        )
    if status:
        raise RuntimeError(f"{words} ended with {status}: {message}")
    scene.known = tuple(server.tasks.values())
    replay = scene.replay()
    for _ in replay.run(scene.calls):
        pass
    replay.check()


def _charged(
    known: Sequence[Made], earlier: frozenset[str], sent: Sequence[int]
) -> tuple[Made, ...]:
    """Return the tasks that existed earlier, and those whose requests were sent by now."""
    left, charged = list(sent), []
    for task in known:
        if task.id in earlier:
            charged.append(task)
        elif task.port in left:
            left.remove(task.port)
            charged.append(task)
    return tuple(charged)


def _shown(call: Call) -> str:
    place = call.place
    return f"{call.name} {Path(place).name}" if place else call.name


def power(size: Size) -> Figure:
    """Cut the power at every moment of each command, and run it again."""
    figure = Figure("power lost, disk rebuilt from durable bytes, rerun", "0 paid twice, 0 lost")
    for plan in PLANS:
        with scene() as at:
            prepare(at, plan)
            recorded(at, [sys.executable, "-m", "fluxcli", *plan.arguments])
            for moment in at.moments(step=size.step, seed=size.seed):
                count(figure, f"{plan.name}, {moment.where}", rerun(at, plan, moment))
            note(figure, plan.name, at)
    return figure


def prepare(at: Scene, plan: PowerPlan) -> None:
    """Do what a plan needs to have been done."""
    (at.world.cwd / "input.png").write_bytes(png("the input"))
    for arguments in plan.before:
        at.world.run(*arguments)


def rerun(at: Scene, plan: PowerPlan, moment: Moment) -> Aftermath:
    """Bring a moment back, and run the plan's command until it is done."""
    at.restore(moment)
    files = [at.world.cwd / name for name in plan.files]
    return finish(at.world, at.server, plan.arguments, files=files, prompt=plan.prompt)


def note(figure: Figure, name: str, at: Scene) -> None:
    """Write down how many moments there are."""
    figure.notes.append(
        f"{name}: {at.points} points, {at.syncs} of them sync points, {at.disks:,} different disks"
    )


def count(figure: Figure, where: str, after: Aftermath) -> None:
    """Count one trial."""
    figure.trials += 1
    figure.found["unknown"] += bool(after.unknown)
    for wrong in after.wrong:
        kind = wrong.split(":")[0]
        figure.found["paid twice" if kind.startswith("paid") else kind] += 1
        figure.fail(f"{where}: {wrong}")
