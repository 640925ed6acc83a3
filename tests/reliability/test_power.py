"""Power failures, in the quick form: a sample of the moments that `tests.reliability` tries."""

from __future__ import annotations

import os
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

import pytest

from tests.reliability import comparison, power, power_build
from tests.reliability.disk import LOSSES, Disk
from tests.reliability.figures import Figure, Size
from tests.reliability.syscalls import POSSIBLE, parse

if TYPE_CHECKING:
    from pathlib import Path

STEP: Final = 97
"""Every so-many-th moment is tried; `python -m tests.reliability power` tries all."""

SEED: Final = Size().seed
needs_strace = pytest.mark.skipif(
    not POSSIBLE and "FLUXCLI_CI" not in os.environ,
    reason="NO POWER FAILURES TESTED: strace is missing",
)


@needs_strace
@pytest.mark.parametrize("plan", power.PLANS, ids=lambda plan: plan.name)
def test_after_a_power_failure_the_same_command_pays_nothing_twice(plan: power.PowerPlan) -> None:
    with power.scene() as at:
        power.prepare(at, plan)
        power.recorded(at, [sys.executable, "-m", "fluxcli", *plan.arguments])
        for moment in at.moments(step=STEP, seed=SEED):
            assert power.rerun(at, plan, moment).wrong == [], moment.where
        assert at.syncs > 10


@needs_strace
def test_after_a_power_failure_a_build_goes_on_here_and_elsewhere() -> None:
    with power_build.recording(2) as at:
        for number, moment in enumerate(at.moments(step=STEP, seed=SEED)):
            place = power_build.PLACES[number % 3]
            after = power_build.rerun(at, moment, place, 2)
            assert after.wrong == [], f"{place}, {moment.where}"


@needs_strace
def test_the_experiment_sees_what_a_plain_script_pays_after_a_power_failure() -> None:
    figure: Figure = comparison.baseline_power(Size())
    assert figure.found["paid twice"] > figure.trials // 2


# -- the model of the disk ----------------------------------------------------------------


def left(disk: Disk, loss: str) -> dict[str, bytes]:
    (found,) = (one for one in LOSSES if one.name == loss)
    return {name: data for name, (_, data) in disk.after(found).files.items()}


def path(name: str) -> PurePath:
    return PurePath(name)


def test_a_disk_begins_durable(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").write_bytes(b"old")
    disk = Disk(tmp_path)
    assert {loss.name: left(disk, loss.name) for loss in LOSSES} == {
        loss.name: {"a/old": b"old"} for loss in LOSSES
    }


def test_bytes_are_durable_with_the_file_and_names_with_the_folder(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    file = disk.make(path("new"), mode=0o600)
    disk.write(file, 0, b"content")
    assert left(disk, "complete") == {"new": b"content"}
    assert left(disk, "unsynced lost") == {}
    assert left(disk, "names without bytes") == {"new": b""}
    assert left(disk, "names with zeros") == {"new": bytes(7)}
    assert left(disk, "last write torn") == {"new": b"con"}
    disk.sync(file)
    assert left(disk, "unsynced lost") == {}
    assert left(disk, "names without bytes") == {"new": b"content"}
    disk.sync(0)
    assert left(disk, "unsynced lost") == {"new": b"content"}


def test_a_rename_is_one_step_and_later_ones_may_come_first(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"old")
    disk = Disk(tmp_path)
    file = disk.make(path("part"), mode=0o600)
    disk.write(file, 0, b"new")
    disk.sync(file)
    disk.rename({disk.place(path("part")): None, disk.place(path("kept")): file})
    assert left(disk, "complete") == {"kept": b"new"}
    assert left(disk, "unsynced lost") == {"kept": b"old"}
    assert left(disk, "last name first") == {"kept": b"new"}


def test_files_in_a_lost_folder_are_lost(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    folder = disk.make(path("folder"), mode=0o700, is_folder=True)
    file = disk.make(path("folder/file"), mode=0o600)
    disk.sync(file)
    disk.sync(folder)
    assert left(disk, "unsynced lost") == {}
    disk.sync(0)
    assert left(disk, "unsynced lost") == {"folder/file": b""}


def test_a_call_that_another_thread_interrupts_is_read_as_one() -> None:
    lines = [
        r'7 write(3</tmp/\x61>, "\x61\x62", 2 <unfinished ...>',
        r'8 openat(AT_FDCWD<\x2f>, "\x62", O_RDONLY) = -1 ENOENT (No such file or directory)',
        "7 <... write resumed>) = 2",
    ]
    (call,) = parse(iter(lines))
    assert (call.name, call.data, call.result, call.descriptor) == ("write", b"ab", 2, 3)
