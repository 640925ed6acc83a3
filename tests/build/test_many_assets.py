"""Many assets of one kind and reason are one line: in plans, logs and annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.worlds import World

COUNT = 30
SLOW = {"FLUXCLI_SANDBOX_SECONDS": "60"}


@pytest.fixture(autouse=True)
def _project(world: World) -> None:
    names = ["a", *(f"b{number}" for number in range(1, COUNT))]
    tables = "".join(f"[assets.{name}]\nprompt = 'An image of {name}'\n" for name in names)
    (world.cwd / "assets.toml").write_text(f"version = 1\n{tables}")
    world.env |= {"FLUXCLI_SANDBOX": "1", "FLUXCLI_SANDBOX_LIMIT": "1000"}


def _timed_out(world: World) -> None:
    assert world.run("build", "--yes", "--timeout", "1", env=SLOW).status == 4


def test_tasks_to_collect_are_one_line_though_their_ids_differ(world: World) -> None:
    _timed_out(world)
    (line,) = world.run("build", "--plan").lines
    assert line == f"↓ {COUNT} assets  task `…` is paid for  (a … b29; -v lists)"
    assert len(world.run("build", "--plan", "-v").lines) == COUNT


def test_files_in_the_way_are_one_line_with_one_command(world: World) -> None:
    for name in ("a", *(f"b{number}" for number in range(1, COUNT))):
        (world.cwd / ".sandbox").mkdir(exist_ok=True)
        (world.cwd / ".sandbox" / f"{name}.jpg").write_text(name)
    (line,) = world.run("build", "--plan").lines
    assert line.startswith(f"? {COUNT} assets  `…` exists, and the lock does not know it; ")
    assert "fluxcli assets adopt ASSET" in line


def test_annotations_of_one_kind_and_reason_are_one(world: World) -> None:
    ran = world.run("build", "--plan", "-q", "--report", "github")
    (line,) = (line for line in ran.err.splitlines() if line.startswith("::"))
    assert line.endswith(f"title={COUNT} assets::planned: not made yet (a … b29)")
    few = world.run("build", "--plan", "-q", "--report", "github", "a", "b?")
    assert sum(line.startswith("::warning") for line in few.err.splitlines()) == 10


def test_errors_with_one_cause_are_counted(world: World) -> None:
    faults = {"FLUXCLI_SANDBOX_FAULTS": "submit:402x100"}
    ran = world.run("build", "--yes", env=faults)
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 21
    assert errors[-1].startswith("error: 10 more assets: ")
    whole = world.run("build", "--yes", "-v", env=faults)
    assert sum(line.startswith("error: ") for line in whole.err.splitlines()) == COUNT


def test_every_submission_of_unknown_outcome_is_named(world: World) -> None:
    ran = world.run("build", "--yes", env={"FLUXCLI_SANDBOX_FAULTS": "submit:resetx100"})
    assert ran.status == 11
    assert ran.err.count("--settle TASKID") == COUNT
    held = world.run("build", "--plan")
    assert held.out.decode().count("--settle TASKID") == COUNT


def test_the_result_of_a_build_without_work_is_the_plans_totals(world: World) -> None:
    (world.cwd / "assets.toml").write_text("version = 1\n[assets.a]\nprompt = 'A'\n")
    assert world.run("build", "--yes").status == 0
    assert world.run("build", "--yes").err == "1 up to date\n"
    (world.cwd / ".sandbox" / "a.jpg").write_text("retouched")
    ran = world.run("build", "--yes")
    assert (ran.status, ran.err.count("1 edited by hand")) == (10, 1)
    checked = world.run("build", "--check")
    assert "only you can decide what to do\nhint: fluxcli assets adopt a --sandbox" in checked.err
