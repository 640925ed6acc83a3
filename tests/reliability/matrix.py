"""Single faults at each stage of a picture's way, and what comes of them.

In-process, on a clock whose time passes at once. Each case: the command, struck by one fault;
then the same command again until it is done. One charge, one whole picture, no needless doubt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.reliability.aftermath import finish
from tests.reliability.canary import leaks
from tests.reliability.fault_server import Answer, Fault, FaultServer, Stage, When
from tests.reliability.faults import (
    BAD_RESULTS,
    EARLY,
    HARMLESS,
    ID_IN_RUINS,
    MURKY,
    REFUSALS,
    cuts,
    every_status,
    flips,
    result_cuts,
    says,
)
from tests.reliability.pictures import png
from tests.worlds import SwiftClock, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DOCUMENTED: Final = frozenset({0, *range(2, 12), 129, 130, 143})
"""The exit statuses that a fault of the service may end in; 1 would be a bug."""

PROMPT: Final = "a lighthouse at dawn"
GENERATE: Final = ("generate", PROMPT, "-o", "out.png", "--json")
EDIT: Final = ("edit", "input.png", PROMPT, "-o", "out.png", "--json")
FOR_EVER: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """One fault at one stage. `sure`: the first run must succeed in spite of it."""

    stage: Stage
    fault: Fault
    when: When = "after"
    times: int = 1
    sure: bool = False

    @property
    def name(self) -> str:
        """The case in words."""
        often = "" if self.times == 1 else " for ever" if self.times == FOR_EVER else " thrice"
        return f"{self.stage}: {self.fault.name}{often}, {self.when}"


@dataclass(slots=True)
class Outcome:
    """What came of a case: the first run's status, and everything that is wrong."""

    case: Case
    status: int
    wrong: list[str] = field(default_factory=list)
    needless: bool = False
    runs: int = 0


def cases() -> Iterator[Case]:
    """Every case there is."""
    for fault in (*EARLY, *MURKY, *every_status()):
        yield Case("submit", fault, "before")
        if not fault.early:
            yield Case("submit", fault)
    for fault in cuts(24):
        yield Case("submit", fault)
    for fault in REFUSALS:
        yield Case("submit", fault, "before")
    for fault in (*HARMLESS, *ID_IN_RUINS):
        yield Case("submit", fault, sure=True)
    yield from _free_stages()
    yield from _results()


def _free_stages() -> Iterator[Case]:
    """What costs nothing is tried again."""
    stages: tuple[Stage, ...] = ("poll", "upload", "relink", "credits")
    for stage in stages:
        for fault in (*EARLY, *MURKY, *cuts(8), *REFUSALS):
            yield Case(stage, fault)
        for fault in HARMLESS:
            yield Case(stage, fault, sure=True)
    for fault in MURKY:
        yield Case("poll", fault, times=3)
    for fault in every_status():
        yield Case("poll", fault)


def _results() -> Iterator[Case]:
    for fault in (*EARLY, *result_cuts(16), *flips(24), *BAD_RESULTS):
        yield Case("result", fault)
        yield Case("result", fault, times=FOR_EVER)
    for fault in HARMLESS:
        if "code" not in fault.name and "fields" not in fault.name:
            yield Case("result", fault)


def sampled(every: int) -> list[Case]:
    """Return every so-many-th case: an even choice from all stages."""
    return list(cases())[::every]


def run(case: Case, root: Path, *, api: str = "kontext") -> Outcome:
    """Let one case happen below `root`, in the wire format `api`."""
    world = World(root, clock=SwiftClock(), env={"FLUXCLI_API": api})
    (world.cwd / "input.png").write_bytes(png("the input"))
    with FaultServer() as server:
        world.ask(server.api_url)
        server.strike(case.stage, case.fault, when=case.when, times=case.times)
        if case.stage == "relink":
            server.strike("result", says("gone", Answer(403, b"")))
        if case.stage == "credits":
            return _asked_for_credits(case, world, server)
        return _made(case, world, server)


def _asked_for_credits(case: Case, world: World, server: FaultServer) -> Outcome:
    first = world.run("credits", "--json")
    outcome = Outcome(case, first.status, leaks(world, server, [first]), runs=2)
    _judge_first(outcome, first.err + first.out.decode())
    second = world.run("credits", "--json")
    if second.status != 0:
        outcome.wrong.append(f"not done in the end: {second.err}")
    return outcome


def _made(case: Case, world: World, server: FaultServer) -> Outcome:
    arguments = EDIT if case.stage == "upload" else GENERATE
    first = world.run(*arguments)
    outcome = Outcome(case, first.status, needless=first.status == 11 and case.fault.decisive)
    _judge_first(outcome, first.err + first.out.decode())
    if first.status == 0 and not (world.cwd / "out.png").exists():
        outcome.wrong.append("success without a picture")
    server.heal()
    after = finish(
        world, server, arguments, files=[world.cwd / "out.png"], prompt=PROMPT, before=first
    )
    outcome.runs = 1 + len(after.statuses)
    outcome.wrong += after.wrong + leaks(world, server, [first])
    return outcome


def _judge_first(outcome: Outcome, message: str) -> None:
    if outcome.status not in DOCUMENTED:
        outcome.wrong.append(f"status {outcome.status}: {message}")
    if "Traceback" in message or "a bug in fluxcli" in message:
        outcome.wrong.append(f"a bug: {message}")
    if outcome.case.sure and outcome.status != 0:
        outcome.wrong.append(f"status {outcome.status} where all was well: {message}")


def statuses(outcomes: Iterable[Outcome]) -> dict[int, int]:
    """Count the first runs' statuses."""
    counted: dict[int, int] = {}
    for outcome in outcomes:
        counted[outcome.status] = counted.get(outcome.status, 0) + 1
    return dict(sorted(counted.items()))
