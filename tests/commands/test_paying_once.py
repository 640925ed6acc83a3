"""The same command never pays twice for an unfinished run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.balance import spent

if TYPE_CHECKING:
    from tests.worlds import World


pytestmark = pytest.mark.usefixtures("wire_format")
"""Everything here holds in both wire formats."""


class TestNoWait:
    def test_no_wait_prints_the_id(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "--no-wait")
        (task_id,) = ran.lines
        assert ran.status == 0
        assert box.run("status", task_id, "--offline", "--json").record["state"] == "running"
        assert list(box.cwd.iterdir()) == []

    def test_no_wait_prints_an_id_for_each_image(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-n", "3", "--no-wait")
        assert len(set(ran.lines)) == 3

    def test_json_has_the_record_of_a_running_task(self, box: World) -> None:
        record = box.run("generate", "a fox", "--no-wait", "--json").record
        assert (record["state"], record["path"], record["url"]) == ("running", None, None)

    def test_no_wait_again_prints_the_same_task(self, box: World) -> None:
        first = box.run("generate", "a fox", "--no-wait").lines
        again = box.run("generate", "a fox", "--no-wait")
        assert again.lines == first
        assert "no extra charge" in again.err
        assert spent(box) == 5


class TestRerun:
    """An unfinished run is resumed."""

    def test_a_task_that_timed_out_is_resumed(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "--timeout", "2", "--json")
        assert (ran.status, ran.code) == (4, "timed_out")
        error = ran.record["error"]
        assert error["hint"] == f"fluxcli download {error['task_id']}"
        assert "is still running; already paid" in error["message"]
        again = box.run("generate", "a fox", "-o", "fox.jpg")
        assert (again.status, again.lines) == (0, [str(box.cwd / "fox.jpg")])
        assert f"resuming task {error['task_id']}; no extra charge" in again.err
        assert spent(box) == 5

    def test_after_a_finished_run_a_new_image_is_made(self, box: World) -> None:
        box.run("generate", "a fox")
        box.run("generate", "a fox")
        assert len(list(box.cwd.iterdir())) == 2
        assert spent(box) == 10

    def test_another_request_is_another_command(self, box: World) -> None:
        box.run("generate", "a fox", "-o", "fox.jpg", "--no-wait")
        for change in (["-m", "max"], ["-a", "1:1"], ["-n", "2"], ["--watermark", "x"]):
            assert box.run("generate", "a fox", "-o", "f/x.jpg", "--no-wait", *change).status == 0
        assert spent(box) == 5 + 10 + 5 + 10 + 5

    def test_new_pays_again(self, box: World) -> None:
        first = box.run("generate", "a fox", "-o", "fox.jpg", "--no-wait").lines
        again = box.run("generate", "a fox", "-o", "fox.jpg", "--no-wait", "--new")
        assert again.lines != first
        assert spent(box) == 10

    def test_only_the_missing_image_of_several_is_submitted(self, box: World) -> None:
        """Two of three were made; the third was refused."""
        box.env["FLUXCLI_SANDBOX_FAULTS"] = "submit:402@2"
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "-n", "3")
        assert (ran.status, len(ran.lines)) == (9, 2)
        assert "2 of 3 saved, 1 refused" in ran.err
        again = box.run("generate", "a fox", "-o", "fox.jpg", "-n", "3")
        assert again.status == 0
        assert sorted(again.lines) == [str(box.cwd / f"fox-{n}.jpg") for n in (1, 2, 3)]
        assert spent(box) == 15

    def test_a_failed_task_is_submitted_again(self, box: World) -> None:
        box.env["FLUXCLI_SANDBOX_FAULTS"] = "submit:failed"
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "--json")
        assert (ran.status, ran.code) == (8, "generation_failed")
        assert ran.record["error"]["retryable"] is True
        assert box.run("generate", "a fox", "-o", "fox.jpg").status == 0

    def test_a_submission_without_an_answer_is_never_sent_again(self, box: World) -> None:
        box.env["FLUXCLI_SANDBOX_FAULTS"] = "submit:reset"
        for _ in range(3):
            ran = box.run("generate", "a fox", "-o", "fox.jpg", "--json")
            assert (ran.status, ran.code) == (11, "outcome_unknown")
        error = ran.record["error"]
        assert error["ref"]
        assert error["task_id"] is None
        assert f"fluxcli status {error['ref']} --settle" in error["hint"]
        assert spent(box) == 5

    def test_a_removed_file_of_an_unfinished_run_is_downloaded_again(self, box: World) -> None:
        """One of two was refused, so the run is still open."""
        box.env["FLUXCLI_SANDBOX_FAULTS"] = "submit:402@2"
        (path,) = box.run("generate", "a fox", "-o", "fox.jpg", "-n", "2").lines
        (box.cwd / path).unlink()
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "-n", "2")
        assert ran.status == 0
        assert len(list(box.cwd.iterdir())) == 2
        assert spent(box) == 10
