"""Many pictures at once: a heap of due times, a few worker threads, one stream of events.

Knows steps and signals, but not what the steps do. Blocking calls happen in the workers;
the caller's thread only hands out work and tells what happened, so that it can draw and
can answer signals at any moment.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import signal
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fluxcli.errors import Code, FluxError
from fluxcli.events import Accepted, Event, Failed, Finished, Submitting, Trouble
from fluxcli.generation.terms import Step, Wait

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fluxcli.clock import Clock
    from fluxcli.interrupts import Interrupts

WORKERS: Final = 4
IN_FLIGHT: Final = 100
"""The service runs so many tasks of one account at once, and more."""

GRACE_SECONDS: Final = 5.0
"""How long a signal waits for the answer to a submission that is under way."""

TICK_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Job:
    """One picture's steps."""

    key: str
    steps: Iterator[Step]


@dataclass(frozen=True, slots=True)
class _Ended:
    job: Job
    crash: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Paused:
    job: Job
    until: float


_Message = Event | _Ended | _Paused | None


@dataclass(slots=True)
class _Tally:
    """Which pictures have a submission under way, and which are paid for but not finished."""

    submitting: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)

    def count(self, event: Event) -> None:
        if isinstance(event, Submitting):
            self.submitting.add(event.key)
        elif isinstance(event, Accepted):
            self.running.add(event.key)
        elif isinstance(event, Finished | Failed):
            self.running.discard(event.key)
        if isinstance(event, Accepted | Trouble | Finished | Failed):
            self.submitting.discard(event.key)


class Scheduler:
    """Carries out jobs, at most `in_flight` at a time."""

    def __init__(self, clock: Clock, interrupts: Interrupts, *, in_flight: int = IN_FLIGHT) -> None:
        self._clock = clock
        self._interrupts = interrupts
        self._in_flight = in_flight
        self._ready: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._box: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._heap: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._tally = _Tally()
        self._active = 0
        self._busy = 0
        self._workers = 0
        self._stopping = False

    def run(self, jobs: Iterable[Job]) -> Iterator[Event | None]:
        """Carry out `jobs`, which may be made while it runs; None is the clock's tick.

        Raises:
            FluxError: INTERRUPTED, by a signal, after the journal is safe.
        """
        source = iter(jobs)
        try:
            with self._interrupts.held(self._box):
                while self._interrupts.number is None:
                    self._admit(source)
                    if not self._active:
                        return
                    yield from self._turn()
                yield from self._wind_up()
                raise self._interrupted()
        finally:
            for _ in range(self._workers):
                self._ready.put(None)

    def _admit(self, source: Iterator[Job]) -> None:
        while self._active < self._in_flight:
            job = next(source, None)
            if job is None:
                return
            self._active += 1
            self._hand_out(job)

    def _turn(self) -> Iterator[Event | None]:
        """Hand out what is due, then wait for news."""
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            self._hand_out(heapq.heappop(self._heap)[2])
        due = self._heap[0][0] - now if self._heap else TICK_SECONDS
        yield self._take(min(due, TICK_SECONDS))

    def _take(self, seconds: float) -> Event | None:
        message = self._clock.take(self._box, seconds, busy=self._busy > 0)
        if isinstance(message, Event):
            self._tally.count(message)
            return message
        if isinstance(message, _Paused):
            self._busy -= 1
            heapq.heappush(self._heap, (message.until, next(self._order), message.job))
        if isinstance(message, _Ended):
            self._busy -= 1
            self._active -= 1
            if message.crash is not None:
                raise message.crash
        return None

    def _hand_out(self, job: Job) -> None:
        self._busy += 1
        if self._workers < min(WORKERS, self._busy):
            self._workers += 1
            threading.Thread(target=self._work, daemon=True).start()
        self._ready.put(job)

    def _work(self) -> None:
        while (job := self._ready.get()) is not None:
            try:
                self._box.put(self._advance(job))
            except BaseException as crash:  # noqa: BLE001 - raised again where it can be told
                self._box.put(_Ended(job, crash))

    def _advance(self, job: Job) -> _Message:
        """Run a job to its next pause; when all is to end, to its next event, and never to pay."""
        for step in job.steps:
            if isinstance(step, Wait):
                return _Paused(job, step.until)
            if self._stopping and isinstance(step, Submitting):
                return _Paused(job, 0.0)
            self._box.put(step)
            if self._stopping:
                return _Paused(job, 0.0)
        return _Ended(job)

    def _wind_up(self) -> Iterator[Event | None]:
        """Give the submissions that are under way a moment to be answered."""
        self._stopping = True
        end = self._clock.monotonic() + GRACE_SECONDS
        while self._tally.submitting and (left := end - self._clock.monotonic()) > 0:
            yield self._take(min(left, TICK_SECONDS))

    def _interrupted(self) -> FluxError:
        number = self._interrupts.number or signal.SIGINT
        lost, alive = len(self._tally.submitting), len(self._tally.running)
        said = f"stopped by {signal.Signals(number).name}"
        hint = None
        if alive:
            said += f"; {_tasks(alive)} paid for and running on"
            hint = "fluxcli download --unsaved"
        if lost:
            said += f"; {lost} submitted without an answer"
            hint = hint or "fluxcli status"
        return FluxError(Code.INTERRUPTED, said, hint=hint, status=128 + number)


def _tasks(count: int) -> str:
    return "1 task is" if count == 1 else f"{count} tasks are"
