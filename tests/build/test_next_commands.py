"""Every command that a build names next runs unchanged: file, quotes and sandbox included."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.picture import write_png

if TYPE_CHECKING:
    from tests.worlds import Ran, World

FILE = "my images.toml"
MANIFEST = """\
version = 1
[defaults]
output_format = "png"
[assets.icon]
prompt = "A {what} icon"
matrix = { what = ["mail & co", "phone"] }
tags = ["landing"]
"""
MAIL = "icon[mail & co]"


@pytest.fixture(autouse=True)
def _project(world: World) -> None:
    (world.cwd / FILE).write_text(MANIFEST)


def _run(world: World, command: str) -> Ran:
    """Run the first command of a hint as a shell would."""
    first = re.split(r", or |  \(|, then ", command)[0]
    program, *words = shlex.split(first)
    assert program == "fluxcli"
    return world.run(*words)


def _hint(ran: Ran) -> str:
    (hint,) = (line for line in ran.err.splitlines() if line.startswith("hint: "))
    return hint.removeprefix("hint: ")


def _step(world: World) -> tuple[str, str]:
    """Return what is to be done to the first asset, and the command that the plan names."""
    plan = world.run("build", FILE, "--plan", "--json", "--sandbox").record["assets"]
    return plan[0]["action"], plan[0]["next"]


@pytest.mark.parametrize(
    "chosen", [(), (MAIL,), ("--tag", "landing"), ("--reroll", MAIL, "--no-children"), ("-f",)]
)
def test_consent_names_the_same_command_with_yes(world: World, chosen: tuple[str, ...]) -> None:
    refused = world.run("build", FILE, *chosen, "--sandbox")
    assert refused.status == 7
    made = _run(world, _hint(refused))
    assert (made.status, len(made.lines)) == (0, 1 if MAIL in chosen else 2)


def test_a_check_names_the_build(world: World) -> None:
    checked = world.run("build", FILE, MAIL, "--check", "--sandbox")
    asked = _run(world, _hint(checked))
    assert asked.status == 7
    assert _run(world, _hint(asked)).status == 0
    assert world.run("build", FILE, MAIL, "--check", "--sandbox").status == 0


@pytest.mark.parametrize("number", [0, 1], ids=["kept", "replaced"])
def test_an_edited_file_is_kept_or_replaced(world: World, number: int) -> None:
    made = world.run("build", FILE, "--yes", "--sandbox")
    (image,) = (Path(line) for line in made.lines if "mail" in line)
    write_png(image, 4_000)
    action, commands = _step(world)
    assert action == "edited"
    done = _run(world, commands.split(", or ")[number])
    assert done.status == 0, "replacing collects the paid task again"
    assert _step(world)[0] == "up_to_date"


def test_an_orphan_is_pruned(world: World) -> None:
    world.run("build", FILE, "--yes", "--sandbox")
    (world.cwd / FILE).write_text(MANIFEST.replace('"mail & co", ', ""))
    plan = world.run("build", FILE, "--plan", "--json", "--sandbox").record["assets"]
    asked = _run(world, plan[-1]["next"])
    assert asked.status == 7
    assert len(_run(world, _hint(asked)).lines) == 1


def test_candidates_name_the_choice(world: World) -> None:
    made = world.run("build", FILE, MAIL, "--candidates", "2", "--yes", "--sandbox")
    assert _run(world, _hint(made)).status == 0


def test_a_missing_manifest_names_how_to_make_it(world: World) -> None:
    ran = world.run("build", "other name.toml", "--plan")
    assert _run(world, _hint(ran)).status == 0
    assert (world.cwd / "other name.toml").is_file()


def test_the_default_manifest_is_not_named(world: World) -> None:
    (world.cwd / FILE).rename(world.cwd / "assets.toml")
    assert _hint(world.run("build", "--check")) == "fluxcli build"
    assert _hint(world.run("build", "assets.toml", "--check")) == "fluxcli build assets.toml"


def test_a_submission_without_an_answer_is_settled_by_the_command_that_the_plan_names(
    world: World,
) -> None:
    lost = {"FLUXCLI_SANDBOX_FAULTS": "submit:reset"}
    assert world.run("build", FILE, MAIL, "--yes", "--sandbox", env=lost).status == 11
    action, command = _step(world)
    assert action == "held"
    assert command.endswith("--settle TASKID --sandbox, or --settle not-charged")
    settled = _run(world, command.replace("TASKID", "not-charged"))
    assert settled.status == 0, settled.err
    assert _step(world)[0] == "new"


def test_a_pruned_asset_that_is_paid_for_is_saved_by_the_commands_of_the_hint(
    world: World,
) -> None:
    slow = {"FLUXCLI_SANDBOX_SECONDS": "60"}
    words = ("build", FILE, MAIL, "--yes", "--sandbox", "--timeout", "1s")
    assert world.run(*words, env=slow).status == 4
    (world.cwd / FILE).write_text(MANIFEST.replace('"mail & co", ', ""))
    saving, pruning = _hint(world.run("assets", "prune", FILE, "--sandbox", "--yes")).split(" && ")
    assert _run(world, saving).status == 0
    assert _run(world, f"{pruning} --yes").status == 0
