"""The files as a plan sees them: every byte counts, and large files share threads."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from fluxcli.build.hashes import LARGE, FileHashes
from tests.benchmarks.picture import write_png

if TYPE_CHECKING:
    from pathlib import Path

    from tests.worlds import World

NAMES = ("a", "b")
MANIFEST = "version = 1\n" + "".join(
    f"[assets.{name}]\nprompt = 'x'\noutput = '{name}.png'\n" for name in NAMES
)


def test_what_was_read_beforehand_is_not_read_again(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_bytes(path.name.encode() * LARGE)
    files = FileHashes()
    files.read([*paths, tmp_path / "gone", *paths])
    for path in paths:
        path.unlink()
    hashes = [hashlib.sha256(path.name.encode() * LARGE).hexdigest() for path in paths]
    assert [files.sha256(path) for path in paths] == hashes
    assert files.sha256(tmp_path / "gone") is None


@pytest.mark.parametrize("size", [4_000, 2 * LARGE])
def test_an_edit_that_shows_in_no_size_and_no_time_is_found(size: int, world: World) -> None:
    (world.cwd / "assets.toml").write_text(MANIFEST)
    for name in NAMES:
        write_png(world.cwd / f"{name}.png", size)
    assert world.run("assets", "adopt", "*").status == 0
    assert world.run("build", "--check").status == 0
    path = world.cwd / "b.png"
    data, times = path.read_bytes(), path.stat()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    ran = world.run("build", "--check")
    assert ran.status == 10
    assert [line[:3] for line in ran.out.splitlines()] == [b"= a", b"? b"]
