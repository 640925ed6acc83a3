"""Many jobs at once: order, waits, how a run ends, and what a signal interrupts."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, ClassVar, TypeVar

import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.events import Accepted, Downloading, Event, Resumed, Submitting, Warned
from fluxcli.signals import Interrupts
from fluxcli.task_types import State, Task
from fluxcli.tasks.run_options import JobStep, Wait
from fluxcli.tasks.scheduler import GRACE_SECONDS, WORKERS, Job, Scheduler
from tests.journal.samples import request
from tests.worlds import SwiftClock

if TYPE_CHECKING:
    import queue
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


@pytest.fixture
def clock() -> SwiftClock:
    """A simulated clock: time passes while no thread works."""
    return SwiftClock()


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Signal handlers, installed for the test."""
    found = Interrupts()
    with found.installed():
        yield found


def warning(text: str) -> Warned:
    """Return an event with a text by which it can be recognised."""
    return Warned(key="1", message=text)


def messages(events: Iterable[Event | None]) -> list[str]:
    """Return the texts of the reported events, in order."""
    return [event.message for event in events if isinstance(event, Warned)]


class TestRun:
    def test_the_events_of_all_jobs_are_reported(
        self, clock: SwiftClock, interrupts: Interrupts
    ) -> None:
        jobs = [Job(str(n), iter([warning(f"{n}")])) for n in range(10)]
        assert sorted(messages(Scheduler(clock, interrupts).run(jobs))) == [
            str(n) for n in range(10)
        ]

    def test_no_jobs_give_no_events(self, clock: SwiftClock, interrupts: Interrupts) -> None:
        assert list(Scheduler(clock, interrupts).run([])) == []

    def test_a_wait_lasts_until_its_time_and_no_longer(
        self, clock: SwiftClock, interrupts: Interrupts
    ) -> None:
        moments: list[float] = []

        def steps() -> Iterator[JobStep]:
            for _ in range(3):
                yield Wait(clock.monotonic() + 100)
                moments.append(clock.monotonic())

        list(Scheduler(clock, interrupts).run([Job("1", steps())]))
        assert moments == [pytest.approx(1000 + 100 * n, abs=0.01) for n in (1, 2, 3)]

    def test_jobs_run_in_the_order_in_which_they_are_due(
        self, clock: SwiftClock, interrupts: Interrupts
    ) -> None:
        def steps(seconds: float) -> Iterator[JobStep]:
            yield Wait(1000 + seconds)
            yield warning(f"{seconds:g}")

        jobs = [Job(str(seconds), steps(seconds)) for seconds in (30, 10, 20)]
        assert messages(Scheduler(clock, interrupts).run(jobs)) == ["10", "20", "30"]

    def test_none_is_yielded_four_times_a_second_during_a_wait(
        self, clock: SwiftClock, interrupts: Interrupts
    ) -> None:
        """So that the caller can redraw its progress."""
        events = list(Scheduler(clock, interrupts).run([Job("1", iter([Wait(1010.0)]))]))
        assert 40 <= events.count(None) <= 50

    def test_no_more_jobs_than_the_limit_run_at_once(
        self, clock: SwiftClock, interrupts: Interrupts
    ) -> None:
        """A job beyond the limit is not started until another one has ended."""
        under_way, most = 0, 0

        def steps() -> Iterator[JobStep]:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            yield Wait(clock.monotonic() + 1)
            under_way -= 1

        jobs = (Job(str(n), steps()) for n in range(20))
        list(Scheduler(clock, interrupts, in_flight=3).run(jobs))
        assert (most, under_way) == (3, 0)

    def test_a_few_threads_run_all_jobs_and_end_with_the_run(
        self, clock: SwiftClock, interrupts: Interrupts
    ) -> None:
        before = set(threading.enumerate())
        seen: set[int] = set()

        def steps() -> Iterator[JobStep]:
            seen.add(threading.get_ident())
            yield warning("x")

        list(Scheduler(clock, interrupts).run(Job(str(n), steps()) for n in range(50)))
        assert 1 <= len(seen) <= WORKERS
        assert threading.get_ident() not in seen
        for thread in set(threading.enumerate()) - before:
            thread.join(10)
            assert not thread.is_alive()

    def test_jobs_may_be_added_during_the_run(
        self, clock: SwiftClock, interrupts: Interrupts
    ) -> None:
        """The iterator of jobs may depend on jobs that have ended."""
        found: list[str] = []

        def steps(name: str) -> Iterator[JobStep]:
            yield Wait(clock.monotonic() + 1)
            found.append(name)

        class Source:
            wanted: ClassVar = ["a", "b"]

            def __iter__(self) -> Source:
                return self

            def __next__(self) -> Job:
                if found != ["a", "b"][: 2 - len(self.wanted)] or not self.wanted:
                    raise StopIteration
                name = self.wanted.pop(0)
                return Job(name, steps(name))

        list(Scheduler(clock, interrupts).run(Source()))
        assert found == ["a", "b"]


class PaidJob:
    """A job whose submission is answered when the test sets `answer`."""

    def __init__(self, key: str = "1") -> None:
        self.key = key
        self.left = threading.Event()
        self.answer = threading.Event()
        self.sent = 0

    def steps(self) -> Iterator[JobStep]:
        """Submit, and report the answer."""
        yield Submitting(key=self.key)
        self.sent += 1
        self.left.set()
        assert self.answer.wait(60)
        yield Accepted(key=self.key, ref="ref", task_id=f"task{self.key}")
        yield Wait(2000.0)
        yield Downloading(key=self.key)


