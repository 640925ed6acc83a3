"""What scripts rely on, spelled out by hand: fields, statuses, codes, flags.

A change here is a change that users see; nothing may be taken away.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from fluxcli.errors import TABLE, Code, FluxError, Status, overall
from fluxcli.task_types import State

if TYPE_CHECKING:
    from tests.worlds import World

README: Final = Path(__file__).parents[1] / "README.md"

PICTURE: Final = {
    "task_id": "str",
    "ref": "str",
    "state": "str",
    "mode": "str",
    "model": "str",
    "prompt": "str",
    "aspect_ratio": "str",
    "output_format": "str",
    "path": "str",
    "url": "str",
    "bytes": "int",
    "width": "int",
    "height": "int",
    "sha256": "str",
    "created_at": "str",
    "completed_at": "str",
    "seconds": "float",
    "estimated_credits": "int",
    "sandbox": "bool",
    "format": "str",
    "input": "NoneType",
    "credits": "NoneType",
}
"""The fields of an image, and the types of their values for one that `generate` has saved."""

STATUS_OF_CODE: Final = {
    "usage": 2,
    "invalid_request": 2,
    "input_unreadable": 2,
    "would_overwrite": 2,
    "output_unwritable": 2,
    "binary_to_terminal": 2,
    "config_invalid": 2,
    "manifest_invalid": 2,
    "lock_invalid": 2,
    "environment_invalid": 2,
    "auth_missing_key": 3,
    "auth_refused": 3,
    "callback_refused": 3,
    "timed_out": 4,
    "network": 5,
    "service_error": 5,
    "edge_blocked": 5,
    "maintenance": 5,
    "rate_limited": 5,
    "feature_disabled": 5,
    "busy": 5,
    "download_failed": 6,
    "not_an_image": 6,
    "disk": 6,
    "credits_insufficient": 7,
    "key_cap_reached": 7,
    "over_budget": 7,
    "no_consent": 7,
    "rejected": 8,
    "moderated": 8,
    "generation_failed": 8,
    "task_not_found": 8,
    "expired": 8,
    "unacceptable": 8,
    "partial": 9,
    "drift": 10,
    "outcome_unknown": 11,
    "journal": 1,
    "stdout_unwritable": 1,
    "no_resources": 1,
    "internal": 1,
    "interrupted": 130,
}

COMMON: Final = "--json -q --quiet -v --verbose --sandbox --color --no-input --debug -h --help"
PICTURES: Final = (
    "--prompt-file -m --model -a --aspect-ratio --output-format --safety-tolerance"
    " --prompt-upsampling --no-prompt-upsampling --enable-translation --no-enable-translation"
    " --upload-cn --no-upload-cn --watermark --callback-url -o --output -f --force"
    " --skip-existing -n --count --no-wait --timeout --interval --new -y --yes --max-credits"
    " --dry-run --preview --open"
)
FLAGS: Final = {
    "": "--version",
    "generate": PICTURES,
    "edit": PICTURES,
    "status": "--wait --limit --all --search --since --state --html --offline --settle"
    " --timeout --interval",
    "download": "--unsaved -o --output -f --force --skip-existing --timeout --interval"
    " --preview --open",
    "credits": "--since",
    "sandbox": "--port --seconds --fault --print-env",
    "callback verify": "--body --header --max-age",
    "callback listen": "--port --path --save -o --output --max-age",
    "config": "",
    "config set": "",
    "config check": "",
}


class TestJson:
    def test_an_image_s_fields_in_their_order(self, world: World) -> None:
        """Of every command that prints images; fields are only added, at the end."""
        for words in (
            ["generate", "a fox", "-o", "fox.jpg", "--no-wait"],
            ["status"],
            ["status", "@last", "--wait"],
            ["download", "@last"],
            ["edit", "@last", "night"],
        ):
            record = world.run(*words, "--sandbox", "--json").records[0]
            assert list(record)[: len(PICTURE)] == list(PICTURE), words

    def test_the_types_of_a_saved_image(self, world: World) -> None:
        record = world.run("generate", "a fox", "--sandbox", "--json").record
        kinds = {name: type(value).__name__ for name, value in record.items()}
        assert kinds == PICTURE

    def test_what_is_absent_is_null(self, world: World) -> None:
        record = world.run("generate", "a fox", "--sandbox", "--json", "--no-wait").record
        absent = {name for name, value in record.items() if value is None}
        assert absent >= {
            *("path", "url", "bytes", "width", "height", "sha256", "completed_at", "seconds"),
            *("format", "input", "credits"),
        }

    def test_times_are_iso_in_utc(self, world: World) -> None:
        record = world.run("generate", "a fox", "--sandbox", "--json").record
        for name in ("created_at", "completed_at"):
            assert re.fullmatch(r"2026-11-22T10:\d\d:\d\dZ", record[name])

    def test_a_failure_s_fields(self, world: World) -> None:
        record = world.run("bogus", "--json").record
        assert list(record) == ["error"]
        assert list(record["error"])[:6] == [
            "code",
            "message",
            "hint",
            "retryable",
            "task_id",
            "ref",
        ]

    def test_the_words_for_states(self) -> None:
        states = ["sending", "running", "succeeded", "saved", "failed", "refused", "unknown"]
        assert [state.value for state in State] == states

    def test_one_object_a_line_of_plain_ascii(self, world: World) -> None:
        ran = world.run("generate", "ein Fuchs — 狐\n\x1b[1m", "--sandbox", "--json", "-n", "2")
        assert ran.out.isascii()
        assert b"\x1b" not in ran.out
        assert [record["prompt"] for record in ran.records] == ["ein Fuchs — 狐\n\x1b[1m"] * 2


class TestCodes:
    @pytest.mark.parametrize(("code", "status"), STATUS_OF_CODE.items())
    def test_each_has_its_status(self, code: str, status: int) -> None:
        assert FluxError(Code(code), "x").status == status

    def test_each_is_in_the_table(self) -> None:
        assert set(TABLE) == set(Code)

    def test_each_is_listed_here(self) -> None:
        assert set(STATUS_OF_CODE) == {code.value for code in Code}

    def test_the_statuses(self) -> None:
        assert {status.name: status.value for status in Status} == {
            "DONE": 0,
            "FAILURE": 1,
            "USAGE": 2,
            "KEY": 3,
            "WAITING": 4,
            "TRY_AGAIN": 5,
            "UNSAVED": 6,
            "CREDITS": 7,
            "REFUSED": 8,
            "PARTIAL": 9,
            "DRIFT": 10,
            "UNKNOWN": 11,
        }

    @pytest.mark.parametrize(
        ("codes", "done", "status"),
        [
            ([], 3, 0),
            ([], 0, 0),
            ([Code.NETWORK], 0, 5),
            ([Code.NETWORK, Code.MAINTENANCE], 0, 5),
            ([Code.NETWORK, Code.MODERATED], 0, 9),
            ([Code.NETWORK], 1, 9),
            ([Code.OUTCOME_UNKNOWN], 2, 11),
            ([Code.OUTCOME_UNKNOWN, Code.MODERATED], 0, 11),
            ([Code.TIMED_OUT], 2, 4),
            ([Code.TIMED_OUT, Code.DISK], 1, 6),
            ([Code.DISK, Code.TIMED_OUT, Code.MODERATED], 1, 9),
        ],
    )
    def test_several_together(self, codes: list[Code], done: int, status: int) -> None:
        """11 if any is unknown, else 9 if any was refused or failed, else 6, else 4."""
        assert overall([FluxError(code, "x") for code in codes], done=done) == status


class TestHelp:
    @pytest.mark.parametrize("command", FLAGS)
    def test_it_fits_a_narrow_terminal(self, world: World, command: str) -> None:
        ran = world.run(*command.split(), "--help", env={"COLUMNS": "80"})
        assert ran.status == 0
        assert [line for line in ran.lines if len(line) > 80] == []

    @pytest.mark.parametrize(("command", "flags"), FLAGS.items())
    def test_it_names_every_flag(self, world: World, command: str, flags: str) -> None:
        text = world.run(*command.split(), "--help").out.decode()
        result = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))
        common = set(COMMON.split()) if "version" not in flags else {"--json", "--sandbox"}
        assert set(flags.split()) | common <= result

    def test_brackets_are_not_swallowed(self, world: World) -> None:
        """A help text is not markup."""
        assert "[15m]" in world.run("generate", "--help").out.decode()
