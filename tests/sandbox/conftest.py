"""What the tests of the stand-in share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.desk import Desk, desk

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def at() -> Iterator[Desk]:
    """A client of a new sandbox without faults."""
    with desk() as one:
        yield one
