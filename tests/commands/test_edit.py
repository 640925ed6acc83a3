"""`fluxcli edit`: makes an image from an image and a prompt."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.commands.balance import spent
from tests.commands.echoes import input_image

if TYPE_CHECKING:
    from tests.worlds import World

pytestmark = pytest.mark.usefixtures("wire_format")
"""Everything here holds in both wire formats."""


def photo(form: str = "PNG", size: tuple[int, int] = (300, 400)) -> bytes:
    """Return a small image."""
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, form)
    return file.getvalue()


@pytest.fixture(autouse=True)
def _photo(box: World) -> None:
    (box.cwd / "photo.png").write_bytes(photo())


def sent(err: str) -> set[str]:
    """Return the URLs in a trace."""
    return {line.split()[3] for line in err.splitlines() if line.startswith("debug: > ")}


class TestOutput:
    def test_a_local_file_is_uploaded_and_the_new_path_printed(self, box: World) -> None:
        """With the ratio of the input."""
        ran = box.run("edit", "photo.png", "make it night", "-o", "night.png", "--debug")
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "night.png")])
        assert "uploading photo.png (" in ran.err
        assert "https://upload.sandbox.invalid/api/file-stream-upload" in sent(ran.err)
        assert (box.cwd / "photo.png").read_bytes() == photo()

    def test_json_prints_the_record(self, box: World) -> None:
        record = box.run("edit", "photo.png", "make it night", "--json").record
        assert (record["mode"], record["aspect_ratio"]) == ("edit", None)

    @pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
    def test_every_image_format_is_accepted(self, box: World, form: str) -> None:
        (box.cwd / "input").write_bytes(photo(form))
        assert box.run("edit", "input", "make it night").status == 0


class TestRatio:
    def requested(self, box: World, *flags: str) -> object:
        """Return the ratio that a dry run reports."""
        ran = box.run("edit", "photo.png", "night", "--dry-run", "--json", *flags)
        return ran.record["request"]["aspect_ratio"]

    def test_without_a_ratio_none_is_sent(self, box: World) -> None:
        assert self.requested(box) is None
        record = box.run("edit", "photo.png", "night", "--json").record
        assert record["width"] < record["height"]

    def test_a_given_ratio_is_sent(self, box: World) -> None:
        assert self.requested(box, "-a", "21:9") == "21:9"
        record = box.run("edit", "photo.png", "night", "-a", "21:9", "--json").record
        assert record["width"] > 2 * record["height"]

    def test_the_ratio_of_generate_does_not_apply(self, box: World) -> None:
        box.env["FLUXCLI_ASPECT_RATIO"] = "9:16"
        assert self.requested(box) is None
        box.env["FLUXCLI_EDIT_ASPECT_RATIO"] = "4:3"
        assert self.requested(box) == "4:3"


class TestInput:
    def test_a_small_input_from_stdin_is_uploaded_as_base64(self, box: World) -> None:
        """It takes one call."""
        ran = box.run("edit", "-", "night", "-o", "n.png", "--debug", stdin=photo())
        assert ran.lines == [str(box.cwd / "n.png")]
        assert "uploading stdin (" in ran.err
        assert "https://upload.sandbox.invalid/api/file-base64-upload" in sent(ran.err)

    def test_a_large_input_from_stdin_is_uploaded_as_multipart(self, box: World) -> None:
        big = photo() + b"\0" * 1_000_000
        ran = box.run("edit", "-", "night", "--debug", stdin=big)
        assert "https://upload.sandbox.invalid/api/file-stream-upload" in sent(ran.err)

    def test_a_url_is_not_uploaded(self, box: World) -> None:
        ran = box.run("edit", "https://example.com/a.png", "night", "-o", "n.png", "--debug")
        assert ran.status == 0
        assert not any("upload" in url for url in sent(ran.err))
        result = box.run(
            "edit", "https://example.com/a.png", "night", "--dry-run", "--json"
        ).record["request"]
        assert result["mode"] == "edit"

    def test_last_is_the_url_of_the_latest_result(self, box: World) -> None:
        url = box.run("generate", "a fox", "--json").record["url"]
        ran = box.run("edit", "@last", "night", "--debug")
        assert ran.status == 0
        assert not any("upload" in link for link in sent(ran.err))
        assert self.edited(box, ran.lines[0]) == url

    def test_an_earlier_result_is_found_by_a_prefix(self, box: World) -> None:
        record = box.run("generate", "a fox", "--json").record
        box.run("generate", "a dog")
        ran = box.run("edit", f"@{record['task_id'][:8]}", "night")
        assert self.edited(box, ran.lines[0]) == record["url"]

    def test_an_old_result_is_uploaded_from_its_file(self, box: World) -> None:
        """The service keeps a result for 14 days."""
        box.run("generate", "a fox")
        box.clock.sleep(14 * 86400)
        ran = box.run("edit", "@last", "night", "-o", "n.png", "--debug")
        assert ran.status == 0
        assert "https://upload.sandbox.invalid/api/file-stream-upload" in sent(ran.err)

    def test_an_old_result_without_a_file_is_an_error(self, box: World) -> None:
        (path,) = box.run("generate", "a fox", "-o", "fox.png").lines
        box.clock.sleep(14 * 86400)
        (box.cwd / path).unlink()
        ran = box.run("edit", "@last", "night", "--json")
        assert (ran.status, ran.code) == (8, "expired")

    def edited(self, box: World, path: str) -> str | None:
        """Return the image that an edit was made from, from the sandbox's store."""
        task_id = path.rpartition("-")[2].partition(".")[0]
        with closing(sqlite3.connect(box.state / "sandbox.sqlite3")) as book:
            (text,) = book.execute("SELECT params FROM tasks WHERE id = ?", (task_id,)).fetchone()
        return input_image(text)

    @pytest.mark.parametrize(
        ("image", "message"),
        [
            ("none.png", "no such file"),
            (".", "is a folder"),
            ("empty", "is empty"),
            ("text.png", "is not an image"),
            ("page.png", "is HTML"),
            ("anim.gif", "is GIF"),
            ("https://", "expected an address"),
            ("https://a b/c.png", "expected an address"),
            ("@nothing", "no task `nothing` is known here"),
            ("@last", "there is no task yet"),
        ],
    )
    def test_invalid_inputs_are_refused(self, box: World, image: str, message: str) -> None:
        (box.cwd / "empty").touch()
        (box.cwd / "text.png").write_text("this is no picture at all, is it?")
        (box.cwd / "page.png").write_text("<!doctype html><html>")
        (box.cwd / "anim.gif").write_bytes(b"GIF89a" + b"\0" * 100)
        ran = box.run("edit", image, "night")
        assert ran.status in {2, 8}
        assert message.lower() in ran.err.lower()
        assert not (box.state / "journal.sqlite3").exists()

    def test_an_unknown_word_is_reported_as_a_missing_file_or_task(self, box: World) -> None:
        ran = box.run("edit", "@photo.png", "night")
        assert "a file of that name is `./@photo.png`" in ran.err

    def test_stdin_cannot_be_both_image_and_prompt(self, box: World) -> None:
        ran = box.run("edit", "-", "-", stdin=photo())
        assert ran.status == 2
        assert "stdin cannot be both" in ran.err


