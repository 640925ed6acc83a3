"""Days by any clock, right or wrong."""

from __future__ import annotations

import re

import pytest

from fluxcli.clock import local_day


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e9, -1e12, 1e15, float(2**40), 1e300, -1e300])
def test_every_time_has_a_day(seconds: float) -> None:
    """Windows cannot convert a time before 1970, and no system one beyond the year 9999."""
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", local_day(seconds))


def test_a_usual_day() -> None:
    assert local_day(1_795_341_600.0) == "2026-11-22"
