"""Runs: the same command resumes its run, and two processes never hold the same run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.task_types import State
from tests.journal.samples import accepted, begun, picture

if TYPE_CHECKING:
    from fluxcli.journal.journal import Journal
    from tests.worlds import SwiftClock

HOLDER = """
import sys
from pathlib import Path
from fluxcli.clock import SystemClock
from fluxcli.journal.journal import Journal

journal = Journal(Path(sys.argv[1]), clock=SystemClock(), sandbox=False)
run = journal.open_run(sys.argv[2], new=False)
print("holding", flush=True)
sys.stdin.readline()
"""
"""A process that holds a run until it gets a signal, and then ends without output."""


def hold(folder: Path, fingerprint: str) -> subprocess.Popen[str]:
    """Start a process that holds a run; return when it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), fingerprint],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    return process


class TestResuming:
    def test_the_first_run_begins_with_nothing(self, journal: Journal) -> None:
        run = journal.open_run("f", new=False)
        assert run.tasks == {}

    def test_an_open_run_is_resumed_with_its_tasks(self, journal: Journal) -> None:
        task = accepted(journal, "e730")
        run = journal.open_run("f", new=False)
        assert run.tasks == {1: task}

    def test_a_run_that_was_resumed_is_the_same_run(self, journal: Journal) -> None:
        """It is held until it is released, and ends when its output is printed."""
        first = journal.open_run("f", new=False)
        journal.release(first)
        again = journal.open_run("f", new=False)
        assert again.name == first.name
        journal.close_run(again)
        assert journal.unfinished("f") is None

    def test_what_was_resumed_is_free_again_when_it_is_released(
        self, journal: Journal, other: Journal, folder: Path
    ) -> None:
        """And nothing is left of the hold."""
        accepted(journal, "e730")
        run = journal.open_run("f", new=False)
        with pytest.raises(FluxError, match="working on this request"):
            other.open_run("f", new=False)
        journal.release(run)
        assert [file.name for file in (folder / "locks").iterdir() if run.name in file.name] == []
        assert other.open_run("f", new=False).name == run.name

    def test_the_newest_try_of_a_number_counts(self, journal: Journal) -> None:
        run = journal.open_run("f", new=False)
        first = begun(journal, run, n=2, count=2)
        journal.refused(first.ref, FluxError(Code.RATE_LIMITED, "too often"))
        second = begun(journal, run, n=2, count=2)
        journal.accepted(second.ref, "e730")
        journal.release(run)
        again = journal.open_run("f", new=False)
        assert {n: task.ref for n, task in again.tasks.items()} == {2: second.ref}

    def test_another_command_resumes_nothing(self, journal: Journal) -> None:
        accepted(journal, "e730", "f")
        assert journal.open_run("g", new=False).tasks == {}

    def test_a_closed_run_is_over(self, journal: Journal) -> None:
        run = journal.open_run("f", new=False)
        journal.close_run(run)
        journal.release(run)
        assert journal.open_run("f", new=False).name != run.name

    def test_new_begins_again_and_ends_what_was_before(self, journal: Journal) -> None:
        """After `--new`, the command without it resumes the new one, not the old."""
        old = accepted(journal, "e730")
        run = journal.open_run("f", new=True)
        assert run.tasks == {}
        task = journal.accepted(begun(journal, run).ref, "f841")
        journal.release(run)
        again = journal.open_run("f", new=False)
        assert [one.ref for one in again.tasks.values()] == [task.ref]
        assert old.ref in {one.ref for one in journal.unsaved()}

    def test_a_run_is_resumed_however_old_the_clock_makes_it(
        self, journal: Journal, clock: SwiftClock
    ) -> None:
        """Only the service decides that a result is gone."""
        task = accepted(journal, "e730")
        clock.sleep(400 * 86400)
        assert journal.unfinished("f") == {1: task}
        assert journal.open_run("f", new=False).tasks == {1: task}

    def test_what_is_unfinished_can_be_seen_without_resuming_it(self, journal: Journal) -> None:
        task = accepted(journal, "e730")
        assert journal.unfinished("f") == {1: task}
        assert journal.unfinished("g") is None


class TestClosing:
    def test_a_run_is_over_when_its_last_image_is_saved(self, journal: Journal) -> None:
        run = journal.open_run("f", new=False)
        tasks = [
            journal.accepted(begun(journal, run, n=n, count=2).ref, f"task{n}") for n in (1, 2)
        ]
        journal.release(run)
        journal.close_if_complete(journal.saved(tasks[0].ref, picture()))
        assert journal.unfinished("f") is not None
        journal.close_if_complete(journal.saved(tasks[1].ref, picture()))
        assert journal.unfinished("f") is None

    def test_an_image_that_was_never_requested_keeps_the_run_open(self, journal: Journal) -> None:
        """One of two was asked for when the process died; the other is still wanted."""
        run = journal.open_run("f", new=False)
        task = journal.accepted(begun(journal, run, n=1, count=2).ref, "task1")
        journal.release(run)
        journal.close_if_complete(journal.saved(task.ref, picture()))
        assert journal.unfinished("f") is not None


