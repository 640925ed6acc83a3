"""One fault at one stage: paid once, saved whole, and no doubt where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability import matrix

if TYPE_CHECKING:
    from pathlib import Path

    from tests.reliability.matrix import Case

EVERY = 40
"""`python -m tests.reliability faults` tries them all."""


@pytest.mark.parametrize("api", ["kontext", "jobs"])
@pytest.mark.parametrize("case", matrix.sampled(EVERY), ids=lambda case: case.name)
def test_a_fault_costs_nothing(case: Case, api: str, tmp_path: Path) -> None:
    """Struck once and run again until it is done, a command has paid once for a whole picture."""
    outcome = matrix.run(case, tmp_path, api=api)
    assert not outcome.wrong
    assert not outcome.needless


def test_there_are_many_cases() -> None:
    """Four hundred or more, each with a name of its own."""
    names = [case.name for case in matrix.cases()]
    assert len(names) >= 400
    assert len(set(names)) == len(names)
