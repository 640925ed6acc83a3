"""`fluxcli generate`: makes an image from a prompt and prints its path."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.worlds import World


pytestmark = pytest.mark.usefixtures("wire_format")
"""Everything here holds in both wire formats."""


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture.size


class TestOutput:
    def test_stdout_is_the_path_and_nothing_else(self, box: World) -> None:
        """`out=$(fluxcli generate …)` works with any prompt and name."""
        ran = box.run("generate", "a [cat] on a [/open] mat", "-o", "cat.png")
        assert (ran.status, ran.out.decode()) == (0, f"{box.cwd / 'cat.png'}\n")
        assert size_of((box.cwd / "cat.png").read_bytes()) == (1360, 768)

    def test_stderr_has_the_id_as_soon_as_it_exists(self, box: World) -> None:
        ran = box.run("generate", "a fox", "--json")
        lines = ran.err.splitlines()
        assert f"task {ran.record['task_id']} accepted" in lines
        assert lines.index("submitting") < lines.index(f"task {ran.record['task_id']} accepted")
        assert lines[-1].startswith("saved after ")

    def test_the_default_name_is_made_of_prompt_and_id(self, box: World) -> None:
        ran = box.run("generate", "A red fox, at dawn!", "--json")
        record = ran.record
        assert record["path"] == f"{box.cwd}/a-red-fox-at-dawn-{record['task_id']}.jpg"

    def test_quiet_prints_nothing_on_stderr(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-o", "fox.jpg", "-q")
        assert (ran.status, ran.err) == (0, "")
        assert ran.lines == [str(box.cwd / "fox.jpg")]

    def test_verbose_prints_the_origin_of_each_value(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-v", "-m", "max", env={"FLUXCLI_WATERMARK": "ACME"})
        assert "generate.model: flux-kontext-max (--model)" in ran.err
        assert "generate.watermark: ACME (FLUXCLI_WATERMARK)" in ran.err
        assert "generate.aspect_ratio: 16:9 (default)" in ran.err

    def test_a_long_wait_gives_progress_lines(self, box: World) -> None:
        """One every 30 seconds at most, on stderr."""
        ran = box.run("generate", "a fox", "-o", "fox.jpg", env={"FLUXCLI_SANDBOX_SECONDS": "120"})
        beats = [line for line in ran.err.splitlines() if line.startswith("still working")]
        assert 1 <= len(beats) <= 5

    def test_debug_traces_http_without_the_key(self, box: World, wire_format: str) -> None:
        paths = {"kontext": "flux/kontext/generate", "jobs": "jobs/createTask"}
        ran = box.run("generate", "a fox", "--debug")
        path = f"api/v1/{paths[wire_format]}"
        assert f"debug: > POST https://api.sandbox.invalid/{path}" in ran.err
        assert "Bearer" not in ran.err


class TestJson:
    def test_json_prints_the_record(self, box: World, wire_format: str) -> None:
        ran = box.run("generate", "a fox", "-o", "fox.png", "-a", "1:1", "-m", "max", "--json")
        record = ran.record
        data = (box.cwd / "fox.png").read_bytes()
        width, height = size_of(data)
        expected = {
            "state": "saved",
            "mode": "generate",
            "model": "flux-kontext-max",
            "prompt": "a fox",
            "aspect_ratio": "1:1",
            "output_format": "png",
            "format": "png",
            "input": None,
            "credits": 10.0 if wire_format == "jobs" else None,
            "path": str(box.cwd / "fox.png"),
            "bytes": len(data),
            "width": width,
            "height": height,
            "sha256": hashlib.sha256(data).hexdigest(),
            "created_at": "2026-11-22T10:00:00Z",
            "estimated_credits": 10,
            "sandbox": True,
        }
        assert record | expected == record
        assert 6 <= record["seconds"] <= 10
        assert record["seconds"] == round(record["seconds"], 3)

    def test_several_images_are_one_object_a_line(self, box: World) -> None:
        ran = box.run("generate", "a fox", "-n", "3", "--json", "-o", "f/")
        assert ran.status == 0
        assert len({record["sha256"] for record in ran.records}) == 3
        assert all((box.cwd / "f" / str(record["path"])).exists() for record in ran.records)

    def test_an_error_is_an_object_on_stdout(self, box: World) -> None:
        ran = box.run("generate", "a [moderated] fox", "--json")
        error = ran.record["error"]
        assert ran.status == 8
        assert error["code"] == "moderated"
        assert error["task_id"] in ran.err
        assert error["ref"]
        assert "error: the content policy stopped the image" in ran.err


class TestRequest:
    def requested(self, box: World, *flags: str) -> dict[str, object]:
        """Return the request that a dry run reports."""
        found = box.run("generate", "a fox", "--dry-run", "--json", *flags).record["request"]
        assert isinstance(found, dict)
        return found

    def test_the_defaults_of_a_request(self, box: World) -> None:
        assert self.requested(box) == {
            "mode": "generate",
            "prompt": "a fox",
            "model": "flux-kontext-pro",
            "aspect_ratio": "16:9",
            "output_format": "jpeg",
            "safety_tolerance": 2,
            "prompt_upsampling": False,
            "enable_translation": True,
            "upload_cn": False,
            "watermark": None,
            "callback_url": None,
            "input_image": None,
        }

    @pytest.mark.parametrize(
        ("flags", "name", "value"),
        [
            ("-m max", "model", "flux-kontext-max"),
            ("--model flux-kontext-pro", "model", "flux-kontext-pro"),
            ("-a 9:16", "aspect_ratio", "9:16"),
            ("--aspect-ratio=21:9", "aspect_ratio", "21:9"),
            ("--output-format jpg", "output_format", "jpeg"),
            ("--output-format png", "output_format", "png"),
            ("-o x.jpg", "output_format", "jpeg"),
            ("-o x.PNG", "output_format", "png"),
            ("-o {prompt}.png", "output_format", "png"),
            ("--safety-tolerance 6", "safety_tolerance", 6),
            ("--safety-tolerance 0", "safety_tolerance", 0),
            ("--prompt-upsampling", "prompt_upsampling", True),
            ("--no-prompt-upsampling", "prompt_upsampling", False),
            ("--no-enable-translation", "enable_translation", False),
            ("--upload-cn", "upload_cn", True),
            ("--no-upload-cn", "upload_cn", False),
            ("--watermark ACME", "watermark", "ACME"),
            ("--callback-url https://example.com/hook", "callback_url", "https://example.com/hook"),
        ],
    )
    def test_every_flag_sets_its_field(
        self, box: World, flags: str, name: str, value: object
    ) -> None:
        assert self.requested(box, *flags.split())[name] == value

    def test_a_flag_overrides_the_environment(self, box: World) -> None:
        box.env["FLUXCLI_UPLOAD_CN"] = "1"
        assert self.requested(box)["upload_cn"] is True
        assert self.requested(box, "--no-upload-cn")["upload_cn"] is False

    def test_the_ending_of_the_output_overrides_the_format_setting(self, box: World) -> None:
        box.env["FLUXCLI_OUTPUT_FORMAT"] = "png"
        assert self.requested(box)["output_format"] == "png"
        assert self.requested(box, "-o", "x.jpg")["output_format"] == "jpeg"

    @pytest.mark.parametrize(
        ("ratio", "size"),
        [
            ("21:9", (1568, 672)),
            ("16:9", (1360, 768)),
            ("4:3", (1184, 880)),
            ("1:1", (1024, 1024)),
            ("3:4", (880, 1184)),
            ("9:16", (768, 1360)),
        ],
    )
    def test_the_image_has_the_requested_ratio(
        self, box: World, ratio: str, size: tuple[int, int]
    ) -> None:
        record = box.run("generate", "a fox", "-a", ratio, "--json").record
        wide, high = (int(part) for part in ratio.split(":"))
        assert (record["width"], record["height"]) == pytest.approx(size, rel=0.1)
        assert record["width"] / record["height"] == pytest.approx(wide / high, rel=0.03)


class TestPrompt:
    def test_the_prompt_can_come_from_a_file(self, box: World) -> None:
        (box.cwd / "p.txt").write_bytes("\ufeffein Fuchs — 狐\n".encode())
        record = box.run("generate", "--prompt-file", "p.txt", "--json").record
        assert record["prompt"] == "ein Fuchs — 狐"

    @pytest.mark.parametrize("words", [("-",), ("--prompt-file", "-")])
    def test_the_prompt_can_come_from_stdin(self, box: World, words: tuple[str, ...]) -> None:
        record = box.run("generate", *words, "--json", stdin=b"a fox\r\n").record
        assert record["prompt"] == "a fox"

    def test_a_prompt_that_begins_with_a_dash_needs_the_flag(self, box: World) -> None:
        assert box.run("generate", "--json", "--", "--a fox").status == 2
        ran = box.run("generate", "--json", "-p", "--a fox")
        assert ran.record["prompt"] == "--a fox"

    @pytest.mark.parametrize(
        ("words", "stdin", "message"),
        [
            ((), b"", "there is no prompt"),
            (("a", "--prompt-file", "p.txt"), b"", "give one of them"),
            (("  ",), b"", "the prompt is empty"),
            (("-",), b"\n", "the prompt is empty"),
            (("-",), b"\xff\xfe", "utf-8"),
            (("a\0b",), b"", "contains a zero byte"),
            (("a\udcffb",), b"", "is not UTF-8 text"),
            (("--prompt-file", "none.txt"), b"", "no such file"),
            (("--prompt-file", "."), b"", "is a directory"),
            (("--prompt-file", "latin.txt"), b"", "is not UTF-8 text"),
            (("--prompt-file", "long.txt"), b"", "is over 1 MB"),
        ],
    )
    def test_an_empty_or_missing_prompt_is_an_error(
        self, box: World, words: tuple[str, ...], stdin: bytes, message: str
    ) -> None:
        (box.cwd / "p.txt").write_text("a fox")
        (box.cwd / "latin.txt").write_bytes(b"caf\xe9")
        (box.cwd / "long.txt").write_bytes(b"x" * (1 << 20 | 1))
        ran = box.run("generate", *words, stdin=stdin)
        assert ran.status == 2
        assert message.lower() in ran.err.lower()
        assert not box.state.exists()


@pytest.mark.parametrize("count", [1, 3])
def test_the_sandbox_prints_once_that_its_images_are_placeholders(box: World, count: int) -> None:
    ran = box.run("generate", "a fox", "-n", str(count))
    assert ran.err.count("sandbox: images are stand-ins, and nothing was charged") == 1
    assert "stand-in" not in box.run("generate", "a fox", "-q").err
