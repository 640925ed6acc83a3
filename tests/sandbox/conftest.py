"""What the tests of the stand-in share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.desk import Desk, desk

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def at() -> Iterator[Desk]:
    """A desk at a stand-in that remembers nothing and does as it should."""
    with desk() as one:
        yield one
