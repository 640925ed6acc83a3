"""Every document that `--json` prints is valid by its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from fluxcli.output.json_schemas import SCHEMAS

if TYPE_CHECKING:
    from tests.worlds import World


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_valid(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("image", ["generate", "a fox", "-o", "fox.jpg"]),
        ("image", ["status", "@last"]),
        ("error", ["generate", "a fox", "-o", "a.gif"]),
        ("error", ["status", "c4"]),
        ("dry_run", ["edit", "old.jpg", "night", "-n", "2", "--dry-run"]),
        ("credits", ["credits"]),
        ("credits", ["credits", "--since", "7d"]),
    ],
)
def test_documents_are_valid_by_their_schema(world: World, name: str, arguments: list[str]) -> None:
    world.env["FLUXCLI_SANDBOX"] = "1"
    world.run("generate", "an old fox", "-o", "old.jpg")
    record = world.run(*arguments, "--json").records[0]
    Draft202012Validator(SCHEMAS[name]).validate(record)
    if name == "image":
        assert set(record) == set(SCHEMAS[name]["properties"])


def test_a_dry_run_prints_its_input_and_one_path_a_line(world: World) -> None:
    world.env["FLUXCLI_SANDBOX"] = "1"
    world.run("generate", "an old fox", "-o", "old.jpg")
    ran = world.run("edit", "old.jpg", "night", "-n", "3", "-o", "new.jpg", "--dry-run")
    lines = [line.split() for line in ran.lines]
    assert ["input", str(world.cwd / "old.jpg")] in [line[:2] for line in lines]
    paths = [line[-1] for line in lines if line[-1].endswith(".jpg")]
    assert paths == [str(world.cwd / f"new-{number}.jpg") for number in (1, 2, 3)]
