"""What the tests of the sandbox share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.sandbox_client import SandboxClient, new_client

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def client() -> Iterator[SandboxClient]:
    """A client of a new sandbox without faults."""
    with new_client() as one:
        yield one
