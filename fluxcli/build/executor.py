"""All assets of a plan, carried out: parents before what is made from them, within the cap."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fluxcli.build.asset_job import AssetJob, BuildContext
from fluxcli.build.outcome import Outcome, Result, at_rest
from fluxcli.errors import Code, FluxError, Status, overall
from fluxcli.events import Accepted, Failed, Finished, Resumed
from fluxcli.tasks.scheduler import Job, Scheduler
from fluxcli.tasks.submit import unsettled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fluxcli.build.steps import Plan, PlanStep
    from fluxcli.events import Event
    from fluxcli.models import Task
    from fluxcli.signals import Interrupts


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much at once, how much in all, and how far after a failure."""

    in_flight: int
    max_credits: int | None = None
    fail_fast: bool = False


class Build:
    """One build: `run` it, then read the `outcomes`."""

    def __init__(self, bench: BuildContext, plan: Plan, limits: Limits) -> None:
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

    def admits(self, step: PlanStep) -> bool:
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

    def block(self, step: PlanStep) -> None:
        """Note that a step cannot begin, since what it is made from has come to nothing."""
        self._end(step, "blocked")
        self._queue.failed(step.name)

    def hold(self, step: PlanStep, error: FluxError) -> None:
        """Note why only a person can settle a step."""
        self._end(step, "held", error=error)

    def job(self, step: PlanStep) -> Job:
        """Return the work on a step."""
        if step.asset is None:
            raise ValueError(step.name)
        return Job(step.name, AssetJob(self._bench, step, step.asset).read_limiter())

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
        step: PlanStep,
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


def recorded(bench: BuildContext, step: PlanStep) -> FluxError:
    """Return the error about a submission of unknown outcome; the journal gets to know it.

    A lock that came from another machine names a submission that this one's journal has never
    heard of. It is written down here, so that `fluxcli status` can settle it.
    """
    entry = step.entry
    if step.asset is None or entry is None or entry.pending is None:
        raise ValueError(step.name)
    journal, pending = bench.tools.journal, entry.pending
    task = journal.find(pending.ref) if pending.ref else None
    if task is None or task.ref != pending.ref:
        run = journal.open_run(bench.fingerprint(step.asset, pending.request), new=False)
        try:
            task = run.tasks.get(1) or journal.begin(
                run, step.asset.request, source=None, output=str(bench.manifest.place(step.asset))
            )
            journal.sending(task.ref, step.asset.request)
            task = journal.unknown(task.ref, "another machine ended while it waited")
        finally:
            journal.let_go(run)
        known = replace(entry, pending=replace(pending, ref=task.ref))
        bench.lock.record({step.name: known})
    return unsettled(task.ref, task.error_message)


@dataclass(slots=True)
class _Queue:
    """The steps that may begin now; those made from others come when their parents are done."""

    plan: Plan
    build: Build
    _ready: deque[PlanStep] = field(default_factory=deque)
    _waiting: dict[str, list[PlanStep]] = field(default_factory=dict)

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
