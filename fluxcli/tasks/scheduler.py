"""Many jobs at once: a heap of due times, a few worker threads, one stream of events.

Knows steps and signals, but not what the steps do. Blocking calls happen in the workers; the
caller's thread only distributes steps and yields events, so that it can draw the display and
handle signals at any moment.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import signal
import threading
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Final

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, exhausted
from fluxcli.events import Accepted, Event, Failed, Finished, Resumed, Submitting
from fluxcli.signals import SIGNALS, signals_blocked
from fluxcli.system.headroom import MEMORY, THREAD_MEMORY, need_handles, spare_handles, try_memory
from fluxcli.tasks.run_options import JobStep, Wait

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from fluxcli.clock import Clock
    from fluxcli.signals import Interrupts

WORKERS: Final = 16
"""Threads for submissions, uploads and downloads, which may take long."""

READERS: Final = 24
"""Threads for reads of tasks: a hundred reads a second take as many, at a quarter second each.

They are apart from the others, so that no download delays the notice that a task has ended.
"""

HANDLES_OF_A_WORKER: Final = 6
"""Connections to the service, to the host of uploads and to that of results; files; a look-up."""

HANDLES_OF_A_JOB: Final = 1
"""The lock of its run."""

IN_FLIGHT: Final = 100
"""The service runs so many tasks of one account at once, and more."""

GRACE_SECONDS: Final = 5.0
"""How long a signal waits for the answer to a submission that is under way."""

TICK_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Job:
    """The steps of one image."""

    key: str
    steps: Iterator[JobStep]


@dataclass(frozen=True, slots=True)
class _Ended:
    job: Job
    crash: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Paused:
    job: Job
    until: float
    is_read: bool = False


_Message = Event | _Ended | _Paused | None


class _OpenSubmissions:
    """Counts the submissions under way; the workers count, so that none is overlooked.

    Once closed, no more may begin.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._keys: set[str] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._keys)

    def begin(self, key: str) -> bool:
        """Count a submission that begins; return False if no more may."""
        with self._guard:
            if not self._closed:
                self._keys.add(key)
            return not self._closed

    def end(self, key: str) -> None:
        """Note that the outcome of a submission, if there was one, is known and was reported."""
        with self._guard:
            self._keys.discard(key)

    def close(self) -> None:
        """Allow no more submissions."""
        with self._guard:
            self._closed = True


