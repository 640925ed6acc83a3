"""`assets prune` removes what is no longer declared, and never an unsaved paid task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fluxcli.build.lock.lock_file import read
from tests.build.test_paid_once import DAY, SLOW, Checkout, elsewhere

if TYPE_CHECKING:
    from tests.worlds import World

HEAD = "version = 1\n[assets.map]\nprompt = 'A map'\n"
BOTH = HEAD + "[assets.hero]\nprompt = 'A lighthouse'\n"
PRUNE = ("assets", "prune", "--yes", "--force")


@pytest.fixture
def checkout(world: World) -> Checkout:
    made = Checkout(world, world.cwd)
    made.write(BOTH)
    return made


def _unfinished(checkout: Checkout) -> str:
    """Submit `hero`, stop before it is finished, and remove it; return its task."""
    checkout.build("hero", "--timeout", "3s", status=4, env=SLOW)
    pending = checkout.entry("hero").pending
    assert pending is not None
    assert pending.task_id is not None
    checkout.write(HEAD)
    return pending.task_id


@pytest.mark.parametrize("here", [True, False], ids=["own journal", "another machine"])
def test_an_orphan_with_a_paid_task_stays_until_that_is_saved(
    checkout: Checkout, *, here: bool
) -> None:
    task = _unfinished(checkout)
    if not here:
        elsewhere(checkout)
    ran = checkout.run(*PRUNE)
    assert f"`hero` is kept: task `{task}` is paid for and not saved" in ran.err
    assert f'fluxcli download {task} -o "{{id}}.{{ext}}"' in ran.err
    assert task in checkout.lock.read_text()
    checkout.run("download", task, "-o", "{id}.{ext}")
    checkout.run(*PRUNE)
    assert "hero" not in read(checkout.lock)


def test_an_orphan_of_unknown_outcome_stays_until_that_is_settled(checkout: Checkout) -> None:
    checkout.build("hero", status=11, env={"FLUXCLI_SANDBOX_FAULTS": "submit:reset"})
    pending = checkout.entry("hero").pending
    assert pending is not None
    checkout.write(HEAD)
    ran = checkout.run(*PRUNE)
    assert "may have been accepted and paid for" in ran.err
    assert f"fluxcli status {pending.ref} --settle TASKID --sandbox" in ran.err
    checkout.run("status", str(pending.ref), "--settle", "not-charged")
    checkout.run(*PRUNE)
    assert "hero" not in read(checkout.lock)


def test_a_replaced_submission_that_is_not_saved_keeps_the_orphan(checkout: Checkout) -> None:
    task = _unfinished(checkout)
    checkout.write(BOTH.replace("lighthouse", "windmill"))
    checkout.build()
    assert checkout.entry("hero").history
    checkout.write(HEAD)
    assert task in checkout.run(*PRUNE).err
    checkout.run("download", task, "-o", "{id}.{ext}")
    checkout.run(*PRUNE)
    assert set(read(checkout.lock)) == {"map"}


def test_what_the_service_no_longer_has_blocks_nothing(checkout: Checkout) -> None:
    _unfinished(checkout)
    elsewhere(checkout)
    checkout.world.clock.step(15 * DAY)
    checkout.run(*PRUNE)
    assert not checkout.lock.exists() or "hero" not in read(checkout.lock)


def test_orphans_whose_images_are_saved_go(checkout: Checkout) -> None:
    checkout.build()
    checkout.write(HEAD)
    ran = checkout.run(*PRUNE)
    assert ran.lines == [str(checkout.root / "hero.jpg")]
    assert set(read(checkout.lock)) == {"map"}
    assert "kept" not in ran.err
