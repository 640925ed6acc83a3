"""`generate --prompts`: an image for each line, paid once however the list changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.commands.balance import spent
from tests.worlds import SwiftClock

if TYPE_CHECKING:
    from tests.worlds import Ran, World

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 60


def written(box: World, *lines: str, name: str = "list.txt") -> str:
    """Write a prompt list; return its name."""
    (box.cwd / name).write_text("\n".join(lines) + "\n")
    return name


def made(box: World, *words: str, faults: str = "", name: str = "list.txt") -> Ran:
    """Make the images of the list."""
    env = {"FLUXCLI_SANDBOX_FAULTS": faults} if faults else {}
    return box.run("generate", "--prompts", name, *words, env=env)


def prompts_of_files(box: World) -> dict[str, str]:
    """Return the prompt of each saved image by its file name."""
    records = box.run("status", "--all", "--offline", "--json").records
    return {Path(one["path"]).name: one["prompt"] for one in records if one["path"]}


def plan(box: World, *words: str, name: str = "list.txt") -> list[dict[str, Any]]:
    """Return what a dry run reports for each line."""
    return box.run("generate", "--prompts", name, "--dry-run", "--json", *words).records


class TestRead:
    def test_blank_lines_and_comments_are_skipped(self, box: World) -> None:
        written(box, "", "# a comment", "a fox", "   ", "  # another", " a dog ", "\ta cat")
        assert [one["request"]["prompt"] for one in plan(box)] == ["a fox", "a dog", "a cat"]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_line_ends_of_every_system_are_understood(self, box: World, end: str) -> None:
        (box.cwd / "list.txt").write_bytes(f"\ufeffa fox{end}{end}a dog{end}".encode())
        assert [one["request"]["prompt"] for one in plan(box)] == ["a fox", "a dog"]

    def test_other_unicode_separators_do_not_end_a_line(self, box: World) -> None:
        written(box, "a fox\u2028on a hill\x0bat night")
        assert len(plan(box)) == 1

    def test_a_dash_reads_stdin(self, box: World) -> None:
        ran = box.run("generate", "--prompts", "-", "-o", "x.png", stdin=b"a fox\na dog\n")
        assert sorted(ran.lines) == [str(box.cwd / "x-1.png"), str(box.cwd / "x-2.png")]

    def test_json_lines_have_request_fields_and_an_output(self, box: World) -> None:
        written(
            box,
            json.dumps({"prompt": "a fox", "model": "max", "output": "out/fox.png"}),
            "# a comment",
            json.dumps({"prompt": "a dog", "aspect_ratio": "1:1", "prompt_upsampling": True}),
        )
        fox, dog = plan(box, "-m", "pro", "-a", "21:9")
        assert fox["outputs"] == [str(box.cwd / "out/fox.png")]
        assert (fox["request"]["model"], fox["request"]["output_format"]) == (
            "flux-kontext-max",
            "png",
        )
        assert (fox["request"]["aspect_ratio"], dog["request"]["aspect_ratio"]) == ("21:9", "1:1")
        assert dog["request"]["prompt_upsampling"] is True
        assert dog["request"]["model"] == "flux-kontext-pro"

    @pytest.mark.parametrize(
        ("lines", "named"),
        [
            (["a fox", '{"prompt": "a dog"}'], "list.txt:2"),
            (['{"prompt": "a fox"}', "a dog"], "list.txt:2"),
            (['{"prompt": "a fox"}', "", '{"prompt": "a dog"'], "list.txt:3"),
            (['[{"prompt": "a fox"}]'], "list.txt:1"),
            (["[", '{"prompt": "a fox"}', "]"], "list.txt:1"),
            (['{"model": "pro"}'], "list.txt:1"),
            (['{"prompt": 5}'], "list.txt:1"),
            (['{"prompt": " "}'], "list.txt:1"),
            (['{"prompt": "a", "prompt": "b"}'], "list.txt:1"),
            (['{"prompt": "a fox", "modell": "pro"}'], "list.txt:1"),
            (['{"prompt": "a fox"}', '{"prompt": "b", "model": "ultra"}'], "list.txt:2"),
            (['{"prompt": "a fox", "safety_tolerance": 9}'], "list.txt:1"),
            (['{"prompt": "a fox", "output": "x.tiff"}'], "list.txt:1"),
            (['{"prompt": "a fox", "output": 3}'], "list.txt:1"),
            (['{"prompt": "a fox", "output": "{nn}.png"}'], "list.txt:1"),
            (['{"prompt": "a", "output": "x.png", "output_format": "jpeg"}'], "list.txt:1"),
            (["a fox", "-"], "list.txt:2"),
            (["a fox\0"], "list.txt:1"),
        ],
    )
    def test_an_error_names_the_line_and_nothing_is_sent(
        self, box: World, lines: list[str], named: str
    ) -> None:
        written(box, *lines)
        ran = made(box)
        assert ran.status == 2
        assert f"`{named}`" in ran.err
        assert spent(box) == 0

    def test_all_wrong_lines_are_reported(self, box: World) -> None:
        written(box, '{"prompt": "a"}', *['{"prompt": "a", "model": "x"}'] * 2)
        err = made(box).err
        assert "list.txt:2" in err
        assert "list.txt:3" in err

    def test_an_invalid_flag_is_reported_once_without_a_line(self, box: World) -> None:
        written(box, "a fox", "a dog")
        err = made(box, "-m", "ultra").err
        assert err.count("ultra") == 1
        assert "list.txt:" not in err

    @pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
    def test_a_list_without_a_prompt_is_an_error(self, box: World, text: str) -> None:
        (box.cwd / "list.txt").write_text(text)
        assert made(box).status == 2

    @pytest.mark.parametrize("data", [None, b"\xff\xfea\x00", b"\xe9t\xe9\n"])
    def test_invalid_text_is_an_error(self, box: World, data: bytes | None) -> None:
        if data is not None:
            (box.cwd / "list.txt").write_bytes(data)
        assert made(box).status == 2

    @pytest.mark.parametrize(
        "words",
        [
            ("a fox",),
            ("-p", "a fox"),
            ("--prompt-file", "list.txt"),
            ("--save-as", "fox"),
            ("-o", "-"),
            ("-n", "0"),
            ("-n", "101"),
        ],
    )
    def test_flags_that_do_not_go_with_a_list_are_refused(
        self, box: World, words: tuple[str, ...]
    ) -> None:
        written(box, "a dog")
        assert made(box, *words).status == 2
        assert spent(box) == 0

    def test_a_line_that_names_an_image_is_refused(self, box: World) -> None:
        (box.cwd / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        written(box, "a fox", "cat.png")
        ran = made(box)
        assert ran.status == 2
        assert "`list.txt:2`" in ran.err


class TestOutput:
    def test_a_fixed_output_is_numbered_even_for_one_line(self, box: World) -> None:
        written(box, "a fox")
        assert made(box, "-o", "x.png").lines == [str(box.cwd / "x-1.png")]

    @pytest.mark.parametrize("output", ["{date}.{ext}", "a/{model}.png", "{ratio}"])
    def test_a_template_without_distinguishing_fields_is_numbered(
        self, box: World, output: str
    ) -> None:
        written(box, "a fox", "a dog")
        assert len({one["outputs"][0] for one in plan(box, "-o", output)}) == 2

    def test_names_with_the_prompt_are_not_numbered(self, box: World) -> None:
        written(box, "a fox", "a dog")
        outputs = [one["outputs"][0] for one in plan(box, "-o", "{prompt}.png")]
        assert outputs == [str(box.cwd / "a-fox.png"), str(box.cwd / "a-dog.png")]

    @pytest.mark.parametrize(
        "lines",
        [
            ["a fox", "A fox!"],
            ['{"prompt":"a","output":"x.png"}', '{"prompt":"b","output":"./x.png"}'],
        ],
    )
    def test_two_lines_with_one_output_are_refused(self, box: World, lines: list[str]) -> None:
        written(box, *lines)
        ran = made(box, "-o", "{prompt}.png")
        assert ran.status == 2
        assert "list.txt:1" in ran.err
        assert "list.txt:2" in ran.err

    def test_one_output_cannot_hold_several_images_of_a_line(self, box: World) -> None:
        written(box, '{"prompt": "a", "output": "x.png"}')
        assert made(box, "-n", "2").status == 2

    def test_progress_has_the_numbers_of_the_names(self, box: World) -> None:
        written(box, "a fox", "a dog", "a cat")
        ran = made(box, "-o", "x.png", faults="submit:402@2")
        failed = next(line for line in ran.err.splitlines() if line.startswith("error"))
        number = failed.split(":")[1].strip()
        assert f"{box.cwd}/x-{number}.png" not in ran.lines
        assert "list.txt:" in failed

    def test_an_existing_file_is_refused_before_anything_is_paid(self, box: World) -> None:
        (box.cwd / "x-2.png").write_bytes(b"mine")
        written(box, "a fox", "a dog")
        ran = made(box, "-o", "x.png")
        assert ran.status == 2
        assert "`list.txt:2`" in ran.err
        assert spent(box) == 0

    def test_several_images_of_each_line_can_be_made(self, box: World) -> None:
        written(box, "a fox", "a dog")
        assert len(made(box, "-o", "x.png", "-n", "2").lines) == 4
        assert len(made(box, "-o", "x.png", "-n", "3").lines) == 6
        assert spent(box) == 30


class TestRerun:
    """Each line is paid for once, however the first run ended and the list was changed."""

    @pytest.mark.parametrize("output", [(), ("-o", "x.png"), ("-o", "{id}.png"), ("-o", "{n}.jpg")])
    def test_a_finished_list_costs_nothing_again(self, box: World, output: tuple[str, ...]) -> None:
        written(box, "a fox", "a dog", "a fox")
        first = made(box, *output)
        again = made(box, *output)
        assert again.status == 0
        assert sorted(again.lines) == sorted(first.lines)
        assert "already made; --new makes others" in again.err
        assert spent(box) == 15

    @pytest.mark.parametrize("output", [(), ("-o", "x.png"), ("-o", "{prompt}.png")])
    @pytest.mark.parametrize(
        ("faults", "status"),
        [("submit:402@2", 9), ("download:503x9999", 6), ("poll:500x9999", 4)],
    )
    def test_a_rerun_makes_only_what_is_missing(
        self, box: World, output: tuple[str, ...], faults: str, status: int
    ) -> None:
        written(box, "a fox", "a dog", "a cat")
        assert made(box, *output, faults=faults).status == status
        ran = made(box, *output)
        assert (ran.status, len(set(ran.lines))) == (0, 3)
        assert spent(box) == 15

    @pytest.mark.parametrize("output", [(), ("-o", "x.png")])
    @pytest.mark.parametrize("faults", ["", "poll:500x9999", "submit:402@2"])
    def test_lines_may_be_added_removed_and_moved(
        self, box: World, output: tuple[str, ...], faults: str
    ) -> None:
        written(box, "a fox", "a dog", "a cat")
        made(box, *output, faults=faults)
        written(box, "a bird", "a cat", "# a dog", "a fox", "a dog", "an ox")
        assert made(box, *output).status == 0
        written(box, "a dog", "a bird")
        assert made(box, *output).status == 0
        assert sorted(prompts_of_files(box).values()) == sorted(
            ["a fox", "a dog", "a cat", "a bird", "an ox"]
        )
        assert spent(box) == 25

    def test_an_image_keeps_its_number_when_a_line_is_added_above_it(self, box: World) -> None:
        written(box, "a fox", "a dog")
        made(box, "-o", "x.png")
        written(box, "a cat", "a fox", "a dog")
        made(box, "-o", "x.png")
        assert prompts_of_files(box) == {"x-1.png": "a fox", "x-2.png": "a dog", "x-3.png": "a cat"}

    def test_a_number_of_a_removed_line_is_not_used_again(self, box: World) -> None:
        written(box, "a fox", "a dog")
        made(box, "-o", "x.png")
        written(box, "a cat", "a dog")
        assert made(box, "-o", "x.png").status == 0
        assert prompts_of_files(box) == {"x-1.png": "a fox", "x-2.png": "a dog", "x-3.png": "a cat"}

    def test_equal_lines_are_separate_images(self, box: World) -> None:
        written(box, "a fox", "a fox")
        assert len(set(made(box, "-o", "x.png").lines)) == 2
        written(box, "a fox", "a fox", "a fox")
        assert len(set(made(box, "-o", "x.png").lines)) == 3
        assert spent(box) == 15

    def test_a_renamed_list_is_the_same_list(self, box: World) -> None:
        written(box, "a fox", "a dog")
        made(box, "-o", "x.png")
        lines = '{"prompt": "a fox"}\n{"prompt": "a dog"}\n'
        ran = box.run("generate", "--prompts", "-", "-o", "./x.png", stdin=lines.encode())
        assert ran.status == 0
        assert spent(box) == 10

    def test_a_line_with_an_output_is_the_same_command_as_generate_with_it(
        self, box: World
    ) -> None:
        box.run("generate", "a fox", "-o", "fox.png")
        written(box, json.dumps({"prompt": "a fox", "output": "fox.png"}))
        assert made(box).status == 0
        assert spent(box) == 5

    def test_an_image_that_was_removed_is_made_again(self, box: World) -> None:
        written(box, "a fox", "a dog")
        made(box, "-o", "x.png")
        (box.cwd / "x-2.png").unlink()
        assert made(box, "-o", "x.png").lines == [
            str(box.cwd / "x-1.png"),
            str(box.cwd / "x-2.png"),
        ]
        assert spent(box) == 15

    def test_an_image_removed_before_the_list_is_complete_is_downloaded_again(
        self, box: World
    ) -> None:
        written(box, "a fox", "a dog", "a cat")
        lines = made(box, "-o", "x.png", faults="submit:402@2").lines
        Path(lines[0]).unlink()
        assert made(box, "-o", "x.png").status == 0
        assert len(list(box.cwd.glob("x-*.png"))) == 3
        assert spent(box) == 15

    def test_new_makes_all_images_again_beside_the_others(self, box: World) -> None:
        written(box, "a fox", "a dog")
        made(box, "-o", "x.png")
        ran = made(box, "-o", "x.png", "--new")
        assert sorted(ran.lines) == [str(box.cwd / "x-3.png"), str(box.cwd / "x-4.png")]
        assert spent(box) == 20

    def test_an_unknown_submission_is_not_sent_again(self, box: World) -> None:
        written(box, "a fox", "a dog")
        assert made(box, "-o", "x.png", faults="submit:reset@1").status == 11
        assert made(box, "-o", "x.png").status == 11
        assert spent(box) <= 10

    def test_no_wait_prints_the_ids_and_a_rerun_prints_the_same(self, box: World) -> None:
        written(box, "a fox", "a dog")
        ids = made(box, "--no-wait").lines
        assert sorted(made(box, "--no-wait").lines) == sorted(ids)
        assert made(box).status == 0
        assert spent(box) == 10

    def test_another_folder_is_another_list(self, box: World) -> None:
        written(box, "a fox")
        made(box, "-o", "a/")
        made(box, "-o", "b/")
        assert spent(box) == 10


class TestConsent:
    def test_consent_is_asked_for_once_for_the_whole_list(self, box: World) -> None:
        written(box, *(f"fox {n}" for n in range(21)))
        ran = made(box, "--no-input")
        assert (ran.status, spent(box)) == (7, 0)
        assert "105" in ran.err

    def test_the_cap_counts_missing_images_only(self, box: World) -> None:
        written(box, "a fox", "a dog")
        made(box, "-o", "x.png")
        written(box, "a fox", "a dog", "a cat")
        assert made(box, "-o", "x.png", "--max-credits", "4").status == 7
        assert made(box, "-o", "x.png", "--max-credits", "5").status == 0

    def test_prices_of_different_models_add_up(self, box: World) -> None:
        written(box, '{"prompt": "a", "model": "max"}', '{"prompt": "b"}')
        assert made(box, "--max-credits", "14").status == 7
        assert made(box, "--max-credits", "15").status == 0

    def test_a_dry_run_needs_no_key_and_counts_missing_images(self, world: World) -> None:
        del world.env["FLUXCLI_API_KEY"]
        written(world, "a fox", "a dog")
        out = world.run("generate", "--prompts", "list.txt", "--dry-run").out.decode()
        assert "unpaid              2" in out
        assert "estimated_credits   10" in out


@pytest.mark.parametrize("accepted", [1, 3])
@pytest.mark.parametrize("output", [(), ("-o", "x.png")])
def test_a_killed_list_is_resumed(box: World, accepted: int, output: tuple[str, ...]) -> None:
    written(box, "a fox", "a dog", "a cat", "a bird")
    env = box.env | {"PYTHONPATH": str(ROOT), "FLUXCLI_SANDBOX_SECONDS": "600"}
    command = [sys.executable, "-m", "fluxcli", "generate", "--prompts", "list.txt", *output]
    process = subprocess.Popen(
        command,
        cwd=box.cwd,
        env={**env, "PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    seen = 0
    for line in process.stderr:
        seen += " accepted" in line
        if seen == accepted:
            break
    process.kill()
    process.wait(SECONDS)
    process.stderr.close()
    # The time of the killed process goes on.
    box.clock = SwiftClock(time.time())
    before = spent(box)
    quick = {"FLUXCLI_SANDBOX_SECONDS": "600"}
    ran = box.run("generate", "--prompts", "list.txt", *output, "--timeout", "1h", env=quick)
    # A submission that was under way when it was killed is unknown, and is not sent again.
    unknown = ran.err.count("it is not known whether")
    assert ran.status == (11 if unknown else 0)
    assert len(set(ran.lines)) == 4 - unknown
    assert max(before, 5 * (4 - unknown)) <= spent(box) <= 20
