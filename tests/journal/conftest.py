"""A journal in a folder of its own, with a clock that the test advances."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fluxcli.journal.journal import Journal
from tests.worlds import SwiftClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def clock() -> SwiftClock:
    """The time of all journals of a test."""
    return SwiftClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the journal lies; nothing is there yet."""
    return tmp_path / "state" / "fluxcli"


@pytest.fixture
def journal(folder: Path, clock: SwiftClock) -> Iterator[Journal]:
    """A journal of paid tasks."""
    made = Journal(folder, clock=clock, sandbox=False)
    yield made
    made.close()


@pytest.fixture
def other(folder: Path, clock: SwiftClock) -> Iterator[Journal]:
    """A second process's journal in the same folder."""
    with closing(Journal(folder, clock=clock, sandbox=False)) as made:
        yield made