class TestSignals:
    def test_a_signal_waits_for_the_answer_to_an_open_submission(
        self, clock: SwiftClock, interrupts: Interrupts
    ) -> None:
        """The task id is still reported; then the run ends."""
        paid = PaidJob()
        events: list[Event | None] = []
        run = Scheduler(clock, interrupts).run([Job("1", paid.steps())])
        events.append(next(run))
        assert paid.left.wait(10)
        signal.raise_signal(signal.SIGINT)
        threading.Timer(0.05, paid.answer.set).start()
        with pytest.raises(FluxError) as caught:
            events.extend(run)
        names = [type(event).__name__ for event in events if event]
        assert names == ["Submitting", "Accepted"]
        assert (caught.value.code, caught.value.status) == (Code.INTERRUPTED, 130)
        assert caught.value.message == "stopped by SIGINT; 1 task is already paid and still running"
        assert caught.value.hint == "fluxcli download --unsaved"

    def test_a_signal_waits_five_seconds_at_most(self, interrupts: Interrupts) -> None:
        """A submission without an answer by then is reported as such."""

        class Hurried(SwiftClock):
            def receive(self, box: queue.SimpleQueue[T], seconds: float, *, busy: bool) -> None:
                del box, busy
                self.sleep(seconds)

        clock, paid = Hurried(), PaidJob()
        scheduler = Scheduler(clock, interrupts)
        run = scheduler.run([Job("1", paid.steps())])
        next(run)
        assert paid.left.wait(10)
        began = clock.monotonic()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(FluxError) as caught:
            list(run)
        paid.answer.set()
        assert clock.monotonic() - began == pytest.approx(GRACE_SECONDS, abs=0.5)
        assert caught.value.status == 143
        assert "1 submitted without an answer" in caught.value.message
        assert caught.value.hint == "fluxcli status"

    def test_after_a_signal_nothing_is_submitted(
        self, clock: SwiftClock, interrupts: Interrupts
    ) -> None:
        """Neither by a job that was about to submit, nor by one that was not started."""
        late = PaidJob("2")
        late.answer.set()

        def waiting() -> Iterator[JobStep]:
            yield Wait(1000.0)
            yield warning("here")
            yield Wait(1001.0)
            yield from late.steps()

        run = Scheduler(clock, interrupts, in_flight=1).run(
            [Job("2", waiting()), Job("3", PaidJob("3").steps())]
        )
        for event in run:
            if isinstance(event, Warned):
                signal.raise_signal(signal.SIGHUP)
                break
        with pytest.raises(FluxError) as caught:
            list(run)
        assert (late.sent, caught.value.status) == (0, 129)
        assert caught.value.message == "stopped by SIGHUP"

    def test_a_signal_waits_for_all_open_submissions(
        self, clock: SwiftClock, interrupts: Interrupts
    ) -> None:
        """Also for those whose events were not read when the signal arrived."""
        all_paid = [PaidJob(str(n)) for n in range(WORKERS)]
        run = Scheduler(clock, interrupts).run([Job(one.key, one.steps()) for one in all_paid])
        next(run)
        for one in all_paid:
            assert one.left.wait(10)
        signal.raise_signal(signal.SIGINT)
        for one in all_paid:
            one.answer.set()
        events: list[Event | None] = []
        with pytest.raises(FluxError, match=f"{WORKERS} tasks are already paid and still running"):
            events.extend(run)
        assert sum(isinstance(event, Accepted) for event in events) in {0, WORKERS}

    def test_a_resumed_task_counts_as_paid(self, clock: SwiftClock, interrupts: Interrupts) -> None:
        task = Task(
            ref="r",
            state=State.RUNNING,
            request=request(),
            sandbox=False,
            output="/x",
            created_at=0.0,
        )
        steps: list[JobStep] = [Resumed(key="1", task=task), Wait(5000.0)]
        run = Scheduler(clock, interrupts).run([Job("1", iter(steps))])
        next(run)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(FluxError, match="1 task is already paid") as caught:
            list(run)
        assert caught.value.hint == "fluxcli download --unsaved"


class TestCrash:
    def test_an_exception_of_a_job_is_raised_by_the_run(
        self, clock: SwiftClock, interrupts: Interrupts
    ) -> None:
        def steps() -> Iterator[JobStep]:
            yield warning("before")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            list(Scheduler(clock, interrupts).run([Job("1", steps())]))

    def test_an_exception_waits_for_the_submissions_of_other_jobs(
        self, clock: SwiftClock, interrupts: Interrupts
    ) -> None:
        paid = PaidJob()

        def submitting() -> Iterator[JobStep]:
            yield from paid.steps()

        def crashing() -> Iterator[JobStep]:
            assert paid.left.wait(10)
            threading.Timer(0.05, paid.answer.set).start()
            yield warning("now")
            raise ZeroDivisionError

        jobs = [Job("1", submitting()), Job("2", crashing())]
        with pytest.raises(ZeroDivisionError):
            list(Scheduler(clock, interrupts).run(jobs))
        assert paid.answer.is_set()

    def test_closing_the_run_waits_for_an_open_submission(
        self, clock: SwiftClock, interrupts: Interrupts
    ) -> None:
        paid = PaidJob()
        run = Scheduler(clock, interrupts).run([Job("1", paid.steps())])
        next(run)
        assert paid.left.wait(10)
        threading.Timer(0.05, paid.answer.set).start()
        run.close()
        assert paid.answer.is_set()