class TestUpload:
    def count(self, err: str) -> int:
        """Return the number of uploads in a trace."""
        return sum("file-stream-upload" in line for line in err.splitlines() if "> POST" in line)

    def test_the_same_bytes_are_uploaded_once(self, box: World) -> None:
        """By content, not by name, for twenty hours."""
        assert self.count(box.run("edit", "photo.png", "night", "--debug").err) == 1
        (box.cwd / "copy.png").write_bytes(photo())
        assert self.count(box.run("edit", "copy.png", "dawn", "--debug").err) == 0
        box.clock.sleep(20 * 3600)
        assert self.count(box.run("edit", "copy.png", "noon", "--debug").err) == 1

    def test_several_images_share_one_upload(self, box: World) -> None:
        ran = box.run("edit", "photo.png", "night", "-n", "4", "-o", "n/", "--debug")
        assert (ran.status, len(ran.lines)) == (0, 4)
        assert self.count(ran.err) == 1

    @pytest.mark.parametrize(
        "fault", ["upload:refusex2", "upload:500", "upload:455", "upload:429", "upload:html"]
    )
    def test_a_passing_error_is_retried(self, box: World, fault: str) -> None:
        box.env["FLUXCLI_SANDBOX_FAULTS"] = fault
        assert box.run("edit", "photo.png", "night").status == 0

    @pytest.mark.parametrize(
        ("fault", "status", "code"),
        [
            ("upload:401", 3, "auth_refused"),
            ("upload:402", 7, "credits_insufficient"),
            ("upload:refusex999", 5, "network"),
            ("upload:500x999", 5, "service_error"),
        ],
    )
    def test_a_lasting_error_ends_the_command_before_anything_is_paid(
        self, box: World, fault: str, status: int, code: str
    ) -> None:
        """The same command then starts again."""
        box.env["FLUXCLI_SANDBOX_FAULTS"] = fault
        ran = box.run("edit", "photo.png", "night", "--json")
        assert (ran.status, ran.code) == (status, code)
        box.env["FLUXCLI_SANDBOX_FAULTS"] = ""
        assert spent(box) == 0
        assert box.run("edit", "photo.png", "night").status == 0


