"""A world whose service is the sandbox, unless a test asks for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.worlds import World


@pytest.fixture
def box(world: World) -> World:
    """A user's machine whose every command works in the sandbox, without a key."""
    del world.env["FLUXCLI_API_KEY"]
    world.env |= {"FLUXCLI_SANDBOX": "1", "FLUXCLI_SANDBOX_SECONDS": "8"}
    return world
