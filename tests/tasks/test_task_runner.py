"""The images of a command: its run is held, resumed, and closed after the output."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.events import Event, Failed, Finished
from fluxcli.files.output_path import parse_target
from fluxcli.signals import Interrupts
from fluxcli.task_types import State
from fluxcli.tasks.run_options import PictureRequest, RunOptions
from fluxcli.tasks.task_runner import TaskRunner
from tests.client import bodies
from tests.journal.samples import accepted, request
from tests.journal.test_runs import hold
from tests.tasks.conftest import drawn
from tests.tasks.harness import RESULT, JobHarness, answer, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.client.scripted import Act


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[JobHarness]:
    """A harness whose service finishes an image at once."""
    made = JobHarness(tmp_path, {"results.invalid": [answer(drawn())]})
    yield made
    made.journal.close()


def runner(harness: JobHarness, **options: object) -> TaskRunner:
    usual: dict[str, object] = {"timeout": 900.0}
    return TaskRunner(
        harness.services,
        RunOptions(**usual | options),  # type: ignore[arg-type] # by name
        Interrupts(),
        parse_target(None, cwd=harness.folder),
    )


def pictures(harness: JobHarness, count: int = 1, output: str = "fox.jpg") -> list[PictureRequest]:
    target = parse_target(output, cwd=harness.folder)
    return [
        PictureRequest(request=request(), target=target, n=n, count=count)
        for n in range(1, count + 1)
    ]


def ends(events: Iterable[Event | None]) -> list[Event]:
    """Return the last event of each picture."""
    return [event for event in events if isinstance(event, Finished | Failed)]


class TestProducing:
    def test_a_run_is_closed_when_all_is_saved(self, harness: JobHarness) -> None:
        found = ends(runner(harness).produce(pictures(harness, 3), "f", new=False))
        assert len(found) == 3
        assert harness.journal.unfinished("f") is None

    def test_it_stays_open_until_the_last_answer_was_given(self, harness: JobHarness) -> None:
        """A process killed while it prints its result prints it again in the next run."""
        run = runner(harness).produce(pictures(harness), "f", new=False)
        for event in run:
            if isinstance(event, Finished):
                break
        run.close()  # type: ignore[attr-defined] # a generator, as it happens
        assert harness.journal.unfinished("f") is not None
        harness.requested.clear()
        (again,) = ends(runner(harness).produce(pictures(harness), "f", new=False))
        assert isinstance(again, Finished)
        assert harness.requested == []

    def test_it_stays_open_while_one_is_missing(self, harness: JobHarness) -> None:
        acts: list[Act] = [refusal(402), answer(bodies.GENERATE)]
        harness.answers["kontext/generate"] = acts
        ends(runner(harness).produce(pictures(harness, 2), "f", new=False))
        assert harness.journal.unfinished("f") is not None
        again = ends(runner(harness).produce(pictures(harness, 2), "f", new=False))
        assert {type(event) for event in again} == {Finished}
        assert harness.requested.count("kontext/generate") == 3
        assert harness.journal.unfinished("f") is None

    def test_without_waiting_it_stays_open(self, harness: JobHarness) -> None:
        ends(runner(harness, wait=False, save=False).produce(pictures(harness), "f", new=False))
        assert harness.journal.unfinished("f") is not None

    def test_what_is_skipped_is_not_made(self, harness: JobHarness) -> None:
        found = ends(runner(harness).produce(pictures(harness, 3)[1:2], "f", new=False))
        assert [event.key for event in found] == ["2"]
        assert harness.journal.unfinished("f") is None

    def test_its_lock_goes_with_it(self, harness: JobHarness) -> None:
        ends(runner(harness).produce(pictures(harness), "f", new=False))
        left = {lock.name for lock in (harness.folder / "state/locks").iterdir()}
        assert left <= {"runs.lock", "journal.lock"}

    def test_another_process_is_left_alone(self, harness: JobHarness) -> None:
        with hold(harness.folder / "state", "f") as process:
            with pytest.raises(FluxError) as caught:
                ends(runner(harness).produce(pictures(harness), "f", new=False))
            process.communicate("\n", timeout=10)
        assert caught.value.code is Code.BUSY
        assert harness.requested == []


class TestCollecting:
    def test_a_task_that_another_process_saves_is_reported_and_left(
        self, harness: JobHarness
    ) -> None:
        """The others are collected all the same."""
        busy, free = accepted(harness.journal, "busy1"), accepted(harness.journal, "free1", "g")
        with hold(harness.folder / "state", "f") as process:
            found = ends(runner(harness).collect([busy, free]))
            process.communicate("\n", timeout=10)
        by_key = {event.key: event for event in found}
        failed = by_key["busy1"]
        assert isinstance(failed, Failed)
        assert (failed.error.code, failed.error.task_id) == (Code.BUSY, "busy1")
        assert failed.error.ref == busy.ref
        assert isinstance(by_key["free1"], Finished)

    def test_a_task_that_was_saved_meanwhile_is_not_fetched(self, harness: JobHarness) -> None:
        """It was found unsaved, and saved by another process before it was held here."""
        seen = accepted(harness.journal, "e730")
        target = parse_target("fox.jpg", cwd=harness.folder)
        ends(runner(harness).collect([seen], target))
        harness.requested.clear()
        (again,) = ends(runner(harness).collect([seen], target))
        assert isinstance(again, Finished)
        assert again.task.state is State.SAVED
        assert "record-info" not in harness.requested
        assert [path.name for path in harness.folder.glob("*.jpg")] == ["fox.jpg"]

    def test_a_run_is_closed_with_its_last_image(self, harness: JobHarness) -> None:
        run = harness.journal.open_run("f", new=False)
        tasks = []
        for n in (1, 2):
            output = str(harness.folder / "all" / "{prompt}.{ext}")
            task = harness.journal.begin(run, request(), source=None, output=output, n=n, count=2)
            tasks.append(harness.journal.accepted(task.ref, f"task{n}"))
        harness.journal.release(run)
        target = parse_target("all/", cwd=harness.folder)
        ends(runner(harness).collect(tasks[:1], target))
        assert harness.journal.unfinished("f") is not None
        ends(runner(harness).collect(tasks[1:], target))
        assert harness.journal.unfinished("f") is None

    def test_status_holds_no_lock(self, harness: JobHarness) -> None:
        """`status` blocks no other process."""
        task = accepted(harness.journal, "e730")
        with hold(harness.folder / "state", "f") as process:
            (found,) = ends(runner(harness, save=False).collect([task]))
            process.communicate("\n", timeout=10)
        assert isinstance(found, Finished)
        assert found.task.state is State.SUCCEEDED


def test_the_usual_time_is_learnt(harness: JobHarness) -> None:
    assert runner(harness).usual_seconds(request()) == 12.0
    for number in range(9):
        task = accepted(harness.journal, f"task{number}", f"f{number}")
        harness.journal.succeeded(task.ref, url=RESULT, completed_at=None, seconds=30.0 + number)
    assert runner(harness).usual_seconds(request()) == 34.0


def test_a_killed_process_leaves_no_lock(harness: JobHarness) -> None:
    with hold(harness.folder / "state", "f") as process:
        os.kill(process.pid, 9)
        process.wait(10)
    (found,) = ends(runner(harness).produce(pictures(harness), "f", new=False))
    assert isinstance(found, Finished)
    assert isinstance(process, subprocess.Popen)
