"""An edit of the image of a task that runs, while another process or edit polls that task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.events import AwaitingInput, Failed, Finished
from fluxcli.task_types import State
from fluxcli.tasks.run_options import Source
from tests.journal.samples import request
from tests.tasks.harness import RESULT, RUNNING, JobHarness, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from fluxcli.events import Event
    from fluxcli.task_types import Task


@pytest.fixture
def running(harness: JobHarness) -> Task:
    """The task of another command, which another edit of this run polls."""
    journal = harness.journal
    run = journal.open_run("other", new=False)
    begun = journal.begin(run, request(), source=None, output=str(harness.folder / "other.jpg"))
    journal.sending(begun.ref, request())
    task = journal.accepted(begun.ref, "1" * 32)
    journal.release(run)
    harness.services.polled_inputs[task.ref] = "another edit"
    return task


def _edited(harness: JobHarness, task: Task, then: Callable[[], object]) -> list[Event]:
    """Make an edit of the task's image; `then` happens once it waits."""

    def during(event: Event) -> None:
        if isinstance(event, AwaitingInput):
            then()

    source = Source(identity=f"task:{task.task_id}", unfinished=task)
    return harness.make(source=source, output="night.jpg", during=during)


def _failure(events: list[Event]) -> FluxError:
    (failed,) = [event for event in events if isinstance(event, Failed)]
    return failed.error


@pytest.mark.parametrize("code", [Code.GENERATION_FAILED, Code.MODERATED])
def test_an_input_that_fails_elsewhere_ends_the_edit_unsent(
    harness: JobHarness, running: Task, code: Code
) -> None:
    fails = FluxError(code, "too dark")
    events = _edited(harness, running, lambda: harness.journal.failed(running.ref, fails))
    error = _failure(events)
    assert error.code is code
    assert "too dark; its edit was not sent" in error.message
    assert error.hint == f"fluxcli status {running.task_id}"
    assert "kontext/generate" not in harness.requested


def test_an_input_that_is_finished_elsewhere_is_edited_without_a_read_of_it(
    harness: JobHarness, running: Task
) -> None:
    def finish() -> None:
        harness.journal.succeeded(running.ref, url=RESULT, completed_at=None, seconds=8.0)

    events = _edited(harness, running, finish)
    assert isinstance(events[-1], Finished)
    assert events[-1].task.state is State.SAVED
    assert Path(str(events[-1].task.picture and events[-1].task.picture.path)).exists()
    # The link is tried, then the edit is submitted, read and saved.
    result = "results.invalid"
    assert harness.requested == [result, "kontext/generate", "record-info", result]


def test_an_input_that_never_ends_elsewhere_ends_the_waiting_in_time(
    harness: JobHarness, running: Task
) -> None:
    begun = harness.clock.monotonic()
    error = _failure(_edited(harness, running, lambda: None))
    assert error.code is Code.TIMED_OUT
    assert (error.task_id, error.ref) == (running.task_id, running.ref)
    assert 900 <= harness.clock.monotonic() - begun < 901
    assert harness.requested == []


def test_the_poll_is_taken_over_once_the_other_edit_ends(
    harness: JobHarness, running: Task
) -> None:
    harness.answers["record-info"].insert(0, answer(RUNNING))
    events = _edited(harness, running, lambda: harness.services.polled_inputs.pop(running.ref))
    assert isinstance(events[-1], Finished)
    assert harness.requested[:2] == ["record-info", "record-info"]
    assert harness.services.polled_inputs == {}
