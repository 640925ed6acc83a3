"""A build that goes on in another checkout: images land where this build wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.worlds import World


def test_a_refused_submission_is_sent_again_for_the_checkout_that_asks(world: World) -> None:
    """The journal remembers where the first checkout wanted it; that is another machine's path."""
    text = "version = 1\n[assets.flag]\nprompt = 'A flag'\n"
    first, second = world.cwd / "first", world.cwd / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "assets.toml").write_text(text)
    world.cwd = first
    faults = {"FLUXCLI_SANDBOX_FAULTS": "submit:402"}
    assert world.run("build", "--yes", "--sandbox", env=faults).status == 7
    world.cwd = second
    ran = world.run("build", "--yes", "--sandbox")
    assert ran.status == 0, ran.err
    assert [line for line in ran.lines if not line.startswith(str(second))] == []
    assert not list(first.rglob("*.jpg"))
