"""What a build reports as spent is what was charged: saved, still running and unknown apart."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.worlds import InterruptingClock, World

if TYPE_CHECKING:
    from pathlib import Path

    from tests.worlds import Ran

_THREE = (
    "version = 1\n[assets.a]\nprompt = 'A'\n[assets.b]\nprompt = 'B'\n[assets.c]\nprompt = 'C'\n"
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, clock=InterruptingClock(), env={"FLUXCLI_SANDBOX": "1"})
    (made.cwd / "assets.toml").write_text(_THREE)
    return made


def _charges(world: World) -> int:
    with closing(world.context()) as context:
        return len(context.sandbox_service.charges())


def _interrupted(world: World, *arguments: str) -> Ran:
    assert isinstance(world.clock, InterruptingClock)
    world.clock.alarm = world.clock.monotonic() + 5
    return world.run("build", *arguments, env={"FLUXCLI_SANDBOX_SECONDS": "100"})


def test_an_interrupted_build_reports_the_tasks_that_still_run_as_spent(world: World) -> None:
    assert world.run("build", "a", "--yes").status == 0
    ran = _interrupted(world, "--yes", "--report", "html=page.html", "--report", "junit=j.xml")
    assert ran.status == 130
    page = (world.cwd / "page.html").read_text()
    assert "an estimated 10 credits spent, 10 of them for tasks that still run" in page
    assert page.count('<span class="state wait">running</span>') == 2
    assert (world.cwd / "j.xml").read_text().count('message="running: paid for') == 2
    assert _charges(world) == 3
    again = world.run("build", "--yes", "--json")
    assert again.record["summary"]["charged_credits"] == 0
    assert _charges(world) == 3


def test_what_was_not_begun_before_an_interruption_is_to_be_spent(world: World) -> None:
    _interrupted(world, "--yes", "-j", "1", "--report", "html=page.html")
    page = (world.cwd / "page.html").read_text()
    words = "an estimated 5 credits spent, 5 of them for tasks that still run, 10 to be spent"
    assert words in page
    assert _charges(world) == 1


def test_a_timeout_is_not_a_failure(world: World) -> None:
    ran = world.run(
        "build", "--yes", "--timeout", "3s", "--json", env={"FLUXCLI_SANDBOX_SECONDS": "100"}
    )
    assert ran.status == 4
    states = ran.record["summary"]["states"]
    assert (states["running"], states["failed"]) == (3, 0)
    assert ran.record["summary"]["charged_credits"] == 15


def test_the_summary_has_the_credits_and_counts_running_tasks_apart(world: World) -> None:
    ran = world.run("build", "--yes", "--timeout", "3s", env={"FLUXCLI_SANDBOX_SECONDS": "100"})
    assert "3 still running (already paid); an estimated 15 credits spent" in ran.err


def test_a_submission_without_an_answer_is_counted_apart(world: World) -> None:
    ran = world.run("build", "--yes", "--json", env={"FLUXCLI_SANDBOX_FAULTS": "submit:reset"})
    assert ran.status == 11
    summary = ran.record["summary"]
    assert (summary["charged_credits"], summary["unknown_credits"]) == (10, 5)
    assert summary["states"]["unknown"] == 1


@pytest.mark.parametrize(
    ("fault", "charged"),
    [("submit:429", 15), ("submit:moderated", 10), ("poll:failed", 10), ("submit:402", 10)],
)
def test_what_was_refused_or_failed_is_not_charged(world: World, fault: str, charged: int) -> None:
    ran = world.run("build", "--yes", "--json", env={"FLUXCLI_SANDBOX_FAULTS": fault})
    assert ran.record["summary"]["charged_credits"] == charged
    assert ran.record["summary"]["unknown_credits"] == 0


def test_an_image_that_is_not_acceptable_is_charged(world: World) -> None:
    text = _THREE.replace("'A'", "'A'\naccept = { min_width = 9000 }")
    (world.cwd / "assets.toml").write_text(text)
    ran = world.run("build", "--yes", "--json")
    assert ran.record["summary"]["charged_credits"] == 15
    assert ran.record["summary"]["states"]["failed"] == 1


def test_an_interruption_leaves_nothing_in_the_lock_that_was_not_sent(world: World) -> None:
    """The account's limit holds the 21st back; another machine must not take it for submitted."""
    text = "version = 1\n[assets.a]\nprompt = '{n}'\nmatrix = { n = [%s] }\n"
    numbers = ", ".join(f"'{n}'" for n in range(30))
    (world.cwd / "assets.toml").write_text(text % numbers)
    ran = _interrupted(world, "--yes")
    assert ran.status == 130
    sent = _charges(world)
    assert sent == 20
    lock = (world.cwd / ".sandbox" / "assets.sandbox.lock").read_text()
    assert len(lock.splitlines()) == 1 + sent
    assert '"ref"' not in lock


def test_what_is_retried_when_a_build_ends_is_not_unknown(world: World) -> None:
    assert isinstance(world.clock, InterruptingClock)
    world.clock.alarm = world.clock.monotonic() + 5
    ran = world.run("build", "--yes", env={"FLUXCLI_SANDBOX_FAULTS": "submit:429x1000"})
    assert ran.status == 130
    assert "0 of 3 saved" in ran.err
    assert "unknown" not in ran.err
    assert _charges(world) == 0
