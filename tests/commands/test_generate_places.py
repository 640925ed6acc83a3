"""Where `generate` saves an image, and what happens to an existing file."""

from __future__ import annotations

import io
import os
import threading
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.commands.balance import spent

if TYPE_CHECKING:
    from tests.worlds import World


pytestmark = pytest.mark.usefixtures("wire_format")
"""Everything here holds in both wire formats."""


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture.size


class TestPlace:
    def test_an_existing_folder_gets_the_default_name(self, box: World) -> None:
        (box.cwd / "pics").mkdir()
        (path,) = box.run("generate", "a fox", "-o", "pics").lines
        assert path.startswith(f"{box.cwd}/pics/a-fox-")

    def test_missing_folders_are_created(self, box: World) -> None:
        (path,) = box.run("generate", "a fox", "-o", "a/b/").lines
        assert path.startswith(f"{box.cwd}/a/b/a-fox-")

    def test_a_template_is_filled_in(self, box: World) -> None:
        name = "{date}-{model}-{ratio}-{n}-{prompt}.{ext}"
        (path,) = box.run("generate", "A Fox", "-o", name, "-m", "max").lines
        assert path == f"{box.cwd}/2026-11-22-flux-kontext-max-16x9-1-a-fox.jpg"

    def test_several_images_get_numbers(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-n", "3", "-o", "fox.png")
        assert sorted(ran.lines) == [str(box.cwd / f"fox-{n}.png") for n in (1, 2, 3)]
        assert ran.err.splitlines()[-1].startswith("3 of 3 saved")

    def test_a_tilde_is_the_home_folder(self, box: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(box.root / "home"))
        (path,) = box.run("generate", "a fox", "-o", "~/fox.png").lines
        assert path == str(box.root / "home" / "fox.png")

    def test_stdout_gets_the_image_bytes_only(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "-", "--output-format", "png")
        assert ran.status == 0
        assert ran.out.startswith(b"\x89PNG")
        assert size_of(ran.out) == (1360, 768)
        assert list(box.cwd.iterdir()) == []

    def test_image_bytes_are_refused_on_a_terminal(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "-", terminal=True)
        assert (ran.status, ran.out) == (2, b"")
        assert "cannot be shown on a terminal" in ran.err
        assert not (box.state / "journal.sqlite3").exists()

    def test_stdout_cannot_have_both_image_and_json(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "-", "--json")
        assert (ran.status, ran.code) == (2, "usage")

    def test_stdout_takes_one_image_only(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "-", "-n", "2")
        assert ran.status == 2
        assert "takes one image" in ran.err

    def test_a_fifo_is_written_to(self, box: World) -> None:
        """It is not replaced by a file."""
        fifo = box.cwd / "pipe"
        os.mkfifo(fifo)
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
        reader.start()
        ran = box.run("generate", "a fox", "-o", "pipe")
        reader.join(10)
        assert (ran.status, ran.lines) == (0, [str(fifo)])
        assert size_of(got[0]) == (1360, 768)
        assert fifo.is_fifo()

    def test_the_output_setting_is_used(self, box: World) -> None:
        box.env["FLUXCLI_OUTPUT"] = "pics/{prompt}.{ext}"
        assert box.run("generate", "a fox").lines == [str(box.cwd / "pics/a-fox.jpg")]

    def test_a_long_path_is_printed_on_one_line(self, box: World) -> None:
        name = "n" * 200
        assert box.run("generate", "a fox", "-o", f"{name}.jpg").lines == [
            str(box.cwd / f"{name}.jpg")
        ]


class TestExistingFile:
    @pytest.fixture(autouse=True)
    def _old(self, box: World) -> None:
        (box.cwd / "fox.jpg").write_bytes(b"precious")

    def test_an_existing_file_is_refused_before_anything_is_paid(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "--json")
        assert (ran.status, ran.code) == (2, "would_overwrite")
        assert (box.cwd / "fox.jpg").read_bytes() == b"precious"
        assert not (box.state / "journal.sqlite3").exists()

    def test_one_existing_file_of_several_is_refused(self, box: World) -> None:
        (box.cwd / "fox-2.jpg").touch()
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "-n", "3")
        assert ran.status == 2
        assert "fox-2.jpg" in ran.err

    def test_force_replaces_it(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "-f")
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "fox.jpg")])
        assert size_of((box.cwd / "fox.jpg").read_bytes()) == (1360, 768)

    def test_contradicting_flags_are_refused(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "-f", "--skip-existing")
        assert ran.status == 2
        assert "contradict" in ran.err

    def test_skip_existing_refuses_a_file_that_is_no_image(self, box: World) -> None:
        """Status 0 means that every image is on the disk."""
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "--skip-existing", "--json")
        assert (ran.status, ran.code) == (2, "would_overwrite")
        assert "is not a complete image" in ran.err

    def test_a_file_written_after_a_refused_submission_is_refused(self, box: World) -> None:
        """The file cannot be the image of that submission."""
        (box.cwd / "fox.jpg").unlink()
        box.env["FLUXCLI_SANDBOX_FAULTS"] = "submit:402"
        assert box.run("generate", "a fox", "-o", "fox.jpg").status == 7
        (box.cwd / "fox.jpg").write_bytes(b"precious")
        assert box.run("generate", "a fox", "-o", "fox.jpg").status == 2
        assert spent(box) == 0

    def test_a_file_that_appears_during_the_run_is_kept(self, box: World) -> None:
        """The paid image is saved beside it."""
        (box.cwd / "fox.jpg").unlink()
        assert box.run("generate", "a fox", "-o", "fox.jpg", "--timeout", "1").status == 4
        (box.cwd / "fox.jpg").write_bytes(b"precious")
        ran = box.run("generate", "a fox", "-o", "fox.jpg")
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "fox-1.jpg")])
        assert "already exists and was kept" in ran.err
        assert (box.cwd / "fox.jpg").read_bytes() == b"precious"


