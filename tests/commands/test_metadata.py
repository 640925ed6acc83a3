"""`--metadata`: the request is stored in the image or in a file beside it."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from fluxcli.files.metadata import embedded, read_metadata
from tests.commands.balance import spent

if TYPE_CHECKING:
    from tests.worlds import Ran, World

PROMPT = 'a "fox" & <hén> 狐\nat night'


def generated(box: World, kind: str, output: str, *words: str, **options: Any) -> Ran:
    """Make an image with metadata."""
    command = ("generate", PROMPT, "-o", output, "--metadata", kind, *words)
    return box.run(*command, **options)


def exif(path: Path) -> dict[str, Any]:
    """Return what exiftool reads in a file."""
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed")
    done = subprocess.run([program, "-j", "-a", str(path)], capture_output=True, check=True)
    (found,) = json.loads(done.stdout)
    return dict(found)


@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
class TestEmbedded:
    def test_hash_and_size_are_those_of_the_written_file(self, box: World, name: str) -> None:
        record = generated(box, "embed", name, "--json").record
        data = Path(record["path"]).read_bytes()
        assert (record["bytes"], record["sha256"]) == (
            len(data),
            hashlib.sha256(data).hexdigest(),
        )

    def test_the_pixels_are_unchanged(self, box: World, name: str) -> None:
        generated(box, "embed", name)
        task = box.run("status", "--json", "--offline").record["task_id"]
        box.run("download", task, "-o", f"plain-{name}", "--metadata", "none")
        first, second = (Image.open(box.cwd / one) for one in (name, f"plain-{name}"))
        assert first.tobytes() == second.tobytes()
        assert read_metadata(box.cwd / f"plain-{name}") is None

    def test_the_metadata_can_be_read_back(self, box: World, name: str) -> None:
        record = generated(box, "embed", name, "--json").record
        found = read_metadata(Path(record["path"])) or {}
        assert found["prompt"] == PROMPT
        assert found["task_id"] == record["task_id"]
        assert found["model"] == "flux-kontext-pro"
        assert "callback_url" not in found

    def test_exiftool_reads_it_without_a_warning(self, box: World, name: str) -> None:
        generated(box, "embed", name)
        found = exif(box.cwd / name)
        assert found["Description"].replace("\n", ".") == PROMPT.replace("\n", ".")
        assert "Warning" not in found
        assert any(str(value).startswith("fluxcli ") for value in found.values())

    def test_a_rerun_prints_the_path_at_no_cost(self, box: World, name: str) -> None:
        generated(box, "embed", name)
        ran = generated(box, "embed", name)
        assert (ran.status, ran.lines) == (0, [str(box.cwd / name)])
        assert spent(box) == 5

    def test_status_finds_the_task_of_a_changed_copy(self, box: World, name: str) -> None:
        task = generated(box, "embed", name, "--json").record["task_id"]
        copy = box.cwd / f"copy-{name}"
        copy.write_bytes((box.cwd / name).read_bytes() + b"\0")
        assert box.run("status", copy.name, "--json").record["task_id"] == task

    def test_an_image_on_stdout_has_metadata_too(self, box: World, name: str) -> None:
        form = "png" if name.endswith("png") else "jpeg"
        ran = generated(box, "embed", "-", "--output-format", form)
        (box.cwd / name).write_bytes(ran.out)
        assert (read_metadata(box.cwd / name) or {})["prompt"] == PROMPT

    def test_download_writes_the_metadata_that_generate_requested(
        self, box: World, name: str
    ) -> None:
        """Though `download` has no such flag."""
        env = {"FLUXCLI_SANDBOX_FAULTS": "download:503x9999"}
        assert generated(box, "embed", name, env=env).status == 6
        assert box.run("download", "--unsaved").status == 0
        assert (read_metadata(box.cwd / name) or {})["prompt"] == PROMPT


class TestSidecar:
    def test_the_sidecar_describes_request_task_and_file(self, box: World) -> None:
        record = generated(box, "sidecar", "x.png", "--json").record
        found = json.loads((box.cwd / "x.png.json").read_text())
        assert found["prompt"] == PROMPT
        for name in ("task_id", "ref", "sha256", "bytes", "width", "height", "format"):
            assert found[name] == record[name]
        assert found["file"] == "x.png"
        assert found["fluxcli"]

    def test_the_setting_has_the_same_effect(self, box: World) -> None:
        box.run("config", "set", "metadata", "sidecar")
        box.run("generate", "a fox", "-o", "x.png")
        assert (box.cwd / "x.png.json").exists()
        box.run("generate", "a fox", "-o", "y.png", "--metadata", "none")
        assert not (box.cwd / "y.png.json").exists()

    def test_each_of_several_images_has_a_sidecar(self, box: World) -> None:
        generated(box, "sidecar", "x.png", "-n", "2")
        assert (box.cwd / "x-1.png.json").exists()
        assert (box.cwd / "x-2.png.json").exists()

    @pytest.mark.parametrize("flags", [(), ("--force",), ("--new",), ("--skip-existing",)])
    @pytest.mark.parametrize("text", ['{"mine": 1}', "not JSON", "", "[]"])
    def test_another_file_is_never_replaced(
        self, box: World, text: str, flags: tuple[str, ...]
    ) -> None:
        (box.cwd / "x.png.json").write_text(text)
        ran = generated(box, "sidecar", "x.png", *flags)
        assert ran.status == 2
        assert (box.cwd / "x.png.json").read_text() == text
        assert spent(box) == 0

    def test_another_file_that_appears_later_is_kept(self, box: World) -> None:
        env = {"FLUXCLI_SANDBOX_FAULTS": "download:503x9999"}
        generated(box, "sidecar", "x.png", env=env)
        (box.cwd / "x.png.json").write_text("mine")
        ran = generated(box, "sidecar", "x.png")
        assert ran.status == 0
        assert "the metadata was not written" in ran.err
        assert (box.cwd / "x.png.json").read_text() == "mine"

    def test_a_sidecar_is_replaced_with_its_image(self, box: World) -> None:
        generated(box, "sidecar", "x.png")
        first = json.loads((box.cwd / "x.png.json").read_text())
        assert generated(box, "sidecar", "x.png", "--force").status == 0
        second = json.loads((box.cwd / "x.png.json").read_text())
        assert first["task_id"] != second["task_id"]

    def test_a_rerun_writes_a_sidecar_that_a_crash_prevented(self, box: World) -> None:
        generated(box, "sidecar", "x.png")
        (box.cwd / "x.png.json").unlink()
        assert generated(box, "sidecar", "x.png").status == 0
        assert (box.cwd / "x.png.json").exists()
        assert spent(box) == 5

    def test_a_rerun_after_a_kill_before_the_sidecar_writes_it(self, box: World) -> None:
        generated(box, "sidecar", "x.png")
        (box.cwd / "x.png.json").unlink()
        with closing(sqlite3.connect(box.state / "journal.sqlite3")) as journal:
            # What the journal holds from the moment the image is in its place.
            journal.execute("UPDATE tasks SET state = 'succeeded'")
            journal.execute("UPDATE runs SET closed_at = NULL")
            journal.commit()
        assert box.run("download", "--unsaved").status == 0
        assert json.loads((box.cwd / "x.png.json").read_text())["prompt"] == PROMPT
        assert spent(box) == 5

    def test_status_finds_the_task_of_a_changed_image_by_its_sidecar(self, box: World) -> None:
        task = generated(box, "sidecar", "x.png", "--json").record["task_id"]
        Image.new("RGB", (8, 8)).save(box.cwd / "x.png")
        assert box.run("status", "x.png", "--json").record["task_id"] == task

    def test_a_sidecar_is_refused_for_stdout(self, box: World) -> None:
        assert generated(box, "sidecar", "-").status == 2
        box.run("config", "set", "metadata", "sidecar")
        assert box.run("generate", "a fox", "-o", "-").status == 0
        assert spent(box) == 5

    def test_a_name_too_long_for_a_sidecar_is_refused(self, box: World) -> None:
        assert generated(box, "sidecar", "x" * 249 + ".png").status == 2
        assert spent(box) == 0

    def test_images_of_prompt_lists_have_sidecars(self, box: World) -> None:
        (box.cwd / "l.txt").write_text("a fox\na dog\n")
        words = ("generate", "--prompts", "l.txt", "-o", "x.png", "--metadata", "sidecar")
        box.run(*words)
        (box.cwd / "x-2.png.json").unlink()
        box.run(*words)
        assert json.loads((box.cwd / "x-2.png.json").read_text())["prompt"] == "a dog"


@pytest.mark.parametrize("kind", ["exif", "yes", ""])
def test_an_unknown_kind_of_metadata_is_refused(box: World, kind: str) -> None:
    assert generated(box, kind, "x.png").status == 2


def test_metadata_does_not_make_another_command(box: World) -> None:
    task = box.run("generate", PROMPT, "-o", "x.png", "--no-wait").lines
    assert generated(box, "embed", "x.png", "--no-wait").lines == task


@pytest.mark.parametrize("form", ["png", "jpeg"])
@pytest.mark.parametrize("size", [1, 7, 40, 1 << 16])
def test_metadata_is_inserted_however_the_image_is_divided(
    form: str, size: int, tmp_path: Path
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(file, form)
    data = file.getvalue()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    record = {"fluxcli": "1", "prompt": "x" * 100_000, "task_id": "a"}
    path = tmp_path / "x"
    path.write_bytes(b"".join(embedded(pieces, form, record)))
    Image.open(path).load()
    assert (read_metadata(path) or {})["task_id"] == "a"


@pytest.mark.parametrize("form", ["png", "jpeg"])
@pytest.mark.parametrize("data", [b"", b"\xff", b"\x89PNG", b"\xff\xd8\xff\xe0\xff\xff"])
def test_data_that_is_no_image_is_not_changed(form: str, data: bytes) -> None:
    pieces = [data[at : at + 1] for at in range(len(data))]
    assert b"".join(embedded(pieces, form, {"fluxcli": "1"})) == data


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffiTXtfluxcli\0\1\0\0\0junk",
        b"\x89PNG\r\n\x1a\n\0\0\0\x10iTXtfluxcli\0\1\0\0\0junkabcd",
        b"\x89PNG\r\n\x1a\n\0\0\0\x0atEXtfluxcli\0{}abcd",
        b"\xff\xd8\xff\xe1\0\0\xff\xe1\0\1",
        b"",
        b"{" * 10_000,
    ],
)
def test_damaged_metadata_is_read_as_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    (tmp_path / "x.json").write_bytes(b"[" * 100_000)
    assert read_metadata(tmp_path / "x") is None
