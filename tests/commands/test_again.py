"""`--again`: an earlier task's request, changed by the flags given, and paid for again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.balance import spent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.worlds import Ran, World

DAY = 86400.0


@pytest.fixture
def photo(box: World, png: bytes) -> Path:
    """Return the image that is edited."""
    path = box.cwd / "photo.png"
    path.write_bytes(png)
    return path


def request(box: World, *words: str) -> dict[str, object]:
    """Return the request that a dry run reports."""
    found: dict[str, object] = box.run(*words, "--dry-run", "--json").record["request"]
    return found


class TestGenerate:
    WORDS = ("a fox", "-m", "max", "-a", "1:1", "--watermark", "me", "--prompt-upsampling")

    @pytest.fixture
    def task(self, box: World) -> str:
        """Return the id of an earlier task."""
        task_id: str = box.run("generate", *self.WORDS, "-o", "fox.png", "--json").record["task_id"]
        return task_id

    @pytest.mark.parametrize("name", ["id", "@id", "prefix", "ref", "@last"])
    def test_the_request_is_the_earlier_one(self, box: World, task: str, name: str) -> None:
        ref = box.run("status", "--json", "--offline").record["ref"]
        names = {"id": task, "@id": f"@{task}", "prefix": task[:6], "ref": ref, "@last": "@last"}
        again = request(box, "generate", "--again", names[name])
        assert again == request(box, "generate", *self.WORDS, "--output-format", "png")

    def test_flags_change_the_request_and_settings_do_not(self, box: World, task: str) -> None:
        box.run("config", "set", "generate.model", "pro")
        box.env["FLUXCLI_ASPECT_RATIO"] = "3:4"
        changed = request(box, "generate", "a dog", "--again", task, "--no-prompt-upsampling")
        assert changed["prompt"] == "a dog"
        assert changed["prompt_upsampling"] is False
        assert (changed["model"], changed["aspect_ratio"]) == ("flux-kontext-max", "1:1")

    def test_a_preset_changes_its_fields_and_not_the_earlier_prompt(
        self, box: World, task: str
    ) -> None:
        box.run("config", "set", "presets.p.aspect_ratio", "9:16")
        box.run("config", "set", "presets.p.style", "{prompt}, on film")
        words = ("generate", "--again", task, "--preset", "p")
        assert request(box, *words)["aspect_ratio"] == "9:16"
        assert request(box, *words)["prompt"] == "a fox"
        assert request(box, *words, "-p", "a dog")["prompt"] == "a dog, on film"

    def test_again_is_charged_and_a_rerun_of_it_is_not(self, box: World, task: str) -> None:
        words = ("generate", "--again", task, "-o", "b.png")
        assert box.run(*words).status == 0
        assert box.run(*words).status == 0
        assert spent(box) == 20

    def test_an_unfinished_first_task_is_not_resumed(self, box: World) -> None:
        first = box.run("generate", "a fox", "--no-wait").lines[0]
        again = box.run("generate", "--again", first, "--no-wait").lines
        assert again != [first]
        assert box.run("generate", "--again", first, "--no-wait").lines == again
        assert spent(box) == 10

    @pytest.mark.parametrize("faults", ["download:503x9999", "poll:500x9999", "submit:reset"])
    def test_an_unfinished_again_of_last_is_resumed(
        self, box: World, task: str, faults: str
    ) -> None:
        words = ("generate", "--again", "@last", "-o", "b.png")
        env = {"FLUXCLI_SANDBOX_FAULTS": faults}
        first = box.run(*words, env=env)
        for _ in range(3):
            assert box.run(*words, env=env).status == first.status
        assert task
        assert spent(box) <= 20

    def test_an_image_made_in_between_does_not_change_what_last_means(
        self, box: World, task: str
    ) -> None:
        assert task
        words = ("generate", "--again", "@last", "--no-wait")
        first = box.run(*words).lines
        box.run("generate", "a dog", "-o", "dog.png")
        assert box.run(*words).lines == first
        assert spent(box) == 25

    def test_an_edit_made_in_between_changes_nothing_even_if_its_input_is_gone(
        self, box: World, task: str, photo: Path
    ) -> None:
        assert task
        words = ("generate", "--again", "@last", "--no-wait")
        first = box.run(*words).lines
        assert box.run("edit", str(photo), "night", "-o", "night.png").status == 0
        photo.unlink()
        box.clock.step(3 * DAY)
        assert box.run(*words).lines == first

    def test_a_finished_again_of_another_request_is_not_reused(self, box: World, task: str) -> None:
        assert task
        words = ("generate", "--again", "@last", "-o", "b.png")
        assert box.run(*words).status == 0
        assert box.run(*words).status == 0
        assert spent(box) == 20
        box.run("generate", "a dog", "-o", "dog.png")
        assert box.run(*words).status == 2
        assert spent(box) == 25

    def test_a_prompt_from_stdin_is_read_once(self, box: World, task: str) -> None:
        assert task
        words = ("generate", "-", "--again", "@last", "--dry-run", "--json")
        assert box.run(*words, stdin=b"a dog\n").record["request"]["prompt"] == "a dog"

    @pytest.mark.parametrize("name", ["nothing", "abcd1234"])
    def test_an_unknown_task_is_an_error_before_anything_is_sent(
        self, box: World, name: str
    ) -> None:
        ran = box.run("generate", "--again", name)
        assert ran.status == 8
        assert spent(box) == 0

    def test_edit_again_of_a_generated_image_needs_an_input(self, box: World, task: str) -> None:
        ran = box.run("edit", "--again", task, "make it night")
        assert ran.status == 2
        assert f"fluxcli generate --again {task}" in ran.err

    def test_edit_again_takes_the_fields_of_a_generated_image(
        self, box: World, task: str, photo: Path
    ) -> None:
        ran = box.run("edit", photo.name, "blue", "--again", task, "--dry-run", "--json")
        assert ran.record["request"]["model"] == "flux-kontext-max"
        assert ran.record["request"]["aspect_ratio"] is None


class TestEdit:
    @pytest.fixture
    def task(self, box: World, photo: Path) -> str:
        """Return the id of an earlier edit of a file."""
        words = ("edit", photo.name, "make it blue", "-m", "max", "-o", "blue.png")
        task_id: str = box.run(*words, "--json").record["task_id"]
        return task_id

    def again(self, box: World, task: str, *words: str) -> Ran:
        """Make the edit again."""
        return box.run("edit", "--again", task, "-o", "b.png", "--json", *words)

    @pytest.mark.parametrize("command", ["edit", "generate"])
    def test_the_input_is_the_earlier_one(self, box: World, task: str, command: str) -> None:
        earlier = box.run("status", task, "--json").record
        ran = box.run(command, "--again", task, "make it red", "-o", "b.png", "--json")
        assert ran.record["input"] == earlier["input"]
        assert ran.record["mode"] == "edit"
        assert (ran.record["prompt"], ran.record["model"]) == ("make it red", "flux-kontext-max")
        assert spent(box) == 20

    def test_one_word_is_a_prompt_unless_it_names_an_image(self, box: World, task: str) -> None:
        assert request(box, "edit", "--again", task, "night")["prompt"] == "night"
        assert request(box, "edit", "--again", task, "photo.png")["prompt"] == "make it blue"
        assert box.run("edit", "--again", task, "missing.png").status == 2

    def test_the_file_is_uploaded_again_when_its_upload_has_expired(
        self, box: World, task: str
    ) -> None:
        box.clock.step(3 * DAY)
        assert self.again(box, task).status == 0

    def test_a_removed_input_is_not_needed_while_its_upload_is_kept(
        self, box: World, task: str, photo: Path
    ) -> None:
        photo.unlink()
        assert self.again(box, task).status == 0

    @pytest.mark.parametrize("change", ["removed", "changed", "folder"])
    def test_a_removed_input_without_an_upload_is_an_error_before_anything_is_paid(
        self, box: World, task: str, photo: Path, change: str, other_png: bytes
    ) -> None:
        box.clock.step(3 * DAY)
        photo.unlink()
        if change == "changed":
            photo.write_bytes(other_png)
        elif change == "folder":
            photo.mkdir()
        ran = self.again(box, task)
        assert (ran.status, ran.code) == (2, "input_unreadable")
        assert f"fluxcli edit IMAGE --again {task}" in ran.record["error"]["hint"]
        assert spent(box) == 10

    def test_another_image_may_replace_the_input(
        self, box: World, task: str, other_png: bytes
    ) -> None:
        (box.cwd / "other.png").write_bytes(other_png)
        earlier = box.run("status", task, "--json").record
        ran = self.again(box, task, "other.png")
        assert ran.record["input"] != earlier["input"]
        assert ran.record["prompt"] == "make it blue"

    def test_an_edit_of_an_earlier_result_edits_it_again(self, box: World, task: str) -> None:
        second = box.run("edit", f"@{task}", "make it red", "-o", "red.png", "--json").record
        again = self.again(box, second["task_id"]).record
        assert again["input"] == second["input"] == f"task:{task}"

    def test_an_input_from_stdin_can_be_used_while_its_upload_is_kept(
        self, box: World, png: bytes
    ) -> None:
        words = ("edit", "-", "make it blue", "-o", "blue.png", "--json")
        task = box.run(*words, stdin=png).record["task_id"]
        assert self.again(box, task).status == 0
        box.clock.step(3 * DAY)
        assert box.run("edit", "--again", task, "-o", "c.png").status == 2


def test_again_does_not_go_with_a_prompt_list(box: World) -> None:
    (box.cwd / "l.txt").write_text("a fox\n")
    assert box.run("generate", "--prompts", "l.txt", "--again", "@last").status == 2


def test_edit_again_needs_an_image(box: World) -> None:
    ran = box.run("edit")
    assert ran.status == 2
    assert "missing argument `IMAGE`" in ran.err
