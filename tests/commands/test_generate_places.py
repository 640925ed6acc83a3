"""Where an image is saved, and what happens to an existing file there."""

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


class TestWhere:
    def test_a_folder_that_is_there(self, box: World) -> None:
        (box.cwd / "pics").mkdir()
        (path,) = box.run("generate", "a fox", "-o", "pics").lines
        assert path.startswith(f"{box.cwd}/pics/a-fox-")

    def test_folders_that_are_not_there_are_made(self, box: World) -> None:
        (path,) = box.run("generate", "a fox", "-o", "a/b/").lines
        assert path.startswith(f"{box.cwd}/a/b/a-fox-")

    def test_a_template(self, box: World) -> None:
        name = "{date}-{model}-{ratio}-{n}-{prompt}.{ext}"
        (path,) = box.run("generate", "A Fox", "-o", name, "-m", "max").lines
        assert path == f"{box.cwd}/2026-11-22-flux-kontext-max-16x9-1-a-fox.jpg"

    def test_several_get_numbers(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-n", "3", "-o", "fox.png")
        assert sorted(ran.lines) == [str(box.cwd / f"fox-{n}.png") for n in (1, 2, 3)]
        assert ran.err.splitlines()[-1].startswith("3 of 3 saved")

    def test_a_home_folder_s_sign(self, box: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(box.root / "home"))
        (path,) = box.run("generate", "a fox", "-o", "~/fox.png").lines
        assert path == str(box.root / "home" / "fox.png")

    def test_stdout_gets_the_bytes_alone(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "-", "--output-format", "png")
        assert ran.status == 0
        assert ran.out.startswith(b"\x89PNG")
        assert size_of(ran.out) == (1360, 768)
        assert list(box.cwd.iterdir()) == []

    def test_a_terminal_gets_no_bytes(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "-", terminal=True)
        assert (ran.status, ran.out) == (2, b"")
        assert "cannot be shown on a terminal" in ran.err
        assert not (box.state / "journal.sqlite3").exists()

    def test_stdout_is_one_or_the_other(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "-", "--json")
        assert (ran.status, ran.code) == (2, "usage")

    def test_stdout_takes_one(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "-", "-n", "2")
        assert ran.status == 2
        assert "takes one image" in ran.err

    def test_a_fifo_is_written_into(self, box: World) -> None:
        """It is there to be read from, not to be replaced by a file."""
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

    def test_a_setting_names_the_place(self, box: World) -> None:
        box.env["FLUXCLI_OUTPUT"] = "pics/{prompt}.{ext}"
        assert box.run("generate", "a fox").lines == [str(box.cwd / "pics/a-fox.jpg")]

    def test_a_long_name_is_one_line(self, box: World) -> None:
        name = "n" * 200
        assert box.run("generate", "a fox", "-o", f"{name}.jpg").lines == [
            str(box.cwd / f"{name}.jpg")
        ]


class TestAFileInTheWay:
    @pytest.fixture(autouse=True)
    def _old(self, box: World) -> None:
        (box.cwd / "fox.jpg").write_bytes(b"precious")

    def test_is_refused_before_anything_is_spent(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "--json")
        assert (ran.status, ran.code) == (2, "would_overwrite")
        assert (box.cwd / "fox.jpg").read_bytes() == b"precious"
        assert not (box.state / "journal.sqlite3").exists()

    def test_is_refused_if_it_is_one_of_several(self, box: World) -> None:
        (box.cwd / "fox-2.jpg").touch()
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "-n", "3")
        assert ran.status == 2
        assert "fox-2.jpg" in ran.err

    def test_is_replaced_by_force(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "-f")
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "fox.jpg")])
        assert size_of((box.cwd / "fox.jpg").read_bytes()) == (1360, 768)

    def test_flags_that_contradict_each_other(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "-f", "--skip-existing")
        assert ran.status == 2
        assert "contradict" in ran.err

    def test_that_is_not_an_image_is_not_passed_off_as_one(self, box: World) -> None:
        """Status 0 would say that everything asked for is on the disk."""
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "--skip-existing", "--json")
        assert (ran.status, ran.code) == (2, "would_overwrite")
        assert "is not a complete image" in ran.err

    def test_that_came_after_a_refusal_is_refused_too(self, box: World) -> None:
        """An earlier try of this command came to nothing, so the file is not its own."""
        (box.cwd / "fox.jpg").unlink()
        box.env["FLUXCLI_SANDBOX_FAULTS"] = "submit:402"
        assert box.run("generate", "a fox", "-o", "fox.jpg").status == 7
        (box.cwd / "fox.jpg").write_bytes(b"precious")
        assert box.run("generate", "a fox", "-o", "fox.jpg").status == 2
        assert spent(box) == 0

    def test_that_appears_meanwhile_is_kept(self, box: World) -> None:
        """It was not there when money was spent; the picture lands beside it."""
        (box.cwd / "fox.jpg").unlink()
        assert box.run("generate", "a fox", "-o", "fox.jpg", "--timeout", "1").status == 4
        (box.cwd / "fox.jpg").write_bytes(b"precious")
        ran = box.run("generate", "a fox", "-o", "fox.jpg")
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "fox-1.jpg")])
        assert "already exists and was kept" in ran.err
        assert (box.cwd / "fox.jpg").read_bytes() == b"precious"


class TestSkipping:
    def test_what_is_there_is_reported_and_costs_nothing(self, world: World) -> None:
        """Neither key nor network is needed where there is nothing to do."""
        world.run("generate", "a fox", "-o", "fox.jpg", "--sandbox")
        del world.env["FLUXCLI_API_KEY"]
        ran = world.run("generate", "a dog", "-o", "fox.jpg", "--skip-existing")
        assert (ran.status, ran.lines) == (0, [str(world.cwd / "fox.jpg")])

    def test_the_rest_of_several_is_made(self, box: World) -> None:
        box.run("generate", "a fox", "-o", "fox-2.jpg")
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "-n", "3", "--skip-existing")
        assert ran.lines[0] == str(box.cwd / "fox-2.jpg")
        assert sorted(ran.lines) == [str(box.cwd / f"fox-{n}.jpg") for n in (1, 2, 3)]
        assert spent(box) == 15

    def test_the_record_of_what_was_there(self, box: World) -> None:
        made = box.run("generate", "a fox", "-o", "fox.jpg", "--json").record
        kept = box.run("generate", "a fox", "-o", "fox.jpg", "--skip-existing", "--json").record
        assert (kept["state"], kept["task_id"], kept["ref"]) == ("saved", None, None)
        assert kept["sandbox"] is True
        same = ("path", "bytes", "width", "height", "sha256")
        assert [kept[name] for name in same] == [made[name] for name in same]

    def test_without_waiting_it_is_reported_by_its_path(self, box: World) -> None:
        box.run("generate", "a fox", "-o", "fox-1.jpg")
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "-n2", "--skip-existing", "--no-wait")
        assert ran.lines[0] == str(box.cwd / "fox-1.jpg")
        assert len(ran.lines[1]) == 32


class TestShowing:
    def test_a_preview_needs_a_terminal(self, box: World) -> None:
        ran = box.run("generate", "a fox", "--preview")
        assert ran.status == 0
        assert "`--preview` needs a terminal" in ran.err

    def test_the_live_display_leaves_the_path_alone(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "fox.jpg", terminal=True, env={"TERM": "xterm"})
        assert (ran.status, ran.lines) == (0, [str(box.cwd / "fox.jpg")])
        assert "\x1b[" in ran.err
