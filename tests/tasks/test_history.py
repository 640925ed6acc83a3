"""Earlier tasks: found by any of their names, brought up to date, settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.events import Event, Failed, Finished
from fluxcli.files.output_path import parse_target
from fluxcli.signals import Interrupts
from fluxcli.task_types import State
from fluxcli.tasks.history import NOT_CHARGED, History
from fluxcli.tasks.run_options import RunOptions
from fluxcli.tasks.task_runner import TaskRunner
from tests.client import bodies
from tests.journal.samples import accepted, begun
from tests.tasks.harness import RUNNING, JobHarness, answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fluxcli.task_types import Task

ECHO = b'{"code":200,"msg":"ok","data":{"taskId":"t","successFlag":0,"paramJson":"%s"}}'


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[JobHarness]:
    """A harness whose service finishes an image at once."""
    made = JobHarness(tmp_path)
    yield made
    made.journal.close()


def history(harness: JobHarness, timeout: float = 0.0) -> History:
    runner = TaskRunner(
        harness.services,
        RunOptions(timeout=timeout, save=False),
        Interrupts(),
        parse_target(None, cwd=harness.folder),
    )
    return History(runner, harness.folder)


def unknown_task(harness: JobHarness) -> Task:
    """Record a submission of unknown outcome."""
    run = harness.journal.open_run("f", new=False)
    task = begun(harness.journal, run)
    harness.journal.sending(task.ref, task.request)
    found = harness.journal.unknown(task.ref, "reset")
    harness.journal.release(run)
    return found


def last_event(harness: JobHarness, *tasks: Task, timeout: float = 0.0) -> Event:
    """Bring tasks up to date, and return the last event."""
    events = [event for event in history(harness, timeout).refreshed(tasks) if event]
    return events[-1]


class TestNamed:
    def test_several_names_of_one_task_find_it_once(self, harness: JobHarness) -> None:
        task = accepted(harness.journal, "e730dcfe")
        found = history(harness).named(["e730dcfe", "@last", task.ref, "e730"])
        assert [one.ref for one in found] == [task.ref]
        assert harness.requested == []

    def test_a_task_of_another_machine_is_adopted_once(self, harness: JobHarness) -> None:
        (task,) = history(harness).named(["@task12345"])
        assert (task.task_id, task.state) == ("task12345", State.RUNNING)
        assert task.output == f"{harness.folder}/{{prompt}}-{{id}}.{{ext}}"
        assert history(harness).named(["task12345"]) == [task]
        assert harness.requested == ["record-info"]

    def test_an_id_that_the_service_does_not_know_is_not_recorded(
        self, harness: JobHarness
    ) -> None:
        harness.answers["record-info"] = [answer(bodies.NO_RECORD)]
        with pytest.raises(FluxError) as caught:
            history(harness).named(["nothing1"])
        assert caught.value.code is Code.TASK_NOT_FOUND
        assert harness.journal.recent(None) == []


class TestRefreshed:
    def test_a_running_task_is_not_an_error(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [answer(RUNNING)]
        event = last_event(harness, accepted(harness.journal, "e730"))
        assert isinstance(event, Finished)
        assert event.task.state is State.RUNNING
        assert harness.requested == ["record-info"]

    def test_a_failed_read_is_an_error_with_id_and_ref(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [httpx.ReadError("reset")]
        task = accepted(harness.journal, "e730")
        event = last_event(harness, task)
        assert isinstance(event, Failed)
        assert (event.error.code, event.error.task_id) == (Code.NETWORK, "e730")
        assert event.error.ref == task.ref

    def test_a_task_that_runs_past_the_timeout_is_an_error(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [answer(RUNNING)]
        event = last_event(harness, accepted(harness.journal, "e730"), timeout=60.0)
        assert isinstance(event, Failed)
        assert event.error.code is Code.TIMED_OUT


class TestSettle:
    def test_not_charged_marks_the_task_as_refused(self, harness: JobHarness) -> None:
        task = unknown_task(harness)
        assert history(harness).settle(task.ref, NOT_CHARGED).state is State.REFUSED
        assert harness.requested == []

    def test_a_task_id_whose_echo_matches_is_accepted(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [answer(ECHO % rb"{\"prompt\":\"a red fox\"}")]
        task = history(harness).settle(unknown_task(harness).ref, "e730dcfe")
        assert (task.state, task.task_id) == (State.RUNNING, "e730dcfe")

    def test_a_task_id_without_an_echo_is_accepted(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [answer(ECHO % b"{}")]
        assert history(harness).settle(unknown_task(harness).ref, "e730dcfe").state is State.RUNNING

    def test_a_task_id_whose_echo_differs_is_refused(self, harness: JobHarness) -> None:
        """The hint does not offer `not-charged`: that is not known."""
        harness.answers["record-info"] = [answer(ECHO % rb"{\"prompt\":\"a red dog\"}")]
        task = unknown_task(harness)
        with pytest.raises(FluxError, match="its echo differs") as caught:
            history(harness).settle(task.ref, "e730dcfe")
        assert NOT_CHARGED not in (caught.value.hint or "")
        assert harness.journal.get(task.ref).state is State.UNKNOWN

    def test_the_id_of_another_submission_is_refused(self, harness: JobHarness) -> None:
        accepted(harness.journal, "e730dcfe", "g")
        with pytest.raises(FluxError, match="was made by submission"):
            history(harness).settle(unknown_task(harness).ref, "e730dcfe")

    @pytest.mark.parametrize("name", ["e730dcfe", "nothing"])
    def test_only_unknown_submissions_can_be_settled(self, harness: JobHarness, name: str) -> None:
        accepted(harness.journal, "e730dcfe", "g")
        with pytest.raises(FluxError, match="there is nothing to settle") as caught:
            history(harness).settle(name, NOT_CHARGED)
        assert caught.value.code is Code.USAGE


def test_the_usual_time_of_no_tasks_is_none(harness: JobHarness) -> None:
    assert history(harness).usual_seconds([]) is None
    assert history(harness).usual_seconds([accepted(harness.journal, "e730")]) == 12.0
