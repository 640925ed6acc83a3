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


def begun(box: World, prompt: str = "a fox") -> str:
    """Begin a task, and return its id."""
    (task_id,) = box.run("generate", prompt, "-o", f"{prompt}.jpg", "--no-wait").lines
    return task_id


def lost(box: World, prompt: str = "a fox", fault: str = "submit:reset") -> str:
    """Lose a submission's answer, and return its ref."""
    ran = box.run(
        *("generate", prompt, "-o", "lost.jpg", "--json"),
        env={"FLUXCLI_SANDBOX_FAULTS": fault},
    )
    assert ran.status == 11
    return str(ran.record["error"]["ref"])


class TestTheHistory:
    def test_there_is_none_at_first(self, world: World) -> None:
        """It needs no key and makes no file."""
        del world.env["FLUXCLI_API_KEY"]
        ran = world.run("status")
        assert (ran.status, ran.out, ran.err) == (0, b"", "no tasks yet\n")
        assert not world.state.exists()
        assert world.run("status", "--json").out == b""

    def test_tasks_newest_first_in_columns(self, box: World) -> None:
        first = begun(box, "a fox")
        box.clock.sleep(100)
        second = begun(box, "a dog")
        lines = box.run("status", "--offline").lines
        assert lines[0].split() == ["TASK", "STATE", "AGE", "MODEL", "PROMPT", "FILE"]
        assert [line.split()[:2] for line in lines[1:]] == [
            [second, "running"],
            [first, "running"],
        ]

    def test_the_unfinished_are_brought_up_to_date(self, box: World) -> None:
        task_id = begun(box)
        box.clock.sleep(20)
        record = box.run("status", "--json").record
        assert (record["task_id"], record["state"]) == (task_id, "succeeded")
        assert record["url"].endswith(f"{task_id}.jpeg")
        assert record["path"] is None

    def test_status_waits_for_no_lock(self, box: World) -> None:
        begun(box)
        began = box.clock.monotonic()
        assert box.run("status", "--json").record["state"] == "running"
        assert box.clock.monotonic() - began < 1

    def test_offline_it_sends_nothing(self, box: World) -> None:
        begun(box)
        box.clock.sleep(20)
        ran = box.run("status", "--offline", "--json", "--debug")
        assert ran.record["state"] == "running"
        assert "debug: >" not in ran.err

    def test_without_a_service_it_shows_what_it_knows(self, box: World) -> None:
        begun(box)
        ran = box.run("status", "--json", env={"FLUXCLI_SANDBOX_FAULTS": "poll:refuse"})
        assert (ran.status, ran.record["state"]) == (0, "running")
        assert "warning: not brought up to date: cannot connect" in ran.err

    def test_without_a_key_it_shows_what_it_knows(self, world: World) -> None:
        journal = Journal(world.state, clock=world.clock, sandbox=False)
        accepted(journal, "e730dcfe")
        journal.close()
        del world.env["FLUXCLI_API_KEY"]
        ran = world.run("status", "--json")
        assert (ran.status, ran.record["task_id"]) == (0, "e730dcfe")
        assert "warning: not brought up to date: no API key is set" in ran.err

    def test_status_of_a_failed_task_is_not_itself_a_failure(self, box: World) -> None:
        begun(box, "a [moderated] fox")
        box.clock.sleep(20)
        ran = box.run("status", "--json")
        assert (ran.status, ran.record["state"]) == (0, "failed")
        assert "warning" not in ran.err

    def test_so_many_and_all(self, box: World) -> None:
        for number in range(22):
            begun(box, f"fox {number}")
        assert len(box.run("status", "--offline", "--json").records) == 20
        assert len(box.run("status", "--offline", "--json", "--limit", "3").records) == 3
        assert len(box.run("status", "--offline", "--json", "--all").records) == 22

    def test_a_saved_image_is_reported_by_its_file(self, box: World) -> None:
        box.run("generate", "a fox", "-o", "fox.jpg")
        assert box.run("status").lines[1].endswith(str(box.cwd / "fox.jpg"))

    def test_prompts_cannot_break_the_table(self, box: World) -> None:
        begun(box, "line\none\x1b[31m")
        assert len(box.run("status", "--offline").lines) == 2
        assert "\x1b" not in box.run("status", "--offline").out.decode()


