"""The credits that were spent in the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.worlds import World

BALANCE: Final = 100_000
"""The credits that every sandbox begins with."""


def spent(world: World) -> int:
    """Return how many credits were spent in this world's sandbox."""
    (left,) = world.run("credits", "--sandbox").lines
    return BALANCE - int(left)
