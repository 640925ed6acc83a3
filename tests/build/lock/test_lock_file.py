"""The lock's file: whole at any moment, rewritten at each transition, cheap enough for that."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fluxcli.build.lock import lock_file as store
from fluxcli.build.lock.entry import LockedImage, LockedRequest, LockEntry
from fluxcli.build.lock.lock_file import LockFile, read
from fluxcli.build.lock.merge import overlaid, shard_lock
from fluxcli.errors import Code, FluxError

ASK = LockedRequest(hash="1:a", made_from="prompt=1", model="m", submitted_at=1000.0, ref="r")


def made(output: str, at: float = 2000.0) -> LockEntry:
    output = output if output.endswith(".png") else f"{output}.png"
    ask = LockedRequest(
        hash="1:a", made_from="prompt=1", model="m", submitted_at=1000.0, task_id="t"
    )
    return LockEntry(
        LockedImage(
            request=ask,
            output=output,
            sha256="0" * 64,
            original_sha256="0" * 64,
            bytes=1,
            width=1,
            height=1,
            format="png",
            created_at=at,
        )
    )


def test_what_is_recorded_is_on_the_disk(tmp_path: Path) -> None:
    lock = LockFile.open(tmp_path / "assets.lock")
    lock.record({"a": LockEntry(pending=ASK)})
    assert read(lock.path) == lock.entries() == {"a": LockEntry(pending=ASK)}
    lock.record({"b": made("b.png"), "a": None})
    assert read(lock.path) == {"b": made("b.png")}
    assert list(tmp_path.iterdir()) == [lock.path]


def test_reading_creates_nothing(tmp_path: Path) -> None:
    assert LockFile.open(tmp_path / "assets.lock").entries() == {}
    assert not list(tmp_path.iterdir())


def test_changes_of_many_threads_all_arrive(tmp_path: Path) -> None:
    lock = LockFile.open(tmp_path / "assets.lock")
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        for step in range(10):
            name = f"a{number}-{step}"
            lock.record({name: made(name)})
            assert name in read(lock.path), "on the disk before we go on"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(read(lock.path)) == 80


def test_a_link_and_the_rights_of_the_file_stay(tmp_path: Path) -> None:
    real = tmp_path / "real.lock"
    LockFile.open(real).record({"a": made("a")})
    real.chmod(0o640)
    link = tmp_path / "assets.lock"
    link.symlink_to(real)
    LockFile.open(link).record({"b": made("b")})
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert set(read(real)) == {"a", "b"}


def test_a_lock_that_cannot_be_written_is_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = LockFile.open(tmp_path / "assets.lock")
    lock.record({"a": made("a")})
    before = lock.path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(FluxError) as caught:
            lock.record({"b": made("b")})
    assert caught.value.code is Code.DISK
    assert lock.path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [lock.path]
    lock.record({"c": made("c")})
    assert set(read(lock.path)) == {"a", "b", "c"}, "a failed change is written with the next"


def test_a_committed_link_in_the_temporary_files_place_is_not_written_through(
    tmp_path: Path,
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "project"
    folder.mkdir()
    for name in (".assets.lock.part", ".assets.lock.write.part"):
        (folder / name).symlink_to(victim)
    LockFile.open(folder / "assets.lock").record({"a": made("a")})
    assert victim.read_text() == "precious"
    assert set(read(folder / "assets.lock")) == {"a"}


def test_what_another_program_wrote_meanwhile_is_taken_over(tmp_path: Path) -> None:
    """Of an asset that both changed, ours is the later: it was paid for just now."""
    lock = LockFile.open(tmp_path / "assets.lock")
    lock.record({name: made(name) for name in ("kept", "theirs", "both", "gone")})
    other = LockFile.open(lock.path)
    other.record({"theirs": made("x"), "both": made("x"), "new": made("x"), "gone": None})
    lock.record({"both": made("y")})
    expected = {"kept": made("kept"), "theirs": made("x"), "both": made("y"), "new": made("x")}
    assert read(lock.path) == lock.entries() == expected


def test_what_was_changed_before_the_first_write_is_taken_over(tmp_path: Path) -> None:
    LockFile.open(tmp_path / "assets.lock").record({"a": made("a")})
    lock = LockFile.open(tmp_path / "assets.lock")
    LockFile.open(lock.path).record({"a": None, "b": made("b")})
    lock.record({"c": made("c")})
    assert set(read(lock.path)) == {"b", "c"}


def test_a_lock_that_vanished_comes_back_with_what_is_new(tmp_path: Path) -> None:
    """As when git checked a branch out that has none."""
    lock = LockFile.open(tmp_path / "assets.lock")
    lock.record({"a": made("a")})
    lock.path.unlink()
    lock.record({"b": made("b")})
    assert set(read(lock.path)) == {"b"}


def test_a_merge_conflict_that_came_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """Nothing is lost: what could not be written is there once the file is whole."""
    lock = LockFile.open(tmp_path / "assets.lock")
    lock.record({"a": made("a")})
    whole = lock.path.read_bytes()
    broken = whole + b"<<<<<<< HEAD\n"
    lock.path.write_bytes(broken)
    with pytest.raises(FluxError, match="merge conflict") as caught:
        lock.record({"b": made("b")})
    assert (caught.value.code, lock.path.read_bytes()) == (Code.LOCK_INVALID, broken)
    lock.path.write_bytes(whole)
    lock.record({"c": made("c")})
    assert set(read(lock.path)) == {"a", "b", "c"}


def test_a_folder_in_the_locks_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "assets.lock").mkdir()
    with pytest.raises(FluxError) as caught:
        read(tmp_path / "assets.lock")
    assert caught.value.code is Code.LOCK_INVALID


def test_a_file_too_large_to_be_a_lock_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_LARGEST", 10)
    (tmp_path / "assets.lock").write_bytes(b"#" * 11)
    with pytest.raises(FluxError, match="too large for a lock"):
        read(tmp_path / "assets.lock")


def test_a_stale_shard_does_not_hide_what_is_newer() -> None:
    assert overlaid({"a": made("new", at=3000.0)}, {"a": made("old")})["a"] == made(
        "new", at=3000.0
    )


def test_a_shards_lock_is_beside_the_whole_one() -> None:
    assert shard_lock(Path("x/assets.lock"), "1-of-4") == Path("x/assets.lock.1-of-4")
