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


class TestOneTask:
    def test_it_is_waited_for_and_saved_where_it_was_meant_to_go(self, box: World) -> None:
        task_id = begun(box, "-o", "fox.png")
        ran = box.run("download", task_id)
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "fox.png")])
        with Image.open(box.cwd / "fox.png") as picture:
            assert picture.size == (1360, 768)

    def test_from_another_folder_too(self, box: World) -> None:
        task_id = begun(box, "-o", "fox.png")
        home, box.cwd = box.cwd, box.root / "other"
        box.cwd.mkdir()
        assert box.run("download", task_id).lines == [str(home / "fox.png")]

    def test_once_is_enough(self, box: World) -> None:
        """An unchanged saved file is printed again, and not downloaded again."""
        task_id = begun(box, "-o", "fox.png")
        box.run("download", task_id)
        ran = box.run("download", task_id, "--debug")
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "fox.png")])
        assert "debug: >" not in ran.err

    def test_what_was_lost_is_fetched_again(self, box: World) -> None:
        box.run("generate", "a fox", "-o", "fox.png")
        (box.cwd / "fox.png").unlink()
        assert box.run("download", "@last").status == 0
        assert (box.cwd / "fox.png").exists()

    def test_the_command_it_came_from_is_then_answered(self, box: World) -> None:
        """The same command means a new picture from now on."""
        begun(box, "-o", "{prompt}-{id}.jpg")
        box.run("download", "@last")
        box.run("generate", "a fox", "-o", "{prompt}-{id}.jpg")
        assert spent(box) == 10

    @pytest.mark.parametrize("output", ["copy.jpg", "folder/", "{id}.jpg", "-"])
    def test_elsewhere(self, box: World, output: str) -> None:
        task_id = begun(box, "-o", "fox.jpg")
        ran = box.run("download", task_id, "-o", output)
        assert ran.status == 0
        assert not (box.cwd / "fox.jpg").exists()
        data = ran.out if output == "-" else (box.cwd / ran.lines[0]).read_bytes()
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()

    def test_what_was_meant_for_stdout_lands_here(self, box: World) -> None:
        task_id = begun(box, "-o", "-")
        (path,) = box.run("download", task_id).lines
        assert path == str(box.cwd / f"a-fox-{task_id}.jpg")

    def test_by_ref_and_prefix(self, box: World) -> None:
        task_id = begun(box, "-o", "fox.jpg")
        ref = box.run("status", "--offline", "--json").record["ref"]
        assert box.run("download", ref).status == 0
        assert box.run("download", task_id[:6]).status == 0

    def test_one_from_elsewhere(self, box: World) -> None:
        """Known to the service alone; it is saved under the usual name."""
        task_id = begun(box)
        for file in box.state.glob("journal.sqlite3*"):
            file.unlink()
        assert box.run("download", task_id).lines == [str(box.cwd / f"a-fox-{task_id}.jpg")]

    def test_the_record(self, box: World) -> None:
        task_id = begun(box, "-o", "fox.jpg")
        record = box.run("download", task_id, "--json").record
        assert (record["task_id"], record["state"]) == (task_id, "saved")
        assert record["path"] == str(box.cwd / "fox.jpg")

    def test_waiting_has_an_end(self, box: World) -> None:
        ran = box.run("download", begun(box), "--timeout", "2", "--json")
        assert (ran.status, ran.code) == (4, "timed_out")


class TestAFileInTheWay:
    @pytest.fixture
    def task_id(self, box: World) -> str:
        """A task whose place was taken since."""
        name = begun(box, "-o", "fox.jpg")
        (box.cwd / "fox.jpg").write_bytes(b"precious")
        return name

    def test_is_refused(self, box: World, task_id: str) -> None:
        ran = box.run("download", task_id, "--json")
        assert (ran.status, ran.code) == (2, "would_overwrite")
        assert (box.cwd / "fox.jpg").read_bytes() == b"precious"

    def test_is_replaced_by_force(self, box: World, task_id: str) -> None:
        assert box.run("download", task_id, "--force").status == 0
        assert (box.cwd / "fox.jpg").read_bytes() != b"precious"

    def test_is_kept_where_that_is_requested(self, box: World, task_id: str) -> None:
        ran = box.run("download", task_id, "--skip-existing")
        assert (ran.status, ran.out) == (0, b"")
        assert "already exists and was kept" in ran.err
        assert (box.cwd / "fox.jpg").read_bytes() == b"precious"

    def test_never_blocks_saving_all(self, box: World, task_id: str) -> None:
        assert task_id
        ran = box.run("download", "--unsaved")
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "fox-1.jpg")])
        assert (box.cwd / "fox.jpg").read_bytes() == b"precious"


