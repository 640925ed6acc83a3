"""Earlier tasks: found by any name, refreshed, settled by a person."""

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


def lost(harness: JobHarness) -> Task:
    """Record a submission of unknown outcome."""
    run = harness.journal.open_run("f", new=False)
    task = begun(harness.journal, run)
    harness.journal.sending(task.ref, task.request)
    found = harness.journal.unknown(task.ref, "reset")
    harness.journal.release(run)
    return found


def ended(harness: JobHarness, *tasks: Task, timeout: float = 0.0) -> Event:
    """Refresh tasks, and return the last event."""
    events = [event for event in history(harness, timeout).refreshed(tasks) if event]
    return events[-1]


class TestNames:
    def test_each_task_once(self, harness: JobHarness) -> None:
        task = accepted(harness.journal, "e730dcfe")
        found = history(harness).named(["e730dcfe", "@last", task.ref, "e730"])
        assert [one.ref for one in found] == [task.ref]
        assert harness.requested == []

    def test_one_from_elsewhere_is_taken_over_once(self, harness: JobHarness) -> None:
        (task,) = history(harness).named(["@task12345"])
        assert (task.task_id, task.state) == ("task12345", State.RUNNING)
        assert task.output == f"{harness.folder}/{{prompt}}-{{id}}.{{ext}}"
        assert history(harness).named(["task12345"]) == [task]
        assert harness.requested == ["record-info"]

    def test_one_that_is_unknown_leaves_no_trace(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [answer(bodies.NO_RECORD)]
        with pytest.raises(FluxError) as caught:
            history(harness).named(["nothing1"])
        assert caught.value.code is Code.TASK_NOT_FOUND
        assert harness.journal.recent(None) == []


class TestLookingAgain:
    def test_a_task_that_still_runs_is_not_a_failure(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [answer(RUNNING)]
        event = ended(harness, accepted(harness.journal, "e730"))
        assert isinstance(event, Finished)
        assert event.task.state is State.RUNNING
        assert harness.requested == ["record-info"]

    def test_a_failed_status_request_is_a_failure(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [httpx.ReadError("reset")]
        task = accepted(harness.journal, "e730")
        event = ended(harness, task)
        assert isinstance(event, Failed)
        assert (event.error.code, event.error.task_id) == (Code.NETWORK, "e730")
        assert event.error.ref == task.ref

    def test_with_a_timeout_its_end_is_reported(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [answer(RUNNING)]
        event = ended(harness, accepted(harness.journal, "e730"), timeout=60.0)
        assert isinstance(event, Failed)
        assert event.error.code is Code.TIMED_OUT


class TestSettling:
    def test_as_not_charged(self, harness: JobHarness) -> None:
        task = lost(harness)
        assert history(harness).settle(task.ref, NOT_CHARGED).state is State.REFUSED
        assert harness.requested == []

    def test_by_the_echo_of_the_request(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [answer(ECHO % rb"{\"prompt\":\"a red fox\"}")]
        task = history(harness).settle(lost(harness).ref, "e730dcfe")
        assert (task.state, task.task_id) == (State.RUNNING, "e730dcfe")

    def test_without_an_echo_by_the_person_s_word(self, harness: JobHarness) -> None:
        harness.answers["record-info"] = [answer(ECHO % b"{}")]
        assert history(harness).settle(lost(harness).ref, "e730dcfe").state is State.RUNNING

    def test_not_by_another_echo(self, harness: JobHarness) -> None:
        """And nothing is offered to paste that would say it was not charged."""
        harness.answers["record-info"] = [answer(ECHO % rb"{\"prompt\":\"a red dog\"}")]
        task = lost(harness)
        with pytest.raises(FluxError, match="its echo differs") as caught:
            history(harness).settle(task.ref, "e730dcfe")
        assert NOT_CHARGED not in (caught.value.hint or "")
        assert harness.journal.get(task.ref).state is State.UNKNOWN

    def test_not_by_a_task_that_is_known_already(self, harness: JobHarness) -> None:
        accepted(harness.journal, "e730dcfe", "g")
        with pytest.raises(FluxError, match="was made by submission"):
            history(harness).settle(lost(harness).ref, "e730dcfe")

    @pytest.mark.parametrize("name", ["e730dcfe", "nothing"])
    def test_only_what_is_unknown(self, harness: JobHarness, name: str) -> None:
        accepted(harness.journal, "e730dcfe", "g")
        with pytest.raises(FluxError, match="there is nothing to settle") as caught:
            history(harness).settle(name, NOT_CHARGED)
        assert caught.value.code is Code.USAGE


def test_the_usual_time_of_none_is_none(harness: JobHarness) -> None:
    assert history(harness).usual_seconds([]) is None
    assert history(harness).usual_seconds([accepted(harness.journal, "e730")]) == 12.0
