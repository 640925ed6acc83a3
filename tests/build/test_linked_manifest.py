"""One manifest has one lock, under any of its names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.build.examples.ci import account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.build.examples.ci import Account
    from tests.worlds import Ran, World

_TEXT = "version = 1\n[defaults]\noutput_format = 'png'\n[assets.a]\nprompt = 'A fox'\n"


@pytest.fixture
def standin() -> Iterator[Account]:
    with account(seconds=0) as served:
        yield served


def _run(world: World, standin: Account, *words: str) -> Ran:
    address = {"FLUXCLI_BASE_URL": standin.url, "FLUXCLI_UPLOAD_URL": standin.url}
    return world.run(*words, env=address | {"FLUXCLI_API_KEY": "key-of-the-account"})


def _link(link: Path, target: str) -> None:
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("symbolic links are not allowed here")


@pytest.mark.parametrize("link", ["link.toml", "sub/assets.toml", "sub/other.toml"])
def test_a_linked_manifest_is_the_manifest_that_it_leads_to(
    world: World, standin: Account, link: str
) -> None:
    (world.cwd / "sub").mkdir()
    (world.cwd / "assets.toml").write_text(_TEXT)
    place = world.cwd / link
    _link(place, "../assets.toml" if "/" in link else "assets.toml")
    assert _run(world, standin, "build", link, "--yes").status == 0
    before = standin.charges
    assert before == 1
    for words in (("build", "--check"), ("build", link, "--check"), ("build", link, "--yes")):
        ran = _run(world, standin, *words)
        assert ran.status == 0, ran.err
    assert standin.charges == before
    locks = sorted(str(one.relative_to(world.cwd)) for one in world.cwd.rglob("*.lock"))
    assert locks == ["assets.lock"]
    assert (world.cwd / "a.png").exists()
    assert place.is_symlink()


def test_save_as_writes_to_the_manifest_and_keeps_the_link(world: World, standin: Account) -> None:
    (world.cwd / "real.toml").write_text(_TEXT)
    _link(world.cwd / "assets.toml", "real.toml")
    ran = _run(world, standin, "generate", "A dog", "-o", "dog.png", "--save-as", "dog")
    assert ran.status == 0, ran.err
    assert (world.cwd / "assets.toml").is_symlink()
    assert "[assets.dog]" in (world.cwd / "real.toml").read_text()
    assert (world.cwd / "real.lock").exists()


@pytest.mark.parametrize("target", ["link.toml", "missing.toml", "/dev/null", "."])
def test_a_link_that_leads_to_no_manifest_is_an_error_of_the_manifest(
    world: World, standin: Account, target: str
) -> None:
    _link(world.cwd / "link.toml", target)
    ran = _run(world, standin, "build", "link.toml", "--yes")
    assert ran.status == 2, ran.err
    assert "bug" not in ran.err
    assert standin.charges == 0