class TestEverythingUnsaved:
    def test_the_same_command_repairs_every_interruption(self, box: World) -> None:
        """Timed out, not fetched, not waited for: all of it lands, and nothing is paid."""
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

    def test_nothing_to_do_needs_no_key(self, world: World) -> None:
        del world.env["FLUXCLI_API_KEY"]
        ran = world.run("download", "--unsaved")
        assert (ran.status, ran.out, ran.err) == (0, b"", "nothing is waiting to be saved\n")
        assert not world.state.exists()

    def test_what_cannot_be_fetched_is_reported(self, box: World) -> None:
        """A submission of unknown outcome has no id to fetch by."""
        lost = box.run(
            "generate", "a fox", "--json", env={"FLUXCLI_SANDBOX_FAULTS": "submit:reset"}
        )
        ref = lost.record["error"]["ref"]
        ran = box.run("download", "--unsaved")
        assert ran.status == 0
        assert f"warning: submission `{ref}` may be paid for; its outcome is unknown" in ran.err
        assert f"hint: fluxcli status {ref}" in ran.err

    def test_some_fail(self, box: World) -> None:
        begun(box, "-o", "fox.jpg")
        begun(box, prompt="a [moderated] fox")
        ran = box.run("download", "--unsaved", "--json")
        assert ran.status == 9
        assert {record.get("state") for record in ran.records} == {"saved", None}

    def test_into_one_folder(self, box: World) -> None:
        begun(box, "-o", "fox.jpg")
        begun(box, "-o", "dog.jpg", prompt="a dog")
        ran = box.run("download", "--unsaved", "-o", "all/")
        assert len(list((box.cwd / "all").iterdir())) == len(ran.lines) == 2


class TestDeadLinks:
    def test_a_link_is_renewed(self, box: World) -> None:
        task_id = begun(box, "-o", "fox.jpg")
        ran = box.run(
            "download", task_id, "--debug", env={"FLUXCLI_SANDBOX_FAULTS": "download:expired"}
        )
        assert ran.status == 0
        assert "/api/v1/common/download-url" in ran.err

    def test_a_result_older_than_the_service_keeps_is_expired(self, box: World) -> None:
        """The service's record says when it ended, its `Date` header what time it is."""
        task_id = begun(box, "-o", "fox.jpg")
        box.run("status", task_id, "--wait")
        box.clock.sleep(15 * 86400)
        ran = box.run("download", task_id, "--json")
        assert (ran.status, ran.code) == (8, "expired")
        assert ran.record["error"]["task_id"] == task_id
        assert box.run("status", task_id, "--offline", "--json").record["state"] == "failed"
        assert box.run("download", "--unsaved").lines == []

    def test_a_task_that_never_was_accepted(self, box: World) -> None:
        box.run("generate", "a fox", env={"FLUXCLI_SANDBOX_FAULTS": "submit:402"})
        ref = box.run("status", "--offline", "--json").record["ref"]
        ran = box.run("download", ref, "--json")
        assert (ran.status, ran.code) == (8, "task_not_found")
        assert "was never accepted" in ran.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no task is named, or both tasks and `--unsaved`"),
        (["a", "--unsaved"], "no task is named, or both tasks and `--unsaved`"),
        (["TASK", "-o", "x.png"], "is a JPEG"),
        (["TASK", "-o", "x.webp"], "cannot make"),
        (["TASK", "-o", "-", "--json"], "both write to stdout"),
        (["TASK", "OTHER", "-o", "x.jpg"], "takes one image, not 2\nhint: -o FOLDER/"),
        (["TASK", "--timeout", "soon"], "expected a duration"),
        (["TASK", "-f", "--skip-existing"], "contradict"),
    ],
)
def test_bad_usage(box: World, words: list[str], message: str) -> None:
    names = {"TASK": begun(box), "OTHER": begun(box, prompt="a dog")}
    ran = box.run("download", *(names.get(word, word) for word in words))
    assert ran.status == 2
    assert message in ran.err
    assert list(box.cwd.iterdir()) == []


def test_a_line_names_its_task_once(box: World) -> None:
    ids = [begun(box, prompt=prompt) for prompt in ("a fox", "a hare")]
    lines = box.run("download", "--unsaved").err.splitlines()
    assert {f"{one}: resuming; no extra charge" for one in ids} <= set(lines)