class TestAtTheSameTime:
    """A run that ended after a mark was made is the same command, in another process."""

    def ended(self, journal: Journal, task_id: str) -> str:
        task = accepted(journal, task_id)
        journal.close_if_complete(journal.saved(task.ref, picture()))
        return task.ref

    def test_a_run_that_ended_since_is_resumed(self, journal: Journal, other: Journal) -> None:
        self.ended(journal, "before")
        mark = other.mark("f")
        ref = self.ended(journal, "since")
        run = other.open_run("f", new=False, since=mark)
        assert [task.ref for task in run.tasks.values()] == [ref]

    def test_one_that_ended_before_is_not(self, journal: Journal) -> None:
        self.ended(journal, "before")
        assert journal.open_run("f", new=False, since=journal.mark("f")).tasks == {}

    @pytest.mark.parametrize("seconds", [-1e9, -1.0, 0.0, 1e9])
    def test_with_any_clock(self, journal: Journal, clock: SwiftClock, seconds: float) -> None:
        self.ended(journal, "before")
        mark = journal.mark("f")
        clock._begin += seconds
        ref = self.ended(journal, "since")
        run = journal.open_run("f", new=False, since=mark)
        assert [task.ref for task in run.tasks.values()] == [ref]

    def test_new_begins_another(self, journal: Journal) -> None:
        mark = journal.mark("f")
        self.ended(journal, "since")
        assert journal.open_run("f", new=True, since=mark).tasks == {}

    def test_a_run_without_a_task_leaves_nothing(self, journal: Journal) -> None:
        self.ended(journal, "before")
        mark = journal.mark("f")
        run = journal.open_run("f", new=False)
        journal.close_run(run)
        journal.release(run)
        assert journal.mark("f") == mark
        assert journal.unfinished("f") is None


class TestTwoProcesses:
    def test_the_second_reports_which_process_works(self, journal: Journal, folder: Path) -> None:
        with hold(folder, "f") as process:
            with pytest.raises(FluxError) as caught:
                journal.open_run("f", new=False)
            process.communicate("\n", timeout=10)
        assert caught.value.code is Code.BUSY
        assert f"process {process.pid} is working" in caught.value.message
        assert "--new" in (caught.value.hint or "")

    def test_new_needs_not_wait(self, journal: Journal, folder: Path) -> None:
        with hold(folder, "f") as process:
            assert journal.open_run("f", new=True).tasks == {}
            process.communicate("\n", timeout=10)

    def test_another_command_needs_not_wait(self, journal: Journal, folder: Path) -> None:
        with hold(folder, "f") as process:
            journal.open_run("g", new=False)
            process.communicate("\n", timeout=10)

    def test_a_killed_holder_holds_nothing(self, journal: Journal, folder: Path) -> None:
        task = accepted(journal, "e730")
        with hold(folder, "f") as process:
            process.kill()
            process.communicate(timeout=10)
        assert journal.open_run("f", new=False).tasks == {1: task}

    def test_a_task_that_is_saved_elsewhere_is_not_saved_here(
        self, journal: Journal, folder: Path
    ) -> None:
        task = accepted(journal, "e730")
        with hold(folder, "f") as process:
            with pytest.raises(FluxError, match="working on task `e730`") as caught:
                journal.claim(task, {})
            process.communicate("\n", timeout=10)
        assert caught.value.code is Code.BUSY
        assert caught.value.hint == "wait for it, then run the same command again"


def test_what_was_claimed_is_free_again_when_it_is_released(
    journal: Journal, other: Journal
) -> None:
    task = accepted(journal, "e730")
    run = journal.claim(task, {})
    with pytest.raises(FluxError, match="working on task `e730`"):
        other.claim(task, {})
    journal.release(run)
    assert other.claim(task, {}).name == run.name


def test_a_claimed_run_is_claimed_once(journal: Journal) -> None:
    """Two tasks of one run are saved by one process under one lock."""
    run = journal.open_run("f", new=False)
    tasks = [journal.accepted(begun(journal, run, n=n, count=2).ref, f"task{n}") for n in (1, 2)]
    journal.release(run)
    first = journal.claim(tasks[0], {})
    assert journal.claim(tasks[1], {first.name: first}) is first
    journal.release(first)
    journal.release(first)


def test_a_task_from_elsewhere_is_adopted_as_accepted(journal: Journal) -> None:
    run = journal.open_run("adopted:e730", new=True)
    task = journal.adopt(run, "e730", accepted(journal, "other").request, output="/x")
    assert (task.state, task.task_id) == (State.RUNNING, "e730")
    assert (task.n, task.count) == (1, 1)
