"""A check reads only what has changed since the last one, and is never wrong for it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from fluxcli.build import hashes
from fluxcli.build.manifest import manifest
from tests.benchmarks.picture import write_png
from tests.worlds import SwiftClock, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.worlds import Ran

_MANIFEST = """\
version = 1
include = ["icons/assets.toml"]
[assets.hero]
prompt_file = "hero.txt"
output = "img/hero.png"
[assets.copy]
edit = "photo.png"
prompt = "x"
output = "img/copy.png"
"""
_ICONS = "version = 1\n[assets.icon]\nprompt = 'x'\noutput = 'icon.png'\n"
_LATER = 60.0


class Project:
    """A project whose check is clean and recorded; `work` counts what a check reads again."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.work: list[str] = []
        for name in ("img/hero", "img/copy", "icons/icon", "photo"):
            (world.cwd / name).parent.mkdir(exist_ok=True)
            write_png(world.cwd / f"{name}.png", 4_000)
        (world.cwd / "assets.toml").write_text(_MANIFEST)
        (world.cwd / "icons/assets.toml").write_text(_ICONS)
        (world.cwd / "hero.txt").write_text("A hero")
        assert world.run("assets", "adopt", "*").status == 0
        self._count(monkeypatch, hashes, "_hashed")
        self._count(monkeypatch, manifest, "_check")
        self.check()
        self.work.clear()

    def _count(self, monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> None:
        original: Callable[..., object] = getattr(module, name)

        def counted(path: Path, *others: object) -> object:
            self.work.append(path.name)
            return original(path, *others)

        monkeypatch.setattr(module, name, counted)

    def check(self, *flags: str) -> Ran:
        return self.world.run("build", "--check", *flags)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A machine whose clock is ahead of the files' times, so that these are settled."""
    return World(tmp_path, clock=SwiftClock(time.time() + _LATER))


@pytest.fixture
def project(world: World, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(world, monkeypatch)


def test_a_second_check_reads_neither_manifest_nor_images(project: Project) -> None:
    first, quiet = project.check(), project.check("-q")
    assert project.work == []
    assert (first.status, first.lines) == (
        0,
        ["= hero  adopted", "= copy  adopted", "= icon  adopted"],
    )
    assert "3 up to date" in first.err
    assert (quiet.status, quiet.lines, quiet.err) == (0, ["3 up to date"], "")


def test_details_are_planned_again_and_agree(project: Project) -> None:
    record = project.check("--json").record
    assert [one["action"] for one in record["assets"]] == ["up_to_date"] * 3
    assert project.check("-v").lines == project.check().lines
    assert "hero.png" not in project.work, "the hashes are known"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("assets.toml", 10),
        ("icons/assets.toml", 10),
        ("hero.txt", 10),
        ("photo.png", 10),
        ("img/hero.png", 10),
        ("icons/icon.png", 10),
        ("assets.lock", 2),
    ],
)
@pytest.mark.parametrize("how", ["in place", "by another file"])
def test_an_edit_that_keeps_size_and_time_is_found(
    project: Project, name: str, status: int, how: str
) -> None:
    path = project.world.cwd / name
    data, times = path.read_bytes(), path.stat()
    changed = data.replace(b"A hero", b"A hare").replace(b"'x'", b"'y'").replace(b'"x"', b'"y"')
    if changed == data:
        changed = data[:-2] + bytes([data[-2] ^ 1]) + data[-1:]
    if how == "in place":
        path.write_bytes(changed)
    else:
        other = path.with_name("other")
        other.write_bytes(changed)
        other.replace(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert project.check().status == status
    path.write_bytes(data)
    assert project.check().status == 0


@pytest.mark.parametrize("name", ["img/hero.png", "photo.png", "hero.txt", "assets.lock"])
def test_a_file_that_is_gone_is_found(project: Project, name: str) -> None:
    (project.world.cwd / name).unlink()
    assert project.check().status != 0


@pytest.mark.parametrize("name", ["img", "icons", "assets.lock", "photo.png"])
def test_a_path_that_became_a_link_is_read_again(project: Project, name: str) -> None:
    """Moved outside and linked back, inodes and times are still the same."""
    path, outside = project.world.cwd / name, project.world.root / "outside"
    path.rename(outside)
    path.symlink_to(outside)
    before = project.check()
    project.work.clear()
    assert project.check().status == before.status
    assert project.work, "what links lead to is never taken from the cache"


def test_what_has_just_changed_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, clock=SwiftClock(time.time()))
    project = Project(world, monkeypatch)
    assert project.check().status == 0
    assert {"hero.png", "assets.toml"} <= set(project.work)


def test_a_build_that_does_something_reads_every_byte(project: Project) -> None:
    (project.world.cwd / "hero.txt").write_text("Another hero")
    assert project.world.run("build", "--sandbox", "--yes").status in {0, 10}
    project.work.clear()
    (project.world.cwd / "img/hero.png").unlink()
    project.world.run("build", "--yes", env={"FLUXCLI_API_KEY": ""})
    assert {"copy.png", "icon.png", "photo.png"} <= set(project.work)


def test_a_damaged_cache_is_only_slow(project: Project) -> None:
    (file,) = (project.world.root / "cache" / "builds").iterdir()
    for data in (b"", b"[]", b"{", b'{"scheme":1}', b"\xff", b'{"scheme":99,"fluxcli":"9"}'):
        file.write_bytes(data)
        assert project.check().status == 0


def test_a_check_needs_no_writable_cache(project: Project) -> None:
    (project.world.root / "file").write_text("")
    nowhere = {"FLUXCLI_CACHE_DIR": str(project.world.root / "file" / "cache")}
    assert project.world.run("build", "--check", env=nowhere).status == 0
    assert (
        project.world.run("build", "--check", env={"FLUXCLI_CACHE_DIR": "", "HOME": ""}).status == 0
    )


def test_each_manifest_and_the_sandbox_have_a_record_of_their_own(project: Project) -> None:
    other = project.world.cwd / "icons" / "assets.toml"
    assert project.world.run("build", "--check", str(other)).status == 10
    assert project.world.run("build", "--check", "--sandbox").status == 10
    assert project.check().status == 0
    assert project.check("hero").lines == ["= hero  adopted"]
