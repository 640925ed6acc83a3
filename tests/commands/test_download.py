"""`fluxcli download`: saves paid images, free of charge."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.commands.balance import spent

if TYPE_CHECKING:
    from tests.worlds import World


pytestmark = pytest.mark.usefixtures("wire_format")
"""Everything here holds in both wire formats."""


def begun(box: World, *flags: str, prompt: str = "a fox") -> str:
    """Begin a task, and return its id."""
    (task_id,) = box.run("generate", prompt, "--no-wait", *flags).lines
    return task_id


class TestTask:
    def test_a_running_task_is_waited_for_and_saved_to_its_output(self, box: World) -> None:
        task_id = begun(box, "-o", "fox.png")
        ran = box.run("download", task_id)
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "fox.png")])
        with Image.open(box.cwd / "fox.png") as picture:
            assert picture.size == (1360, 768)

    def test_a_task_is_saved_to_its_output_from_another_folder(self, box: World) -> None:
        task_id = begun(box, "-o", "fox.png")
        home, box.cwd = box.cwd, box.root / "other"
        box.cwd.mkdir()
        assert box.run("download", task_id).lines == [str(home / "fox.png")]

    def test_a_saved_image_is_not_downloaded_again(self, box: World) -> None:
        """The path of an unchanged file is printed."""
        task_id = begun(box, "-o", "fox.png")
        box.run("download", task_id)
        ran = box.run("download", task_id, "--debug")
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "fox.png")])
        assert "debug: >" not in ran.err

    def test_a_removed_image_is_downloaded_again(self, box: World) -> None:
        box.run("generate", "a fox", "-o", "fox.png")
        (box.cwd / "fox.png").unlink()
        assert box.run("download", "@last").status == 0
        assert (box.cwd / "fox.png").exists()

    def test_the_run_of_a_downloaded_task_is_closed(self, box: World) -> None:
        """The same command then makes a new image."""
        begun(box, "-o", "{prompt}-{id}.jpg")
        box.run("download", "@last")
        box.run("generate", "a fox", "-o", "{prompt}-{id}.jpg")
        assert spent(box) == 10

    @pytest.mark.parametrize("output", ["copy.jpg", "folder/", "{id}.jpg", "-"])
    def test_an_output_option_overrides_the_place(self, box: World, output: str) -> None:
        task_id = begun(box, "-o", "fox.jpg")
        ran = box.run("download", task_id, "-o", output)
        assert ran.status == 0
        assert not (box.cwd / "fox.jpg").exists()
        data = ran.out if output == "-" else (box.cwd / ran.lines[0]).read_bytes()
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()

    def test_an_image_requested_on_stdout_is_saved_to_the_working_folder(self, box: World) -> None:
        task_id = begun(box, "-o", "-")
        (path,) = box.run("download", task_id).lines
        assert path == str(box.cwd / f"a-fox-{task_id}.jpg")

    def test_a_task_is_found_by_ref_and_prefix(self, box: World) -> None:
        task_id = begun(box, "-o", "fox.jpg")
        ref = box.run("status", "--offline", "--json").record["ref"]
        assert box.run("download", ref).status == 0
        assert box.run("download", task_id[:6]).status == 0

    def test_a_task_of_another_machine_is_saved(self, box: World) -> None:
        """Under the default name."""
        task_id = begun(box)
        for file in box.state.glob("journal.sqlite3*"):
            file.unlink()
        assert box.run("download", task_id).lines == [str(box.cwd / f"a-fox-{task_id}.jpg")]

    def test_json_prints_the_record(self, box: World) -> None:
        task_id = begun(box, "-o", "fox.jpg")
        record = box.run("download", task_id, "--json").record
        assert (record["task_id"], record["state"]) == (task_id, "saved")
        assert record["path"] == str(box.cwd / "fox.jpg")

    def test_the_wait_ends_at_the_timeout(self, box: World) -> None:
        ran = box.run("download", begun(box), "--timeout", "2", "--json")
        assert (ran.status, ran.code) == (4, "timed_out")


class TestExistingFile:
    @pytest.fixture
    def task_id(self, box: World) -> str:
        """A task whose place was taken since."""
        name = begun(box, "-o", "fox.jpg")
        (box.cwd / "fox.jpg").write_bytes(b"precious")
        return name

    def test_an_existing_file_is_refused(self, box: World, task_id: str) -> None:
        ran = box.run("download", task_id, "--json")
        assert (ran.status, ran.code) == (2, "would_overwrite")
        assert (box.cwd / "fox.jpg").read_bytes() == b"precious"

    def test_force_replaces_it(self, box: World, task_id: str) -> None:
        assert box.run("download", task_id, "--force").status == 0
        assert (box.cwd / "fox.jpg").read_bytes() != b"precious"

    def test_skip_existing_keeps_it(self, box: World, task_id: str) -> None:
        ran = box.run("download", task_id, "--skip-existing")
        assert (ran.status, ran.out) == (0, b"")
        assert "already exists and was kept" in ran.err
        assert (box.cwd / "fox.jpg").read_bytes() == b"precious"

    def test_unsaved_saves_beside_it(self, box: World, task_id: str) -> None:
        assert task_id
        ran = box.run("download", "--unsaved")
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "fox-1.jpg")])
        assert (box.cwd / "fox.jpg").read_bytes() == b"precious"


class TestUnsaved:
    def test_unsaved_saves_what_any_interruption_left(self, box: World) -> None:
        """Timed out, not downloaded, not waited for: all is saved and nothing is charged."""
        box.run("generate", "a fox", "-o", "fox.jpg", "--timeout", "2")
        box.run(
            "generate",
            "a dog",
            "-o",
            "dog.jpg",
            env={"FLUXCLI_SANDBOX_FAULTS": "download:500x9999"},
        )
        begun(box, "-o", "cat.jpg", prompt="a cat")
        ran = box.run("download", "--unsaved")
        assert ran.status == 0
        assert sorted(ran.lines) == [str(box.cwd / f"{name}.jpg") for name in ("cat", "dog", "fox")]
        assert spent(box) == 15
        assert box.run("download", "--unsaved").out == b""

    def test_nothing_unsaved_needs_no_key(self, world: World) -> None:
        del world.env["FLUXCLI_API_KEY"]
        ran = world.run("download", "--unsaved")
        assert (ran.status, ran.out, ran.err) == (0, b"", "nothing is waiting to be saved\n")
        assert not world.state.exists()

    def test_a_submission_without_an_id_is_reported(self, box: World) -> None:
        """Its outcome is unknown."""
        lost = box.run(
            "generate", "a fox", "--json", env={"FLUXCLI_SANDBOX_FAULTS": "submit:reset"}
        )
        ref = lost.record["error"]["ref"]
        ran = box.run("download", "--unsaved")
        assert ran.status == 0
        assert f"warning: submission `{ref}` may be paid for; its outcome is unknown" in ran.err
        assert f"hint: fluxcli status {ref}" in ran.err

    def test_a_failed_task_does_not_stop_the_others(self, box: World) -> None:
        begun(box, "-o", "fox.jpg")
        begun(box, prompt="a [moderated] fox")
        ran = box.run("download", "--unsaved", "--json")
        assert ran.status == 9
        assert {record.get("state") for record in ran.records} == {"saved", None}

    def test_all_images_can_be_saved_to_one_folder(self, box: World) -> None:
        begun(box, "-o", "fox.jpg")
        begun(box, "-o", "dog.jpg", prompt="a dog")
        ran = box.run("download", "--unsaved", "-o", "all/")
        assert len(list((box.cwd / "all").iterdir())) == len(ran.lines) == 2


class TestExpiredLink:
    def test_an_expired_link_is_renewed(self, box: World) -> None:
        task_id = begun(box, "-o", "fox.jpg")
        ran = box.run(
            "download", task_id, "--debug", env={"FLUXCLI_SANDBOX_FAULTS": "download:expired"}
        )
        assert ran.status == 0
        assert "/api/v1/common/download-url" in ran.err

    def test_a_result_older_than_the_service_keeps_is_expired(self, box: World) -> None:
        """By the times of the service: the record's and the `Date` header's."""
        task_id = begun(box, "-o", "fox.jpg")
        box.run("status", task_id, "--wait")
        box.clock.sleep(15 * 86400)
        ran = box.run("download", task_id, "--json")
        assert (ran.status, ran.code) == (8, "expired")
        assert ran.record["error"]["task_id"] == task_id
        assert box.run("status", task_id, "--offline", "--json").record["state"] == "failed"
        assert box.run("download", "--unsaved").lines == []

    def test_a_refused_task_has_no_image(self, box: World) -> None:
        box.run("generate", "a fox", env={"FLUXCLI_SANDBOX_FAULTS": "submit:402"})
        ref = box.run("status", "--offline", "--json").record["ref"]
        ran = box.run("download", ref, "--json")
        assert (ran.status, ran.code) == (8, "task_not_found")
        assert "was never accepted" in ran.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no task is named"),
        (["a", "--unsaved"], "tasks and `--unsaved` contradict each other"),
        (["TASK", "-o", "x.png"], "is a JPEG"),
        (["TASK", "-o", "x.webp"], "cannot make"),
        (["TASK", "-o", "-", "--json"], "both write to stdout"),
        (["TASK", "OTHER", "-o", "x.jpg"], "takes one image, not 2\nhint: -o FOLDER/"),
        (["TASK", "--timeout", "soon"], "expected a duration"),
        (["TASK", "-f", "--skip-existing"], "contradict"),
    ],
)
def test_invalid_arguments_are_usage_errors(box: World, words: list[str], message: str) -> None:
    names = {"TASK": begun(box), "OTHER": begun(box, prompt="a dog")}
    ran = box.run("download", *(names.get(word, word) for word in words))
    assert ran.status == 2
    assert message in ran.err
    assert list(box.cwd.iterdir()) == []


def test_progress_lines_name_the_task_once(box: World) -> None:
    ids = [begun(box, prompt=prompt) for prompt in ("a fox", "a hare")]
    lines = box.run("download", "--unsaved").err.splitlines()
    assert {f"{one}: resuming; no extra charge" for one in ids} <= set(lines)
