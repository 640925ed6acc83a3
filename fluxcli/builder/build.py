"""All assets of a plan, carried out: parents before what is made from them, within the cap."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fluxcli.builder.steps import Action, Plan, Step
from fluxcli.builder.work import AssetWork, Bench
from fluxcli.errors import Code, FluxError, Status, overall
from fluxcli.events import Accepted, Failed, Finished, Resumed
from fluxcli.scheduler import Job, Scheduler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fluxcli.events import Event
    from fluxcli.interrupts import Interrupts
    from fluxcli.task import Task

Result = Literal[
    "planned", "saved", "kept", "moved", "edited", "held", "orphan", "failed", "blocked", "capped"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an asset.

    planned  nothing was done yet          saved    made or collected, and on disk
    kept     up to date                    moved    its file or its name was changed
    edited   a person's file was kept      held     only a person can settle it
    orphan   the manifest has it no more   failed   see `error`
    blocked  what it is made from failed   capped   the credits did not reach for it
    """

    step: Step
    result: Result
    error: FluxError | None = None
    task: Task | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much at once, how much in all, and how far after a failure."""

    in_flight: int
    max_credits: int | None = None
    fail_fast: bool = False


_AT_REST: dict[Action, Result] = {
    Action.KEEP: "kept",
    Action.MOVED: "moved",
    Action.EDITED: "edited",
    Action.HELD: "held",
    Action.ORPHAN: "orphan",
}


def at_rest(plan: Plan) -> dict[str, Outcome]:
    """Return what a plan amounts to before anything is done."""
    return {
        step.name: Outcome(step=step, result=_AT_REST.get(step.action, "planned"))
        for step in plan.steps
    }


class Build:
    """One build: `run` it, then read the `outcomes`."""

    def __init__(self, bench: Bench, plan: Plan, limits: Limits) -> None:
        self._bench = bench
        self._plan = plan
        self._limits = limits
        self._queue = _Queue(plan, self)
        self._spent = 0
        self._full = False
        self._failed = False
        self._accepted: set[str] = set()
        self.outcomes = at_rest(plan)

    def run(self, interrupts: Interrupts) -> Iterator[Event | None]:
        """Carry the plan out, telling what happens; None is the clock's tick.

        Raises:
            FluxError: INTERRUPTED, after the lock and the journal are safe.
        """
        scheduler = Scheduler(self._bench.tools.clock, interrupts, in_flight=self._limits.in_flight)
        for event in scheduler.run(self._queue):
            if event is not None:
                self._see(event)
            yield event

    def admits(self, step: Step) -> bool:
        """Tell whether a step may begin, and count its price."""
        if self._failed and self._limits.fail_fast:
            return False
        if not step.credits:
            return True
        most = self._limits.max_credits
        self._full = self._full or (most is not None and self._spent + step.credits > most)
        if self._full:
            self._end(step, "capped", error=_over(most or 0))
            return False
        self._spent += step.credits
        return True

    def block(self, step: Step) -> None:
        """Note that a step cannot begin, since what it is made from has come to nothing."""
        self._end(step, "blocked")
        self._queue.failed(step.name)

    def hold(self, step: Step, error: FluxError) -> None:
        """Note why only a person can settle a step."""
        self._end(step, "held", error=error)

    def job(self, step: Step) -> Job:
        """Return the work on a step."""
        if step.asset is None:
            raise ValueError(step.name)
        return Job(step.name, AssetWork(self._bench, step, step.asset).turns())

    def status(self) -> int:
        """Return the exit status that the outcomes amount to."""
        errors = [one.error for one in self.outcomes.values() if one.error is not None]
        done = sum(one.result == "saved" for one in self.outcomes.values())
        stopped = any(one.result in {"blocked", "planned"} for one in self.outcomes.values())
        if not errors and stopped:
            return Status.PARTIAL
        return overall(errors, done=done)

    def _see(self, event: Event) -> None:
        outcome = self.outcomes[event.key]
        if isinstance(event, Accepted | Resumed):
            self._accepted.add(event.key)
        elif isinstance(event, Finished):
            self._end(outcome.step, "saved", task=event.task)
            self._queue.done(event.key)
        elif isinstance(event, Failed):
            self._failed = True
            if event.key not in self._accepted and event.error.code is not Code.OUTCOME_UNKNOWN:
                self._spent -= outcome.step.credits
            self._end(outcome.step, "failed", error=event.error, task=event.task)
            self._queue.failed(event.key)

    def _end(
        self,
        step: Step,
        result: Result,
        *,
        error: FluxError | None = None,
        task: Task | None = None,
    ) -> None:
        self.outcomes[step.name] = Outcome(step=step, result=result, error=error, task=task)


def _over(most: int) -> FluxError:
    return FluxError(
        Code.OVER_BUDGET,
        f"`--max-credits {most}` is reached: nothing more is asked for",
        hint="fluxcli build --max-credits N",
    )


@dataclass(slots=True)
class _Queue:
    """The steps that may begin now; those made from others come when their parents are done."""

    plan: Plan
    build: Build
    _ready: deque[Step] = field(default_factory=deque)
    _waiting: dict[str, list[Step]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort out who waits for whom."""
        working = {step.name for step in self.plan.steps if step.action.works}
        for step in self.plan.steps:
            parent = step.asset.parent if step.asset else None
            if step.name not in working:
                continue
            if parent in working and step.action.pays:
                self._waiting.setdefault(parent or "", []).append(step)
            else:
                self._ready.append(step)

    def __iter__(self) -> Iterator[Job]:
        return self

    def __next__(self) -> Job:
        """Return the next job; running dry is not the end while others are under way."""
        while self._ready:
            step = self._ready.popleft()
            if self.build.admits(step):
                return self.build.job(step)
            self.failed(step.name)
        raise StopIteration

    def done(self, name: str) -> None:
        """Let those begin that waited for `name`."""
        self._ready.extend(self._waiting.pop(name, ()))

    def failed(self, name: str) -> None:
        """Block those that waited for `name`."""
        for step in self._waiting.pop(name, ()):
            self.build.block(step)
