"""Executes a plan: parents before the assets made from them, within the credit limit."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import field, replace
from typing import TYPE_CHECKING

from fluxcli.build.asset_job import AssetJob, BuildContext
from fluxcli.build.outcome import Charge, Outcome, Result, initial_outcomes
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, Status, overall
from fluxcli.events import Accepted, Failed, Finished, Submitting, Trouble
from fluxcli.task_types import State
from fluxcli.tasks.scheduler import Job, Scheduler
from fluxcli.tasks.submit import unsettled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fluxcli.build.lock.entry import LockedRequest
    from fluxcli.build.steps import Plan, PlanStep
    from fluxcli.events import Event
    from fluxcli.signals import Interrupts
    from fluxcli.task_types import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a build: concurrency, credits, and whether it goes on after a failure.

    `max_credits` is the most that this build may spend, `day_left` what may still be spent today.
    """

    in_flight: int
    max_credits: int | None = None
    day_left: float | None = None
    fail_fast: bool = False


class Build:
    """One build: `run` it, then read `outcomes`."""

    def __init__(self, context: BuildContext, plan: Plan, limits: Limits) -> None:
        self._context = context
        self._plan = plan
        self._limits = limits
        self._queue = _Queue(plan, self)
        self._spent: float = 0
        self._full: FluxError | None = None
        self._has_failed = False
        self.outcomes = initial_outcomes(plan)

    def run(self, interrupts: Interrupts) -> Iterator[Event | None]:
        """Execute the plan and yield its events; None is the clock's tick.

        Raises:
            FluxError: INTERRUPTED, after the lock and the journal are written.
        """
        scheduler = Scheduler(
            self._context.services.clock, interrupts, in_flight=self._limits.in_flight
        )
        try:
            with closing(scheduler.run(self._queue)) as events:
                for event in events:
                    if event is not None:
                        self._count(event)
                    yield event
        except FluxError as error:
            if error.code is Code.INTERRUPTED:
                self._withdraw()
            raise
        finally:
            self._leave_unfinished()

    def admits(self, step: PlanStep) -> bool:
        """Return whether a step may begin, and count its price."""
        if self._has_failed and self._limits.fail_fast:
            return False
        if not step.credits:
            return True
        self._full = self._full or self._over(self._spent + step.credits)
        if self._full is not None:
            self._end(step, "capped", error=self._full)
            return False
        self._spent += step.credits
        return True

    def _over(self, credits: float) -> FluxError | None:  # noqa: A002 - the unit
        """Return the error for a spending that a limit forbids."""
        most, day = self._limits.max_credits, self._limits.day_left
        if most is not None and credits > most:
            message = f"`--max-credits {most}` is reached: nothing more is submitted"
            hint = self._context.manifest.command("build", "--max-credits", "N")
            return FluxError(Code.OVER_BUDGET, message, hint=hint)
        if day is not None and credits > day:
            message = "`max_credits_per_day` is reached: nothing more is submitted today"
            return FluxError(Code.OVER_BUDGET, message, hint="fluxcli credits --since 1d")
        return None

    def block(self, step: PlanStep) -> None:
        """Record that a step cannot begin, because its parent failed."""
        self._end(step, "blocked")
        self._queue.failed(step.name)

    def hold(self, step: PlanStep, error: FluxError) -> None:
        """Record why a person has to decide on a step."""
        self._end(step, "held", error=error)

    def job(self, step: PlanStep) -> Job:
        """Return the job of a step."""
        if step.asset is None:
            raise ValueError(step.name)
        return Job(step.name, AssetJob(self._context, step, step.asset).steps())

    def status(self) -> int:
        """Return the exit status for the outcomes."""
        errors = [one.error for one in self.outcomes.values() if one.error is not None]
        done = sum(one.result == "saved" for one in self.outcomes.values())
        stopped = any(one.result in {"blocked", "planned"} for one in self.outcomes.values())
        if not errors and stopped:
            return Status.PARTIAL
        return overall(errors, done=done)

    def _count(self, event: Event) -> None:
        outcome = self.outcomes[event.key]
        match event:
            case Submitting():
                self._charge(outcome, "unknown")
            case Trouble() if outcome.charge == "unknown":
                # Provably refused: it is submitted again.
                self._charge(outcome, "none")
            case Accepted():
                self._charge(outcome, "charged")
            case Finished(task=task):
                self._end(outcome.step, "saved", task=task)
                self._queue.done(event.key)
            case Failed(error=error, task=task):
                self._has_failed = True
                if task is not None and task.state in {State.FAILED, State.REFUSED}:
                    # The service charges nothing for these.
                    self._charge(outcome, "none")
                if self.outcomes[event.key].charge == "none":
                    self._spent -= outcome.step.credits
                self._end(outcome.step, _result_of(error, task), error=error, task=task)
                self._queue.failed(event.key)

    def _charge(self, outcome: Outcome, charge: Charge) -> None:
        if outcome.step.action.pays:
            self.outcomes[outcome.step.name] = replace(outcome, charge=charge)

    def _leave_unfinished(self) -> None:
        """Give the assets that were submitted when the build ended early their outcome."""
        for name, outcome in self.outcomes.items():
            pending = self._pending(outcome)
            if pending is not None and pending.task_id is not None:
                # After a crash the lock may know more than the events that arrived.
                self.outcomes[name] = replace(outcome, result="running", charge="charged")
            elif outcome.result == "planned" and outcome.charge == "unknown":
                self.outcomes[name] = replace(outcome, result="unknown")

    def _withdraw(self) -> None:
        """Remove from the lock what was not sent because of an interruption.

        The lock names a submission before it is sent; after an interruption every one that was
        sent has an event.
        """
        changes = {
            name: outcome.step.kept
            for name, outcome in self.outcomes.items()
            if outcome.charge == "none"
            and (pending := self._pending(outcome)) is not None
            and pending.task_id is None
        }
        if changes and not self._context.locked:
            self._context.lock.record(changes)

    def _pending(self, outcome: Outcome) -> LockedRequest | None:
        """Return the submission of an unfinished asset that this build put into the lock."""
        if outcome.result != "planned" or not outcome.step.action.pays:
            return None
        entry, before = self._context.lock.get(outcome.step.name), outcome.step.entry
        pending = entry.pending if entry else None
        return None if before is not None and before.pending == pending else pending

    def _end(
        self,
        step: PlanStep,
        result: Result,
        *,
        error: FluxError | None = None,
        task: Task | None = None,
    ) -> None:
        self.outcomes[step.name] = replace(
            self.outcomes[step.name], result=result, error=error, task=task
        )


