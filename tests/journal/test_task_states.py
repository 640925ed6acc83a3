"""The states of a task, and its state after its process ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.journal.journal import Journal
from fluxcli.task_types import State
from tests.journal.samples import accepted, begun, picture, request
from tests.worlds import NOON, SwiftClock

if TYPE_CHECKING:
    from pathlib import Path

REFUSAL = FluxError(Code.CREDITS_INSUFFICIENT, "not enough credits")


def test_a_whole_life(journal: Journal, clock: SwiftClock) -> None:
    """Every step is a state, and nothing of an earlier one is lost."""
    run = journal.open_run("f", new=False)
    task = begun(journal, run)
    assert (task.state, task.task_id, task.created_at) == (State.SENDING, None, NOON)

    sent = request(input_image="https://h/x.png", mode="edit")
    journal.sending(task.ref, sent)
    clock.sleep(1)
    task = journal.accepted(task.ref, "e730")
    assert (task.state, task.task_id, task.accepted_at) == (State.RUNNING, "e730", NOON + 1)
    assert task.request == sent

    task = journal.succeeded(task.ref, url="https://h/r", completed_at=NOON + 9, seconds=8.0)
    assert (task.state, task.url, task.completed_at, task.seconds) == (
        State.SUCCEEDED,
        "https://h/r",
        NOON + 9,
        8.0,
    )

    journal.landing(task.ref, picture())
    assert journal.get(task.ref).state is State.SUCCEEDED
    task = journal.saved(task.ref, picture())
    assert (task.state, task.picture) == (State.SAVED, picture())
    assert journal.get(task.ref) == task


def test_a_saved_task_stays_saved_when_another_process_reads_that_it_is_finished(
    journal: Journal,
) -> None:
    task = journal.saved(accepted(journal, "e730").ref, picture())
    again = journal.succeeded(task.ref, url="https://h/new", completed_at=NOON + 9, seconds=8.0)
    assert (again.state, again.picture, again.url) == (State.SAVED, picture(), "https://h/new")
    assert journal.unsaved() == []


def test_a_ref_is_eight_unambiguous_letters(journal: Journal) -> None:
    """It is read aloud and typed in: no `0` that may be an `o`, no `1`, `i`, `l` or `u`."""
    run = journal.open_run("f", new=False)
    refs = {begun(journal, run).ref for _ in range(50)}
    assert len(refs) == 50
    assert all(re.fullmatch("[2-9a-hjkmnp-tv-z]{8}", ref) for ref in refs)


def test_an_image_on_stdout_has_no_path(journal: Journal) -> None:
    task = journal.saved(accepted(journal, "e730").ref, picture(None))
    assert task.picture == picture(None)


def test_a_refusal_keeps_its_reason(journal: Journal) -> None:
    run = journal.open_run("f", new=False)
    task = journal.refused(begun(journal, run).ref, REFUSAL)
    assert (task.state, task.error_code, task.error_message) == (
        State.REFUSED,
        "credits_insufficient",
        "not enough credits",
    )


def test_an_acceptance_forgets_an_earlier_refusal(journal: Journal) -> None:
    run = journal.open_run("f", new=False)
    task = begun(journal, run)
    journal.refused(task.ref, REFUSAL)
    task = journal.accepted(task.ref, "e730")
    assert (task.state, task.error_code, task.error_message) == (State.RUNNING, None, None)


def test_a_submission_sent_again_is_no_longer_refused(journal: Journal) -> None:
    """Else a process that dies then would leave what may be paid for as never accepted."""
    run = journal.open_run("f", new=False)
    task = begun(journal, run)
    journal.refused(task.ref, REFUSAL)
    journal.sending(task.ref, task.request)
    assert journal.get(task.ref).state is State.SENDING
    journal.release(run)
    assert journal.get(task.ref).state is State.UNKNOWN


def test_unknown_keeps_what_happened(journal: Journal) -> None:
    run = journal.open_run("f", new=False)
    task = journal.unknown(begun(journal, run).ref, "no answer in time")
    assert (task.state, task.error_code, task.error_message) == (
        State.UNKNOWN,
        "outcome_unknown",
        "no answer in time",
    )


def test_a_failure_is_final(journal: Journal) -> None:
    task = journal.failed(accepted(journal, "e730").ref, FluxError(Code.MODERATED, "flagged"))
    assert (task.state, task.error_code) == (State.FAILED, "moderated")


class TestAProcessThatDied:
    """Its lock is gone, and its rows still say `sending`."""

    def test_before_the_first_byte_nothing_was_sent(self, journal: Journal) -> None:
        run = journal.open_run("f", new=False)
        task = begun(journal, run)
        journal.release(run)
        found = journal.get(task.ref)
        assert (found.state, found.error_message) == (State.REFUSED, "it was never sent")

    def test_after_the_first_byte_the_outcome_is_unknown(self, journal: Journal) -> None:
        run = journal.open_run("f", new=False)
        task = begun(journal, run)
        journal.sending(task.ref, task.request)
        journal.release(run)
        found = journal.get(task.ref)
        assert found.state is State.UNKNOWN
        assert found.error_message == "the process ended while the answer was awaited"

    def test_while_its_process_runs_it_is_sending(self, journal: Journal) -> None:
        run = journal.open_run("f", new=False)
        task = begun(journal, run)
        journal.sending(task.ref, task.request)
        assert journal.get(task.ref).state is State.SENDING
        assert journal.unsettled() == []


class TestLists:
    def test_recent_tasks_newest_first(self, journal: Journal, clock: SwiftClock) -> None:
        for name in ("one1", "two2", "three3"):
            accepted(journal, name, name)
            clock.sleep(1)
        assert [task.task_id for task in journal.recent(2)] == ["three3", "two2"]
        assert len(journal.recent(None)) == 3

    def test_unsaved_is_what_is_paid_for_and_not_on_disk(self, journal: Journal) -> None:
        running, done, saved, failed = (
            accepted(journal, name, name) for name in ("run1", "done1", "saved1", "fail1")
        )
        journal.succeeded(done.ref, url="https://h/r", completed_at=None, seconds=None)
        journal.saved(saved.ref, picture())
        journal.failed(failed.ref, REFUSAL)
        assert [task.ref for task in journal.unsaved()] == [running.ref, done.ref]

    def test_unsettled_is_what_nobody_can_tell(self, journal: Journal) -> None:
        run = journal.open_run("f", new=False)
        lost = begun(journal, run)
        journal.sending(lost.ref, lost.request)
        unsent = begun(journal, run, n=2)
        ran = journal.unknown(begun(journal, run, n=3).ref, "reset")
        journal.release(run)
        refs = {task.ref for task in journal.unsettled()}
        assert refs == {lost.ref, ran.ref}
        assert unsent.ref not in refs


class TestDurations:
    def test_of_images_like_this_newest_first(self, journal: Journal, clock: SwiftClock) -> None:
        kinds = [("flux-kontext-pro", 8.0), ("flux-kontext-max", 20.0), ("flux-kontext-pro", 9.0)]
        for number, (model, seconds) in enumerate(kinds):
            task = accepted(journal, f"task{number}", f"f{number}", model=model)
            journal.succeeded(task.ref, url="https://h/r", completed_at=None, seconds=seconds)
            clock.sleep(1)
        assert journal.durations("flux-kontext-pro", "generate") == [9.0, 8.0]
        assert journal.durations("flux-kontext-pro", "generate", limit=1) == [9.0]
        assert journal.durations("flux-kontext-pro", "edit") == []


class TestNames:
    def test_an_id_a_ref_and_a_prefix(self, journal: Journal) -> None:
        task = accepted(journal, "e730dcfe")
        for name in ("e730dcfe", "@e730dcfe", task.ref, f"@{task.ref}", "e730", "@e730d"):
            found = journal.find(name)
            assert found is not None
            assert found.ref == task.ref

    @pytest.mark.parametrize("name", ["e73", "dcfe", "zzzz", "", "%%%%", "e_30", "e73\udcff"])
    def test_what_names_nothing(self, journal: Journal, name: str) -> None:
        """Too short a prefix may match another task; there are no wildcards."""
        accepted(journal, "e730dcfe")
        assert journal.find(name) is None

    def test_a_prefix_of_several_is_refused(self, journal: Journal) -> None:
        accepted(journal, "fluxkontext_1", "a")
        accepted(journal, "fluxkontext_2", "b")
        with pytest.raises(FluxError, match="begins the ids of several") as caught:
            journal.find("fluxkontext_")
        assert (caught.value.code, caught.value.hint) == (Code.USAGE, "fluxcli status")

    def test_a_whole_id_that_begins_another_is_meant(self, journal: Journal) -> None:
        short = accepted(journal, "task1", "a")
        accepted(journal, "task12", "b")
        found = journal.find("task1")
        assert found is not None
        assert found.ref == short.ref

    def test_last_is_the_latest_that_is_paid_for(self, journal: Journal, clock: SwiftClock) -> None:
        paid = accepted(journal, "e730", "a")
        clock.sleep(1)
        run = journal.open_run("b", new=False)
        journal.refused(begun(journal, run).ref, REFUSAL)
        found = journal.find("@last")
        assert found is not None
        assert found.ref == paid.ref

    def test_there_is_no_last_at_first(self, journal: Journal) -> None:
        with pytest.raises(FluxError) as caught:
            journal.find("@last")
        assert caught.value.code is Code.TASK_NOT_FOUND


def test_sandbox_and_paid_tasks_never_meet(
    journal: Journal, folder: Path, clock: SwiftClock
) -> None:
    """Neither by name, nor in lists, nor in durations, nor in runs to take up."""
    task = accepted(journal, "e730")
    journal.succeeded(task.ref, url="https://h/r", completed_at=None, seconds=5.0)
    other = Journal(folder, clock=clock, sandbox=True)
    with pytest.raises(FluxError, match="belongs to the service, not to the sandbox"):
        other.find("e730")
    assert other.recent(None) == other.unsaved() == other.unsettled() == []
    assert other.durations("flux-kontext-pro", "generate") == []
    assert other.unfinished("f") is None
    with pytest.raises(FluxError):
        other.find("@last")
    own = accepted(other, "f841")
    assert (own.sandbox, task.sandbox) == (True, False)
    assert other.recent(None) == other.unsaved() == [own]
    with pytest.raises(FluxError) as caught:
        journal.find("f841")
    assert (caught.value.status, caught.value.hint) == (8, "fluxcli status f841 --sandbox")
    assert list(journal.elsewhere(unsaved=True).values()) == [1]
    assert other.elsewhere(unsaved=False) == {"https://api.kie.ai": 1}
    other.close()