class TestNamedTasks:
    def test_by_id_prefix_ref_and_last(self, box: World) -> None:
        task_id = begun(box)
        ref = box.run("status", "--offline", "--json").record["ref"]
        for name in (task_id, task_id[:6], f"@{task_id}", ref, "@last"):
            ran = box.run("status", name, "--json")
            assert (ran.status, ran.record["task_id"]) == (0, task_id)

    def test_waiting_until_it_is_final(self, box: World) -> None:
        task_id = begun(box)
        ran = box.run("status", task_id, "--wait", "--json")
        assert (ran.status, ran.record["state"]) == (0, "succeeded")
        assert not (box.cwd / "a fox.jpg").exists()

    def test_waiting_has_an_end(self, box: World) -> None:
        task_id = begun(box)
        ran = box.run("status", task_id, "--wait", "--timeout", "2", "--json")
        assert ran.status == 4
        assert [record.get("state") for record in ran.records] == ["running", None]
        assert ran.code == "timed_out"

    def test_a_failed_task(self, box: World) -> None:
        """Its record and the exit status report the failure."""
        task_id = begun(box, "a [moderated] fox")
        for flags in (["--wait"], []):
            ran = box.run("status", task_id, "--json", *flags)
            assert (ran.status, ran.record["state"]) == (8, "failed")
            assert "content policy" in ran.err

    def test_several_share_their_status_or_not(self, box: World) -> None:
        good, bad = begun(box), begun(box, "a [fails] fox")
        box.clock.sleep(20)
        assert box.run("status", good).status == 0
        assert box.run("status", bad).status == 8
        ran = box.run("status", good, bad, "--json")
        assert ran.status == 9
        assert [record["state"] for record in ran.records] == ["succeeded", "failed"]

    def test_a_status_request_that_fails_is_a_failure(self, box: World) -> None:
        task_id = begun(box)
        ran = box.run("status", task_id, "--json", env={"FLUXCLI_SANDBOX_FAULTS": "poll:refuse"})
        assert (ran.status, ran.code) == (5, "network")
        assert ran.records[-1]["error"]["task_id"] == task_id

    def test_a_task_that_is_unknown(self, box: World) -> None:
        ran = box.run("status", "ffffffffffff", "--json")
        assert (ran.status, ran.code) == (8, "task_not_found")
        assert "the service does not know task `ffffffffffff`" in ran.err

    def test_a_task_that_only_the_service_knows_is_taken_over(self, box: World) -> None:
        """Made on another machine: from now on this one knows it too."""
        task_id = begun(box, "a red fox")
        (box.state / "journal.sqlite3").rename(box.root / "elsewhere")
        for left in box.state.glob("journal.sqlite3-*"):
            left.unlink()
        record = box.run("status", task_id, "--json").record
        assert (record["task_id"], record["prompt"]) == (task_id, "a red fox")
        assert (record["aspect_ratio"], record["state"]) == ("16:9", "running")
        assert box.run("status", task_id[:6], "--offline", "--json").record["task_id"] == task_id

    def test_offline_only_this_machine_s(self, box: World) -> None:
        task_id = begun(box)
        assert box.run("status", task_id, "--offline").status == 0
        ran = box.run("status", task_id, "ffffffffffff", "--offline", "--json")
        assert (ran.status, ran.code) == (8, "task_not_found")
        assert "hint: fluxcli status ffffffffffff" in ran.err

    def test_a_prefix_of_two(self, box: World) -> None:
        """No id that comes from the service is chosen here, so the shortest one is tried."""
        ran = box.run("status", "abc", "--offline", "--json")
        assert (ran.status, ran.code) == (2, "usage")


class TestSettling:
    def test_what_is_unknown_says_how(self, box: World) -> None:
        ref = lost(box)
        ran = box.run("status", ref, "--json")
        assert (ran.status, ran.record["state"]) == (11, "unknown")
        assert f"`fluxcli status {ref} --settle TASKID`" in ran.err

    def test_by_the_id_that_was_found(self, box: World) -> None:
        """The echo of the request is the proof; the same command then resumes it."""
        ref = lost(box)
        task_id = _newest(box)
        record = box.run("status", ref, "--settle", task_id, "--json").record
        assert (record["ref"], record["task_id"], record["state"]) == (ref, task_id, "running")
        ran = box.run("generate", "a fox", "-o", "lost.jpg")
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "lost.jpg")])
        assert spent(box) == 5

    def test_as_not_charged(self, box: World) -> None:
        ref = lost(box)
        record = box.run("status", ref, "--settle", "not-charged", "--json").record
        assert record["state"] == "refused"
        assert box.run("generate", "a fox", "-o", "lost.jpg").status == 0

    def test_not_by_another_request_s_id(self, box: World) -> None:
        ref = lost(box)
        other = box.run("generate", "a dog", "--no-wait").lines[0]
        for left in (other, _made_elsewhere(box, "a cat")):
            ran = box.run("status", ref, "--settle", left, "--json")
            assert ran.status == 2
        assert "its echo differs" in ran.err
        assert "not-charged" not in ran.err
        assert box.run("status", ref).status == 11

    def test_not_by_an_id_that_is_unknown(self, box: World) -> None:
        ran = box.run("status", lost(box), "--settle", "ffffffffffff", "--json")
        assert (ran.status, ran.code) == (8, "task_not_found")

    def test_what_is_known_is_not_settled(self, box: World) -> None:
        task_id = begun(box)
        ran = box.run("status", task_id, "--settle", "not-charged")
        assert ran.status == 2
        assert f"there is nothing to settle: `{task_id}` is running" in ran.err
        ran = box.run("status", "nothing", "--settle", "not-charged")
        assert "no task `nothing` is known here" in ran.err

    @pytest.mark.parametrize("words", [[], ["a", "b"], ["a", "--offline"]])
    def test_one_at_a_time_and_with_the_service(self, box: World, words: list[str]) -> None:
        ran = box.run("status", *words, "--settle", "not-charged")
        assert ran.status == 2
        assert "`--settle` takes one task" in ran.err


def _newest(box: World) -> str:
    """Return the id of the stand-in's latest task, as a person finds it on the web page."""
    with closing(sqlite3.connect(box.state / "sandbox.sqlite3")) as book:
        (found,) = book.execute("SELECT id FROM tasks ORDER BY rowid DESC LIMIT 1").fetchone()
    return str(found)


def _made_elsewhere(box: World, prompt: str) -> str:
    """Make a task on another machine of the same account."""
    lost(box, prompt, "submit:html")
    return _newest(box)
