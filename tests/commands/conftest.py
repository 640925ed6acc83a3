"""A machine whose commands use the sandbox."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.worlds import World


@pytest.fixture
def box(world: World) -> World:
    """A user's machine whose every command works in the sandbox, without a key."""
    del world.env["FLUXCLI_API_KEY"]
    world.env |= {"FLUXCLI_SANDBOX": "1", "FLUXCLI_SANDBOX_SECONDS": "8"}
    return world


def drawn(color: str) -> bytes:
    """Return a small PNG of one colour."""
    data = io.BytesIO()
    Image.new("RGB", (30, 40), color).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def png() -> bytes:
    """Return a complete image."""
    return drawn("red")


@pytest.fixture
def other_png() -> bytes:
    """Return another complete image."""
    return drawn("blue")


@pytest.fixture(params=["kontext", "jobs"])
def wire_format(request: pytest.FixtureRequest, world: World) -> str:
    """Let every command of this world use one wire format; the test runs in both.

    The sandbox's schema has a field for the model, so that `max` can be asked for in both.
    """
    world.env |= {"FLUXCLI_API": request.param, "FLUXCLI_SANDBOX_FAULTS": "models:tiers"}
    return str(request.param)
