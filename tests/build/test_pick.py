"""`assets pick`: what may be picked, and that it costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.build.test_paid_once import FAMILY, Checkout

if TYPE_CHECKING:
    from tests.worlds import World


@pytest.fixture
def checkout(world: World) -> Checkout:
    made = Checkout(world, world.cwd)
    made.write(FAMILY)
    return made


def _generated(checkout: Checkout) -> str:
    """Make an image by hand; return its task."""
    ran = checkout.run("generate", "by hand", "-o", "mine.png", "--json")
    return str(ran.record["task_id"])


@pytest.mark.parametrize("how", ["whole", "prefix", "@last"])
def test_a_task_of_generate_whose_image_is_here_is_used_at_once(
    checkout: Checkout, how: str
) -> None:
    task = _generated(checkout)
    choice = {"whole": task, "prefix": task[:6], "@last": "@last"}[how]
    ran = checkout.run("assets", "pick", "hero", choice)
    assert ran.lines == [str(checkout.root / "hero.png")]
    mine = (checkout.folder / "mine.png").read_bytes()
    assert (checkout.root / "hero.png").read_bytes() == mine
    made = checkout.entry("hero").made
    assert made is not None
    assert made.request.task_id == task
    assert checkout.plan()["hero"] == "up_to_date"
    assert checkout.charges == 1


def test_a_task_whose_image_is_gone_is_collected_by_the_next_build(checkout: Checkout) -> None:
    task = _generated(checkout)
    (checkout.folder / "mine.png").unlink()
    ran = checkout.run("assets", "pick", "hero", task[:8])
    assert f"task `{task}` becomes `hero`; no extra charge" in ran.err
    checkout.build("hero")
    assert checkout.charges == 1


@pytest.mark.parametrize("choice", ["9", "nosuchtask", "no-such.png", "../mine.png", "@nobody"])
def test_what_is_nothing_is_refused_at_once(checkout: Checkout, choice: str) -> None:
    ran = checkout.run("assets", "pick", "hero", choice, status=2)
    assert ran.err.startswith("error: ")
    assert not checkout.lock.exists()