class TestSkipExisting:
    def test_an_existing_image_is_reported_and_costs_nothing(self, world: World) -> None:
        """Neither key nor network is needed."""
        world.run("generate", "a fox", "-o", "fox.jpg", "--sandbox")
        del world.env["FLUXCLI_API_KEY"]
        ran = world.run("generate", "a dog", "-o", "fox.jpg", "--skip-existing")
        assert (ran.status, ran.lines) == (0, [str(world.cwd / "fox.jpg")])

    def test_missing_images_of_several_are_made(self, box: World) -> None:
        box.run("generate", "a fox", "-o", "fox-2.jpg")
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "-n", "3", "--skip-existing")
        assert ran.lines[0] == str(box.cwd / "fox-2.jpg")
        assert sorted(ran.lines) == [str(box.cwd / f"fox-{n}.jpg") for n in (1, 2, 3)]
        assert spent(box) == 15

    def test_json_has_a_record_of_an_existing_image(self, box: World) -> None:
        made = box.run("generate", "a fox", "-o", "fox.jpg", "--json").record
        kept = box.run("generate", "a fox", "-o", "fox.jpg", "--skip-existing", "--json").record
        assert (kept["state"], kept["task_id"], kept["ref"]) == ("saved", None, None)
        assert kept["sandbox"] is True
        same = ("path", "bytes", "width", "height", "sha256")
        assert [kept[name] for name in same] == [made[name] for name in same]

    def test_with_no_wait_an_existing_image_is_reported_by_its_path(self, box: World) -> None:
        box.run("generate", "a fox", "-o", "fox-1.jpg")
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "-n2", "--skip-existing", "--no-wait")
        assert ran.lines[0] == str(box.cwd / "fox-1.jpg")
        assert len(ran.lines[1]) == 32


class TestPreview:
    def test_a_preview_needs_a_terminal(self, box: World) -> None:
        ran = box.run("generate", "a fox", "--preview")
        assert ran.status == 0
        assert "`--preview` needs a terminal" in ran.err

    def test_the_live_display_does_not_change_the_printed_path(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "fox.jpg", terminal=True, env={"TERM": "xterm"})
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "fox.jpg")])
        assert "\x1b[" in ran.err
