"""The images of a command: its run is locked, resumed, and closed after the output."""

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


def picture_requests(
    harness: JobHarness, count: int = 1, output: str = "fox.jpg"
) -> list[PictureRequest]:
    target = parse_target(output, cwd=harness.folder)
    return [
        PictureRequest(request=request(), target=target, n=n, count=count)
        for n in range(1, count + 1)
    ]


def last_events(events: Iterable[Event | None]) -> list[Event]:
    """Return the last event of each image."""
    return [event for event in events if isinstance(event, Finished | Failed)]


class TestProduce:
    def test_a_run_is_closed_when_all_images_are_saved(self, harness: JobHarness) -> None:
        found = last_events(runner(harness).produce(picture_requests(harness, 3), "f", new=False))
        assert len(found) == 3
        assert harness.journal.unfinished("f") is None

    def test_a_run_stays_open_until_its_last_event_was_consumed(self, harness: JobHarness) -> None:
        """A process killed while it prints its result prints it when it is run again."""
        run = runner(harness).produce(picture_requests(harness), "f", new=False)
        for event in run:
            if isinstance(event, Finished):
                break
        run.close()  # type: ignore[attr-defined] # a generator, as it happens
        assert harness.journal.unfinished("f") is not None
        harness.requested.clear()
        (again,) = last_events(runner(harness).produce(picture_requests(harness), "f", new=False))
        assert isinstance(again, Finished)
        assert harness.requested == []

    def test_a_run_stays_open_while_an_image_is_missing(self, harness: JobHarness) -> None:
        acts: list[Act] = [refusal(402), answer(bodies.GENERATE)]
        harness.answers["kontext/generate"] = acts
        last_events(runner(harness).produce(picture_requests(harness, 2), "f", new=False))
        assert harness.journal.unfinished("f") is not None
        again = last_events(runner(harness).produce(picture_requests(harness, 2), "f", new=False))
        assert {type(event) for event in again} == {Finished}
        assert harness.requested.count("kontext/generate") == 3
        assert harness.journal.unfinished("f") is None

    def test_a_run_without_waiting_stays_open(self, harness: JobHarness) -> None:
        last_events(
            runner(harness, wait=False, save=False).produce(
                picture_requests(harness), "f", new=False
            )
        )
        assert harness.journal.unfinished("f") is not None

    def test_only_the_given_images_of_a_run_are_made(self, harness: JobHarness) -> None:
        found = last_events(
            runner(harness).produce(picture_requests(harness, 3)[1:2], "f", new=False)
        )
        assert [event.key for event in found] == ["2"]
        assert harness.journal.unfinished("f") is None

    def test_the_lock_file_of_a_closed_run_is_removed(self, harness: JobHarness) -> None:
        last_events(runner(harness).produce(picture_requests(harness), "f", new=False))
        left = {lock.name for lock in (harness.folder / "state/locks").iterdir()}
        assert left <= {"runs.lock", "journal.lock"}

    def test_a_run_of_another_process_is_busy(self, harness: JobHarness) -> None:
        with hold(harness.folder / "state", "f") as process:
            with pytest.raises(FluxError) as caught:
                last_events(runner(harness).produce(picture_requests(harness), "f", new=False))
            process.communicate("\n", timeout=10)
        assert caught.value.code is Code.BUSY
        assert harness.requested == []


class TestCollect:
    def test_a_task_that_another_process_saves_is_reported_as_busy(
        self, harness: JobHarness
    ) -> None:
        """The other tasks are collected."""
        busy, free = accepted(harness.journal, "busy1"), accepted(harness.journal, "free1", "g")
        with hold(harness.folder / "state", "f") as process:
            found = last_events(runner(harness).collect([busy, free]))
            process.communicate("\n", timeout=10)
        by_key = {event.key: event for event in found}
        failed = by_key["busy1"]
        assert isinstance(failed, Failed)
        assert (failed.error.code, failed.error.task_id) == (Code.BUSY, "busy1")
        assert failed.error.ref == busy.ref
        assert isinstance(by_key["free1"], Finished)

    def test_a_task_saved_by_another_process_is_not_downloaded_again(
        self, harness: JobHarness
    ) -> None:
        """It was saved after it was listed as unsaved, and before its run was locked here."""
        seen = accepted(harness.journal, "e730")
        target = parse_target("fox.jpg", cwd=harness.folder)
        last_events(runner(harness).collect([seen], target))
        harness.requested.clear()
        (again,) = last_events(runner(harness).collect([seen], target))
        assert isinstance(again, Finished)
        assert again.task.state is State.SAVED
        assert "record-info" not in harness.requested
        assert [path.name for path in harness.folder.glob("*.jpg")] == ["fox.jpg"]

    def test_a_run_is_closed_when_its_last_image_is_collected(self, harness: JobHarness) -> None:
        run = harness.journal.open_run("f", new=False)
        tasks = []
        for n in (1, 2):
            output = str(harness.folder / "all" / "{prompt}.{ext}")
            task = harness.journal.begin(run, request(), source=None, output=output, n=n, count=2)
            tasks.append(harness.journal.accepted(task.ref, f"task{n}"))
        harness.journal.release(run)
        target = parse_target("all/", cwd=harness.folder)
        last_events(runner(harness).collect(tasks[:1], target))
        assert harness.journal.unfinished("f") is not None
        last_events(runner(harness).collect(tasks[1:], target))
        assert harness.journal.unfinished("f") is None

    def test_reading_a_task_needs_no_lock(self, harness: JobHarness) -> None:
        """`status` works while another process has the run."""
        task = accepted(harness.journal, "e730")
        with hold(harness.folder / "state", "f") as process:
            (found,) = last_events(runner(harness, save=False).collect([task]))
            process.communicate("\n", timeout=10)
        assert isinstance(found, Finished)
        assert found.task.state is State.SUCCEEDED


def test_the_usual_time_is_the_median_of_recorded_durations(harness: JobHarness) -> None:
    assert runner(harness).usual_seconds(request()) == 12.0
    for number in range(9):
        task = accepted(harness.journal, f"task{number}", f"f{number}")
        harness.journal.succeeded(task.ref, url=RESULT, completed_at=None, seconds=30.0 + number)
    assert runner(harness).usual_seconds(request()) == 34.0


def test_a_killed_process_leaves_no_lock(harness: JobHarness) -> None:
    with hold(harness.folder / "state", "f") as process:
        os.kill(process.pid, 9)
        process.wait(10)
    (found,) = last_events(runner(harness).produce(picture_requests(harness), "f", new=False))
    assert isinstance(found, Finished)
    assert isinstance(process, subprocess.Popen)