def _result_of(error: FluxError, task: Task | None) -> Result:
    """Return the result of an asset with an error: a task that still runs has not failed."""
    if error.code is Code.OUTCOME_UNKNOWN:
        return "unknown"
    return "running" if task is not None and task.state is State.RUNNING else "failed"


def recorded(context: BuildContext, step: PlanStep) -> FluxError:
    """Return the error about a submission of unknown outcome, known to this machine's journal.

    A lock that came from another machine names a submission that this journal has no row for.
    It is recorded here, so that `fluxcli status` can settle it.
    """
    if step.asset is None or step.unknown is None:
        raise ValueError(step.name)
    journal, lost = context.services.journal, step.unknown
    task = journal.find(lost.ref) if lost.ref else None
    if task is None or task.ref != lost.ref:
        run = journal.open_run(context.fingerprint(step.asset, lost.hash), new=False)
        try:
            output = str(context.manifest.place(step.asset))
            task = run.tasks.get(1) or journal.begin(
                run, step.asset.request, source=None, output=output
            )
            journal.sending(task.ref, step.asset.request)
            task = journal.unknown(task.ref, "another machine ended while it waited")
        finally:
            journal.release(run)
        if step.entry is not None and not context.locked:
            history = tuple(one for one in step.entry.history if one != lost)
            known = replace(step.entry, pending=replace(lost, ref=task.ref), history=history)
            context.lock.record({step.name: known})
    return unsettled(task.ref, task.error_message, journal.origin)


@dataclass(slots=True)
class _Queue:
    """The steps that may begin now; those made from others come when their parents are done."""

    plan: Plan
    build: Build
    _ready: deque[PlanStep] = field(default_factory=deque)
    _waiting: dict[str, list[PlanStep]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort the steps into ready and waiting ones."""
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
        """Return the next job, or None while the others are still running."""
        while self._ready:
            step = self._ready.popleft()
            if self.build.admits(step):
                return self.build.job(step)
            self.failed(step.name)
        raise StopIteration

    def done(self, name: str) -> None:
        """Start the steps that waited for `name`."""
        self._ready.extend(self._waiting.pop(name, ()))

    def failed(self, name: str) -> None:
        """Block the steps that waited for `name`."""
        for step in self._waiting.pop(name, ()):
            self.build.block(step)