class _Pool:
    """Worker threads for one kind of call, `most` of them, started as they are needed."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.ready: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.workers = 0
        self.busy = 0
        """How many jobs are handed out to it."""


class Scheduler:
    """Carries out jobs, at most `in_flight` at a time."""

    def __init__(self, clock: Clock, interrupts: Interrupts, *, in_flight: int = IN_FLIGHT) -> None:
        self._clock = clock
        self._interrupts = interrupts
        self._in_flight = in_flight
        self._calls, self._reads = _Pool(WORKERS), _Pool(READERS)
        self._box: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._handed: dict[Job, _Pool] = {}
        self._heap: list[tuple[float, int, _Paused]] = []
        self._order = itertools.count()
        self._open = _OpenSubmissions()
        self._paid: set[str] = set()
        self._active = 0
        self._stopping = False
        self._spare = inf

    def run(self, jobs: Iterable[Job | None]) -> Generator[Event | None, None, None]:
        """Carry out `jobs`, which may be made while it runs; None is the clock's tick.

        `jobs` may run dry, or yield None, and have more later: it is tried again until no job
        is under way.

        Raises:
            FluxError: INTERRUPTED, by a signal, after the journal is safe.
        """
        source, self._spare = iter(jobs), spare_handles()
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
            self._dismiss()

    def _dismiss(self) -> None:
        """Stop the workers, after the submissions under way are answered."""
        if not self._stopping:
            for _ in self._wind_up():
                pass
        for pool in (self._calls, self._reads):
            for _ in range(pool.workers):
                pool.ready.put(None)

    def _admit(self, source: Iterator[Job | None]) -> None:
        while self._active < self._in_flight and self._has_handles():
            job = next(source, None)
            if job is None:
                return
            self._active += 1
            self._hand_out(job, self._calls)

    def _has_handles(self) -> bool:
        """Return whether one more job leaves those under way the files that they will open."""
        workers = self._calls.workers + self._reads.workers
        return not self._active or self._handles(workers, self._active + 1) <= self._spare

    def _handles(self, workers: int, jobs: int) -> int:
        return HANDLES_OF_A_WORKER * workers + HANDLES_OF_A_JOB * jobs

    def _turn(self) -> Iterator[Event | None]:
        """Start the steps that are due, then wait for an event."""
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            paused = heapq.heappop(self._heap)[2]
            self._hand_out(paused.job, self._reads if paused.is_read else self._calls)
        due = self._heap[0][0] - now if self._heap else TICK_SECONDS
        yield self._receive(min(due, TICK_SECONDS))

    def _receive(self, seconds: float) -> Event | None:
        message = self._clock.receive(
            self._box, seconds, busy=bool(self._calls.busy or self._reads.busy)
        )
        if isinstance(message, Event):
            self._count(message)
            return message
        if isinstance(message, _Paused):
            self._handed.pop(message.job).busy -= 1
            heapq.heappush(self._heap, (message.until, next(self._order), message))
        if isinstance(message, _Ended):
            self._handed.pop(message.job).busy -= 1
            self._active -= 1
            if message.crash is not None and not self._stopping:
                raise message.crash
        return None

    def _count(self, event: Event) -> None:
        """Keep a count of images that are paid for and not finished."""
        if isinstance(event, Accepted | Resumed):
            self._paid.add(event.key)
        elif isinstance(event, Finished | Failed):
            self._paid.discard(event.key)

    def _hand_out(self, job: Job, pool: _Pool) -> None:
        if pool.workers < min(pool.most, pool.busy + 1) and not self._start_worker(pool):
            # The system allows no more threads: those that run do the work.
            pool = pool if pool.workers else self._calls
        self._handed[job] = pool
        pool.busy += 1
        pool.ready.put(job)

    def _start_worker(self, pool: _Pool) -> bool:
        """Start one more worker; return whether the system allows it.

        Also with it, each worker must get the files and the memory that its calls need.

        Raises:
            FluxError: NO_RESOURCES: there is no worker at all, so that nothing has been done.
        """
        workers = self._calls.workers + self._reads.workers
        try:
            need_handles(self._handles(workers + 1, self._active), spare=self._spare)
            # The first is started with less, as there is no other way; what it left is tried.
            try_memory(MEMORY + THREAD_MEMORY if workers else MEMORY)
            started = threading.Event()
            threading.Thread(target=self._work, args=(pool, started), daemon=True).start()
            pool.workers += 1
            started.wait()
            if not workers:
                try_memory(MEMORY)
        except (RuntimeError, OSError, MemoryError) as error:
            if not workers:
                raise (exhausted(error, sent=False) or error) from error
            return False
        return True

    def _work(self, pool: _Pool, started: threading.Event) -> None:
        # Signals are for the caller's thread, which can hold them back where it must.
        with signals_blocked(SIGNALS):
            with suppress(MemoryError):
                # The C library sets memory aside for a thread at its first large piece.
                bytearray(1 << 16)
            started.set()
            while (job := pool.ready.get()) is not None:
                try:
                    self._box.put(self._advance(job))
                except BaseException as crash:  # noqa: BLE001 - raised again in the caller's thread
                    self._box.put(_Ended(job, crash))
                    self._open.end(job.key)

    def _advance(self, job: Job) -> _Message:
        """Run a job to its next wait; once the run is to end, to its next event, without paying."""
        for step in job.steps:
            if isinstance(step, Submitting):
                if not self._open.begin(job.key):
                    return _Paused(job, 0.0)
                self._box.put(step)
                continue
            if isinstance(step, Event):
                self._box.put(step)
            self._open.end(job.key)
            if isinstance(step, Wait):
                return _Paused(job, step.until, is_read=step.is_read)
            if self._stopping:
                return _Paused(job, 0.0)
        self._open.end(job.key)
        return _Ended(job)

    def _wind_up(self) -> Iterator[Event | None]:
        """Begin no more submissions, and wait a moment for the answers to those under way."""
        self._stopping = True
        self._open.close()
        end = self._clock.monotonic() + GRACE_SECONDS
        while self._open and (left := end - self._clock.monotonic()) > 0:
            yield self._receive(min(left, TICK_SECONDS))
        with suppress(queue.Empty):
            while True:
                message = self._box.get_nowait()
                if isinstance(message, Event):
                    self._count(message)
                    yield message

    def _interrupted(self) -> FluxError:
        number = self._interrupts.number or signal.SIGINT
        lost, alive = len(self._open), len(self._paid)
        said = f"stopped by {signal.Signals(number).name}"
        hint = None
        if alive:
            said += f"; {_tasks(alive)} already paid and still running"
            hint = "fluxcli download --unsaved"
        if lost:
            said += f"; {lost} submitted without an answer"
            hint = hint or "fluxcli status"
        return FluxError(Code.INTERRUPTED, said, hint=hint, status=128 + number)


def _tasks(count: int) -> str:
    return "1 task is" if count == 1 else f"{count} tasks are"
