"""A big batch on a bad day: two processes of one account side by side, faulty answers, kills."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.reliability.aftermath import finish
from tests.reliability.fault_server import FaultServer
from tests.reliability.faults import BAD_RESULTS, HARMLESS, ID_IN_RUINS, MURKY, REFUSALS
from tests.reliability.figures import Figure
from tests.reliability.fork_server import ForkServer
from tests.reliability.strikes import room
from tests.reliability.tracing import Strike, Tracer
from tests.worlds import Ran, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.reliability.fault_server import Fault, Stage, When
    from tests.reliability.figures import Size
    from tests.reliability.fork_server import Haste

COMMANDS, EACH, LANES, KILLS = 20, 100, 2, 3
"""So many commands for so many pictures, by so many processes at a time; so many are killed.

A process has four workers.
"""

FAULTY: Final = 0.2
STRUCK: Final = (2_000, 20_000)
"""At which of its system calls a process may be killed."""

SPEED: Final = 20.0
"""How fast the processes' clocks run: the account's limit would last for 17 minutes."""

RERUNS: Final = 60


@dataclass(slots=True)
class _Luck:
    """Chooses the answers that are faulty, and keeps count."""

    chance: random.Random
    answers: int = 0
    faulty: int = 0

    def __call__(self, stage: Stage) -> tuple[Fault, When] | None:
        """Return the fault of the next answer; None if it has none."""
        self.answers += 1
        if self.chance.random() >= FAULTY:
            return None
        self.faulty += 1
        if stage == "submit":
            return self._of_submission()
        faults = BAD_RESULTS if stage == "result" else (*MURKY, *HARMLESS)
        return self.chance.choice(faults), "after"

    def _of_submission(self) -> tuple[Fault, When]:
        """Refusals are those that pass: what else the service refuses ends a command."""
        passing = [fault for fault in REFUSALS if "edge" in fault.name or "429" in fault.name]
        fault = self.chance.choice(
            [*self.chance.sample(MURKY, 10), *passing, *HARMLESS, *ID_IN_RUINS]
        )
        made = fault in HARMLESS or fault in ID_IN_RUINS
        made = made or (fault in MURKY and self.chance.random() < 0.5)
        return fault, "after" if made else "before"


@dataclass
class _Lane:
    """Runs one command after the other, each in a process, beside the other lanes."""

    number: int
    world: World
    fork_server: ForkServer
    haste: Haste
    cwd: Path = field(init=False)

    def __post_init__(self) -> None:
        self.cwd = self.world.cwd
        os.mkfifo(self._place("gate"))

    def run(self, *arguments: str) -> Ran:
        """Run a command line to its end."""
        status = self.fork_server.run(
            arguments, env=self.world.env, cwd=self.cwd, streams=self._streams, haste=self.haste
        )
        return Ran(status, self._place("out").read_bytes(), self._place("err").read_text())

    def kill(self, at: int, *arguments: str) -> bool:
        """Run a command line and kill it at a system call; return whether it got there."""
        gate = self._place("gate")
        process = self.fork_server.start(
            arguments,
            env=self.world.env,
            cwd=self.cwd,
            streams=self._streams,
            gate=gate,
            haste=self.haste,
        )
        tracer = Tracer(self.world.state, Strike(at=at, signal=9))
        return tracer.follow(process, gate=gate, seconds=300.0).struck is not None

    def _place(self, name: str) -> Path:
        return self.world.root / f"{name}-{self.number}"

    @property
    def _streams(self) -> list[Path]:
        return [Path("/dev/null"), self._place("out"), self._place("err")]


def batch(size: Size) -> Figure:
    """Make 2,000 pictures, a fifth of the answers faulty, three of the processes killed."""
    commands = max(2 * LANES, COMMANDS // size.step)
    figure = Figure(
        f"{commands * EACH:,} tasks, 8 workers, 20 % faulty answers, {KILLS} kills",
        "pictures == charges, no twins",
        trials=commands * EACH,
    )
    chance = random.Random(size.seed)  # noqa: S311 - luck, not secrets
    struck = {one: chance.randrange(*STRUCK) for one in chance.sample(range(commands), KILLS)}
    luck = _Luck(random.Random(size.seed))  # noqa: S311 - luck, not secrets
    with room() as root, FaultServer(on_request=luck) as server, ExitStack() as servers:
        world = World(root)
        world.ask(server.api_url)
        haste = SPEED, time.time()
        lanes = [
            _Lane(number, world, servers.enter_context(ForkServer()), haste)
            for number in range(LANES)
        ]
        with ThreadPoolExecutor(LANES) as pool:
            work = [
                pool.submit(_sets, lane, server, range(lane.number, commands, LANES), struck)
                for lane in lanes
            ]
        for one in work:
            figure.found += one.result()
        _count(figure, world, server)
    figure.found["answers"], figure.found["faulty answers"] = luck.answers, luck.faulty
    return figure


def _sets(
    lane: _Lane, server: FaultServer, numbers: Iterable[int], struck: Mapping[int, int]
) -> Counter[str]:
    """Make sets of pictures, one after the other; return what was found, `wrong` in front."""
    found: Counter[str] = Counter()
    for number in numbers:
        prompt = f"picture set {number}"
        many = ("-n", str(EACH), "-o", f"set{number}-{{n}}.png", "--yes")
        arguments = ("generate", prompt, *many, "-q", "--timeout", "1h")
        if number in struck:
            found["killed"] += lane.kill(struck[number], *arguments)
        after = finish(lane, server, arguments, files=(), prompt=prompt, tries=RERUNS)
        found["settled by hand"] += after.unknown
        for wrong in after.wrong:
            # The pictures are counted all together, at the end.
            if not wrong.startswith(("paid", "left behind")):
                found[f"wrong: set {number}: {wrong}"] += 1
    return found


def _count(figure: Figure, world: World, server: FaultServer) -> None:
    """Compare what lies there with what was charged."""
    for wrong in [one for one in figure.found if one.startswith("wrong")]:
        figure.fail(wrong)
        del figure.found[wrong]
    kept = [path.read_bytes() for path in world.cwd.rglob("*") if path.is_file()]
    made = {task.picture for task in server.tasks.values()}
    # Bytes after a picture's end are kept as they came; its own end with `IEND` and a checksum.
    whole = {one[: one.find(b"IEND") + 8] for one in kept}
    figure.found["charges"], figure.found["pictures"] = server.charges, len(kept)
    if not len(kept) == len(whole) == server.charges == figure.trials or whole != made:
        figure.fail(f"{len(kept)} files, {len(whole)} of them pictures that were paid for")
    if figure.found["killed"] != KILLS:
        figure.fail(f"only {figure.found['killed']} were killed")
