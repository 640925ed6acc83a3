"""`fluxcli status`: the state of tasks, and settling submissions of unknown outcome."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fluxcli.journal.journal import Journal
from tests.commands.balance import spent
from tests.journal.samples import accepted

if TYPE_CHECKING:
    from tests.worlds import World


pytestmark = pytest.mark.usefixtures("wire_format")
"""Everything here holds in both wire formats."""


def begin(box: World, prompt: str = "a fox") -> str:
    """Submit a task, and return its id."""
    (task_id,) = box.run("generate", prompt, "-o", f"{prompt}.jpg", "--no-wait").lines
    return task_id


def lose_answer(box: World, prompt: str = "a fox", fault: str = "submit:reset") -> str:
    """Submit a task whose answer is lost, and return its ref."""
    ran = box.run(
        *("generate", prompt, "-o", "lost.jpg", "--json"),
        env={"FLUXCLI_SANDBOX_FAULTS": fault},
    )
    assert ran.status == 11
    return str(ran.record["error"]["ref"])


class TestHistory:
    def test_without_tasks_it_needs_no_key_and_creates_no_file(self, world: World) -> None:
        """On a new machine."""
        del world.env["FLUXCLI_API_KEY"]
        ran = world.run("status")
        assert (ran.status, ran.out, ran.err) == (0, b"", "no tasks yet\n")
        assert not world.state.exists()
        assert world.run("status", "--json").out == b""

    def test_tasks_are_listed_in_columns_newest_first(self, box: World) -> None:
        first = begin(box, "a fox")
        box.clock.sleep(100)
        second = begin(box, "a dog")
        lines = box.run("status", "--offline").lines
        assert lines[0].split() == ["TASK", "STATE", "AGE", "MODEL", "PROMPT", "FILE"]
        assert [line.split()[:2] for line in lines[1:]] == [
            [second, "running"],
            [first, "running"],
        ]

    def test_running_tasks_are_brought_up_to_date(self, box: World) -> None:
        task_id = begin(box)
        box.clock.sleep(20)
        record = box.run("status", "--json").record
        assert (record["task_id"], record["state"]) == (task_id, "succeeded")
        assert record["url"].endswith(f"{task_id}.jpeg")
        assert record["path"] is None

    def test_status_waits_for_no_lock(self, box: World) -> None:
        begin(box)
        began = box.clock.monotonic()
        assert box.run("status", "--json").record["state"] == "running"
        assert box.clock.monotonic() - began < 1

    def test_offline_it_sends_nothing(self, box: World) -> None:
        begin(box)
        box.clock.sleep(20)
        ran = box.run("status", "--offline", "--json", "--debug")
        assert ran.record["state"] == "running"
        assert "debug: >" not in ran.err

    def test_without_the_service_the_journal_is_shown(self, box: World) -> None:
        begin(box)
        ran = box.run("status", "--json", env={"FLUXCLI_SANDBOX_FAULTS": "poll:refuse"})
        assert (ran.status, ran.record["state"]) == (0, "running")
        assert "warning: not brought up to date: cannot connect" in ran.err

    def test_without_a_key_the_journal_is_shown(self, world: World) -> None:
        journal = Journal(world.state, clock=world.clock, sandbox=False)
        accepted(journal, "e730dcfe")
        journal.close()
        del world.env["FLUXCLI_API_KEY"]
        ran = world.run("status", "--json")
        assert (ran.status, ran.record["task_id"]) == (0, "e730dcfe")
        assert "warning: not brought up to date: no API key is set" in ran.err

    def test_listing_a_failed_task_is_not_an_error(self, box: World) -> None:
        begin(box, "a [moderated] fox")
        box.clock.sleep(20)
        ran = box.run("status", "--json")
        assert (ran.status, ran.record["state"]) == (0, "failed")
        assert "warning" not in ran.err

    def test_limit_and_all_set_the_number_of_tasks(self, box: World) -> None:
        for number in range(22):
            begin(box, f"fox {number}")
        assert len(box.run("status", "--offline", "--json").records) == 20
        assert len(box.run("status", "--offline", "--json", "--limit", "3").records) == 3
        assert len(box.run("status", "--offline", "--json", "--all").records) == 22

    def test_an_image_file_names_its_task(self, box: World) -> None:
        box.run("generate", "a fox", "-o", "fox.jpg")
        assert box.run("status").lines[1].endswith(str(box.cwd / "fox.jpg"))

    def test_prompts_cannot_break_the_table(self, box: World) -> None:
        begin(box, "line\none\x1b[31m")
        assert len(box.run("status", "--offline").lines) == 2
        assert "\x1b" not in box.run("status", "--offline").out.decode()


class TestNamedTasks:
    def test_a_task_is_named_by_id_prefix_ref_and_last(self, box: World) -> None:
        task_id = begin(box)
        ref = box.run("status", "--offline", "--json").record["ref"]
        for name in (task_id, task_id[:6], f"@{task_id}", ref, "@last"):
            ran = box.run("status", name, "--json")
            assert (ran.status, ran.record["task_id"]) == (0, task_id)

    def test_wait_polls_until_the_task_is_final(self, box: World) -> None:
        task_id = begin(box)
        ran = box.run("status", task_id, "--wait", "--json")
        assert (ran.status, ran.record["state"]) == (0, "succeeded")
        assert not (box.cwd / "a fox.jpg").exists()

    def test_wait_ends_at_the_timeout(self, box: World) -> None:
        task_id = begin(box)
        ran = box.run("status", task_id, "--wait", "--timeout", "2", "--json")
        assert ran.status == 4
        assert [record.get("state") for record in ran.records] == ["running", None]
        assert ran.code == "timed_out"

    def test_a_named_failed_task_has_its_exit_status(self, box: World) -> None:
        """And a record."""
        task_id = begin(box, "a [moderated] fox")
        for flags in (["--wait"], []):
            ran = box.run("status", task_id, "--json", *flags)
            assert (ran.status, ran.record["state"]) == (8, "failed")
            assert "content policy" in ran.err

    def test_the_exit_status_of_several_tasks(self, box: World) -> None:
        good, bad = begin(box), begin(box, "a [fails] fox")
        box.clock.sleep(20)
        assert box.run("status", good).status == 0
        assert box.run("status", bad).status == 8
        ran = box.run("status", good, bad, "--json")
        assert ran.status == 9
        assert [record["state"] for record in ran.records] == ["succeeded", "failed"]

    def test_a_read_that_fails_is_an_error(self, box: World) -> None:
        task_id = begin(box)
        ran = box.run("status", task_id, "--json", env={"FLUXCLI_SANDBOX_FAULTS": "poll:refuse"})
        assert (ran.status, ran.code) == (5, "network")
        assert ran.records[-1]["error"]["task_id"] == task_id

    def test_an_unknown_task_is_an_error(self, box: World) -> None:
        ran = box.run("status", "ffffffffffff", "--json")
        assert (ran.status, ran.code) == (8, "task_not_found")
        assert "the service does not know task `ffffffffffff`" in ran.err

    def test_a_task_of_another_machine_is_adopted(self, box: World) -> None:
        """It is in the journal from then on."""
        task_id = begin(box, "a red fox")
        (box.state / "journal.sqlite3").rename(box.root / "elsewhere")
        for left in box.state.glob("journal.sqlite3-*"):
            left.unlink()
        record = box.run("status", task_id, "--json").record
        assert (record["task_id"], record["prompt"]) == (task_id, "a red fox")
        assert (record["aspect_ratio"], record["state"]) == ("16:9", "running")
        assert box.run("status", task_id[:6], "--offline", "--json").record["task_id"] == task_id

    def test_offline_finds_tasks_of_the_journal_only(self, box: World) -> None:
        task_id = begin(box)
        assert box.run("status", task_id, "--offline").status == 0
        ran = box.run("status", task_id, "ffffffffffff", "--offline", "--json")
        assert (ran.status, ran.code) == (8, "task_not_found")
        assert "hint: fluxcli status ffffffffffff" in ran.err

    def test_a_prefix_of_two_ids_is_refused(self, box: World) -> None:
        """The shortest prefix is used, as the ids are random."""
        ran = box.run("status", "abc", "--offline", "--json")
        assert (ran.status, ran.code) == (2, "usage")


class TestSettle:
    def test_an_unknown_task_names_the_command_that_settles_it(self, box: World) -> None:
        ref = lose_answer(box)
        ran = box.run("status", ref, "--json")
        assert (ran.status, ran.record["state"]) == (11, "unknown")
        assert f"`fluxcli status {ref} --settle TASKID`" in ran.err

    def test_the_id_of_the_task_settles_it(self, box: World) -> None:
        """If its echo is the request; the same command then resumes it."""
        ref = lose_answer(box)
        task_id = _newest(box)
        record = box.run("status", ref, "--settle", task_id, "--json").record
        assert (record["ref"], record["task_id"], record["state"]) == (ref, task_id, "running")
        ran = box.run("generate", "a fox", "-o", "lost.jpg")
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "lost.jpg")])
        assert spent(box) == 5

    def test_not_charged_settles_it(self, box: World) -> None:
        ref = lose_answer(box)
        record = box.run("status", ref, "--settle", "not-charged", "--json").record
        assert record["state"] == "refused"
        assert box.run("generate", "a fox", "-o", "lost.jpg").status == 0

    def test_the_id_of_another_request_is_refused(self, box: World) -> None:
        ref = lose_answer(box)
        other = box.run("generate", "a dog", "--no-wait").lines[0]
        for left in (other, _made_elsewhere(box, "a cat")):
            ran = box.run("status", ref, "--settle", left, "--json")
            assert ran.status == 2
        assert "its echo differs" in ran.err
        assert "not-charged" not in ran.err
        assert box.run("status", ref).status == 11

    def test_an_unknown_id_is_refused(self, box: World) -> None:
        ran = box.run("status", lose_answer(box), "--settle", "ffffffffffff", "--json")
        assert (ran.status, ran.code) == (8, "task_not_found")

    def test_a_task_that_is_not_unknown_cannot_be_settled(self, box: World) -> None:
        task_id = begin(box)
        ran = box.run("status", task_id, "--settle", "not-charged")
        assert ran.status == 2
        assert f"there is nothing to settle: `{task_id}` is running" in ran.err
        ran = box.run("status", "nothing", "--settle", "not-charged")
        assert "no task `nothing` is known here" in ran.err

    @pytest.mark.parametrize("words", [[], ["a", "b"], ["a", "--offline"]])
    def test_settle_takes_one_task_and_the_service(self, box: World, words: list[str]) -> None:
        ran = box.run("status", *words, "--settle", "not-charged")
        assert ran.status == 2
        assert "`--settle` takes one task" in ran.err


def _newest(box: World) -> str:
    """Return the id of the sandbox's latest task."""
    with closing(sqlite3.connect(box.state / "sandbox.sqlite3")) as book:
        (found,) = book.execute("SELECT id FROM tasks ORDER BY rowid DESC LIMIT 1").fetchone()
    return str(found)


def _made_elsewhere(box: World, prompt: str) -> str:
    """Make a task on another machine of the same account."""
    lose_answer(box, prompt, "submit:html")
    return _newest(box)
