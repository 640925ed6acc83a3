"""Files as each system needs them: retried while another program has them, never through a link."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest

from fluxcli.system import disk

if TYPE_CHECKING:
    from pathlib import Path


class InUse:
    """An action that Windows refuses `times` times, with the code `winerror`."""

    def __init__(self, times: int, winerror: int | None) -> None:
        self.left = times
        self.winerror = winerror
        self.pauses: list[float] = []

    def __call__(self) -> None:
        if self.left:
            self.left -= 1
            error = PermissionError(errno.EACCES, "in use")
            if self.winerror is not None:
                error.winerror = self.winerror  # type: ignore[attr-defined] # as Windows sets it
            raise error


@pytest.mark.parametrize("winerror", [5, 32, 33])
@pytest.mark.parametrize("times", [0, 1, 7])
def test_a_file_that_a_scanner_holds_for_a_moment_is_replaced_in_the_end(
    times: int, winerror: int
) -> None:
    action = InUse(times, winerror)
    disk.retried(action, sleep=action.pauses.append)
    assert len(action.pauses) == times
    assert sum(action.pauses) < 2


def test_a_file_that_stays_in_use_is_an_error_in_the_end() -> None:
    action = InUse(100, 32)
    with pytest.raises(PermissionError):
        disk.retried(action, sleep=action.pauses.append)
    assert sum(action.pauses) == pytest.approx(1.58)


@pytest.mark.parametrize("winerror", [None, 2, 3, 112])
def test_another_failure_is_not_retried(winerror: int | None) -> None:
    action = InUse(1, winerror)
    with pytest.raises(PermissionError):
        disk.retried(action, sleep=action.pauses.append)
    assert action.pauses == []


def test_a_link_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither with the system's flag nor where there is none, as on Windows."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    for _ in range(2):
        with pytest.raises(OSError, match="symbolic links") as caught:
            disk.open_unlinked(link, os.O_RDWR | os.O_CREAT)
        assert caught.value.errno == errno.ELOOP
        monkeypatch.delattr(os, "O_NOFOLLOW", raising=False)
    assert not (tmp_path / "target").exists()


def test_a_fifo_is_opened_without_waiting(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no FIFOs")
    os.mkfifo(tmp_path / "fifo")
    os.close(disk.open_unlinked(tmp_path / "fifo", os.O_RDONLY | disk.NO_WAIT))


@pytest.mark.skipif(os.name == "nt", reason="Windows files have their folder's permissions")
def test_private_folders_down_to_the_last(tmp_path: Path) -> None:
    made = disk.make_folders(tmp_path / "a" / "b", mode=disk.PRIVATE)
    assert made == [tmp_path / "a" / "b", tmp_path / "a"]
    assert disk.make_folders(tmp_path / "a" / "b", mode=disk.PRIVATE) == []
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in made} == {0o700}


def test_new_folders_are_on_the_disk_in_the_folders_that_hold_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(disk, "sync_folder", synced.append)
    disk.make_folders(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]
    disk.make_folders(tmp_path / "a" / "b")
    assert len(synced) == 2


def test_a_folder_that_another_process_makes_at_the_same_moment_is_not_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.setattr(type(tmp_path), "exists", lambda path: path == tmp_path)
    assert disk.make_folders(tmp_path / "a") == [tmp_path / "a"]


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_folder_in_the_place_of_a_file_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((NotADirectoryError, FileExistsError)) as caught:
        disk.make_folders(tmp_path / name)
    assert caught.value.strerror in {"Not a directory", "File exists"}
    assert caught.value.filename == str(tmp_path / name)


def test_replacing_and_removing(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"old")
    old.chmod(0o444)
    new.write_bytes(b"new")
    disk.replace(new, old)
    assert old.read_bytes() == b"new"
    disk.remove(old)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows files have their folder's permissions")
def test_the_mode_of_an_open_file(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        disk.set_mode(file.fileno(), 0o640)
        disk.sync(file.fileno())
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_a_folder_that_cannot_be_synced_is_not_an_error(tmp_path: Path) -> None:
    disk.sync_folder(tmp_path)
    disk.sync_folder(tmp_path / "missing")


class TestMacOS:
    """What differs there, with the system's name given: this test runs anywhere."""

    def test_a_sync_goes_through_the_cache_of_the_drive(self, tmp_path: Path) -> None:
        calls: list[int] = []
        with (tmp_path / "file").open("wb") as file:
            disk.sync(file.fileno(), control=lambda _, command: calls.append(command))
        assert calls == [51]

    def test_a_file_system_without_such_a_sync_gets_the_ordinary_one(self, tmp_path: Path) -> None:
        def refused(handle: int, _command: int) -> None:
            raise OSError(errno.ENOTSUP, "not supported", str(handle))

        with (tmp_path / "file").open("wb") as file:
            disk.sync(file.fileno(), control=refused)
            number = os.dup(file.fileno())
        os.close(number)
        with pytest.raises(OSError, match="Bad file descriptor"):
            disk.sync(number, control=refused)

    def test_the_journal_is_synced_in_the_same_way(self) -> None:
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            for setting in disk.database_settings("darwin"):
                connection.execute(setting)
            names = ("fullfsync", "checkpoint_fullfsync")
            found = [connection.execute(f"PRAGMA {name}").fetchone() for name in names]
        assert found == [(1,), (1,)]
        assert disk.database_settings("linux") == disk.database_settings("win32") == ()
