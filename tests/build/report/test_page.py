"""The page shows of each image what it is: new beside old, or still the old one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.worlds import World

MANIFEST: Final = """\
version = 1
[assets.flag]
prompt = "A {} flag"
[assets.map]
prompt = "A {} map"
"""


def page(world: World, words: tuple[str, str], *flags: str) -> str:
    """Return the page of a build, or of its plan, of a manifest with these words."""
    text = MANIFEST.replace("{}", words[0], 1).replace("{}", words[1], 1)
    (world.cwd / "assets.toml").write_text(text, encoding="utf-8")
    world.run("build", *flags, "--sandbox", "--report", "html=page.html")
    return (world.cwd / "page.html").read_text(encoding="utf-8")


def captions(text: str) -> dict[str, list[str]]:
    """Return the captions over the images of each asset."""
    cards = text.split("<article>")[1:]
    return {
        re.findall("<h2>(.*)</h2>", card)[0]: re.findall("<figcaption>(.*?)</figcaption>", card)
        for card in cards
    }


def test_an_image_that_was_not_replaced_is_captioned_as_it_was(world: World) -> None:
    assert captions(page(world, ("red", "old"), "--yes")) == {"flag": [], "map": []}
    later = page(world, ("blue", "new [moderated]"), "--yes")
    assert captions(later) == {"flag": ["before", "after"], "map": ["as it was"]}
    assert "an estimated 5 credits spent" in later
    assert later.count("<dt>credits</dt>") == 1, "what failed has no price"


def test_a_plan_has_what_is_to_be_spent(world: World) -> None:
    page(world, ("red", "old"), "--yes")
    plan = page(world, ("blue", "old"), "--plan")
    assert captions(plan) == {"flag": ["as it was"], "map": []}
    assert "an estimated 0 credits spent, 5 to be spent" in plan
    assert "<dt>credits</dt><dd>5, if it is made</dd>" in plan
