"""The gate on instruction counts: what it lets through, and what it does not."""

from __future__ import annotations

import pytest

from tests.benchmarks.instructions import COMMANDS, HTTPX, TYPER, compared

RECORDED = dict.fromkeys((*COMMANDS, TYPER, HTTPX), 2.0)


@pytest.mark.parametrize("share", [0.971, 1.0, 1.029])
def test_a_ratio_within_three_percent_passes(share: float) -> None:
    lines, good = compared(RECORDED | {"--help": 2.0 * share}, RECORDED)
    assert good
    assert len(lines) == len(COMMANDS)


@pytest.mark.parametrize(("share", "mark"), [(1.031, "MORE"), (0.969, "LESS")])
def test_a_ratio_further_away_fails_and_names_the_command(share: float, mark: str) -> None:
    lines, good = compared(RECORDED | {"--help": 2.0 * share}, RECORDED)
    assert not good
    assert [line for line in lines if mark in line and line.startswith("--help:")]


def test_a_command_that_was_never_recorded_fails() -> None:
    recorded = {name: value for name, value in RECORDED.items() if name != "config list"}
    lines, good = compared(RECORDED, recorded)
    assert not good
    assert "config list: 2.000, nothing is recorded: run with --record" in lines


@pytest.mark.parametrize(("share", "passes"), [(1.1, True), (1.2, False)])
def test_another_build_of_python_is_allowed_more(share: float, passes: bool) -> None:  # noqa: FBT001 - pytest hands it in
    found = RECORDED | {TYPER: 2.2, "--help": 2.0 * share}
    assert compared(found, RECORDED)[1] is passes