class TestRerun:
    def test_the_same_input_bytes_are_the_same_command(self, box: World) -> None:
        """Whatever the file's name is."""
        first = box.run("edit", "photo.png", "night", "--no-wait").lines
        (box.cwd / "copy.png").write_bytes(photo())
        assert box.run("edit", "copy.png", "night", "--no-wait").lines == first
        assert box.run("edit", "-", "night", "--no-wait", stdin=photo()).lines == first

    def test_other_input_bytes_are_another_command(self, box: World) -> None:
        first = box.run("edit", "photo.png", "night", "--no-wait").lines
        (box.cwd / "photo.png").write_bytes(photo(size=(301, 400)))
        assert box.run("edit", "photo.png", "night", "--no-wait").lines != first


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--safety-tolerance 3", "from 0 to 2"),
        ("-a 5:4", "expected `21:9`"),
        ("-o x.webp", "cannot make"),
    ],
)
def test_values_are_checked_by_the_rules_of_edits(box: World, flags: str, message: str) -> None:
    ran = box.run("edit", "photo.png", "night", *flags.split())
    assert ran.status == 2
    assert message in ran.err


def test_image_and_prompt_are_required(box: World) -> None:
    assert box.run("edit").status == 2
    ran = box.run("edit", "photo.png")
    assert ran.status == 2
    assert "there is no prompt" in ran.err
    assert 'hint: fluxcli edit photo.png "make it night"' in ran.err


class TestAnInputThatIsStillMade:
    """The image of a task that runs is waited for, at no cost."""

    @pytest.fixture(params=["@last", "@{id}", "@{start}"])
    def named(self, box: World, request: pytest.FixtureRequest) -> str:
        """Return how the task is named."""
        (task,) = box.run("generate", "a fox", "--no-wait").lines
        return str(request.param).format(id=task, start=task[:8])

    def test_the_edit_waits_for_it(self, box: World, named: str) -> None:
        ran = box.run("edit", named, "make it night", "-o", "night.png")
        assert (ran.status, spent(box)) == (0, 10)
        task = box.run("status", "--json").records[1]["task_id"]
        assert f"waiting for task {task}, the input" in ran.err
        assert box.run("edit", named, "make it night", "-o", "night.png").status == 0
        assert spent(box) == 10

    def test_with_no_wait_the_edit_is_submitted_once_the_input_is_there(
        self, box: World, named: str
    ) -> None:
        ran = box.run("edit", named, "make it night", "--no-wait")
        assert (ran.status, len(ran.lines), spent(box)) == (0, 1, 10)
        assert box.run("download", "--unsaved").status == 0

    def test_the_timeout_ends_the_waiting_and_nothing_is_sent(self, box: World, named: str) -> None:
        make = ("edit", named, "make it night", "-o", "night.png")
        ran = box.run(*make, "--timeout", "2", "--json")
        assert (ran.status, ran.code, spent(box)) == (4, "timed_out", 5)
        error = ran.record["error"]
        assert f"fluxcli download {error['task_id']}" in error["hint"]
        assert "its edit was not sent" in error["message"]
        for _ in range(8):
            if not (ran := box.run(*make, "--timeout", "2")).status:
                break
        assert (ran.status, spent(box)) == (0, 10)

    @pytest.mark.parametrize("count", ["3", "20"])
    def test_several_edits_poll_it_once_between_them(
        self, box: World, named: str, count: str
    ) -> None:
        box.clock.sleep(60.0)  # The limit of submissions.
        ran = box.run("edit", named, "night", "-n", count, "-o", "{n}.png", "--yes", "--debug")
        assert (ran.status, spent(box)) == (0, 5 + 5 * int(count))

    def test_a_failed_input_costs_nothing_and_is_named(self, box: World) -> None:
        box.run("generate", "a fox", "--no-wait", env={"FLUXCLI_SANDBOX_FAULTS": "submit:failed"})
        ran = box.run("edit", "@last", "make it night", "-o", "night.png", "--json")
        assert (ran.status, ran.code, spent(box)) == (8, "generation_failed", 0)
        assert "the input, task" in ran.record["error"]["message"]

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            ("submit:402", "has no image"),
            ("submit:failed", "has no image"),
            ("submit:reset", "it is not known whether"),
        ],
    )
    def test_what_became_no_image_says_why(self, box: World, fault: str, words: str) -> None:
        box.run("generate", "a fox", env={"FLUXCLI_SANDBOX_FAULTS": fault})
        ref = box.run("status", "--json", "--offline").record["ref"]
        before = spent(box)
        ran = box.run("edit", f"@{ref}", "night")
        assert (ran.status, spent(box)) == (2, before)
        assert words in ran.err
        assert "hint: fluxcli status " in ran.err

    def test_the_plan_needs_no_image(self, box: World, named: str) -> None:
        ran = box.run("edit", named, "night", "--dry-run", "--json")
        assert (ran.status, spent(box)) == (0, 5)

    def test_a_refused_key_ends_the_waiting(self, box: World, named: str) -> None:
        faults = {"FLUXCLI_SANDBOX_FAULTS": "poll:401"}
        assert box.run("edit", named, "night", env=faults).status == 3
        assert spent(box) == 5
