"""The quick form of `python -m tests.reliability kills-build`."""

from __future__ import annotations

from tests.reliability.figures import Size
from tests.reliability.killed_builds import ASSETS, POINTS, killed_builds

POINTS_TRIED = 8


def test_a_killed_build_is_finished_elsewhere_without_paying_twice() -> None:
    figure = killed_builds(Size(step=POINTS // POINTS_TRIED))
    assert figure.good, figure.notes
    assert figure.trials == POINTS_TRIED
    assert figure.found["killed"] >= POINTS_TRIED - 1
    assert figure.found["charges"] == POINTS_TRIED * ASSETS
