"""A lock between processes: it ends with its holder, names it, and leaves no file."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fluxcli.filelock import FileLock
from fluxcli.system.processes import alive

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLD = """
import sys
from pathlib import Path
from fluxcli.filelock import FileLock

FileLock(Path(sys.argv[1])).acquire(wait=True)
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the lock at `path`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the lock lies; its folder is not there yet."""
    return tmp_path / "locks" / "one.lock"


def test_a_descriptor_that_cannot_be_closed_releases_the_lock_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, close = FileLock(path), os.close

    def failing(handle: int) -> None:
        close(handle)
        raise OSError(errno.EIO, "i/o error")

    assert lock.acquire(wait=False)
    with monkeypatch.context() as patched:
        patched.setattr(os, "close", failing)
        lock.release()
    assert FileLock(path).acquire(wait=False)


def test_one_holder_at_a_time(path: Path) -> None:
    first, second = FileLock(path), FileLock(path)
    assert first.acquire(wait=False)
    assert not second.acquire(wait=False)
    first.release()
    assert second.acquire(wait=False)
    second.release()


def test_within_a_block(path: Path) -> None:
    with FileLock(path):
        assert not FileLock(path).acquire(wait=False)
    assert FileLock(path).acquire(wait=False)


def test_another_process_is_named(path: Path) -> None:
    with holder(path) as process:
        mutex = FileLock(path)
        assert not mutex.acquire(wait=False)
        assert mutex.holder() == process.pid
        assert mutex.held_elsewhere()


def test_a_killed_process_holds_nothing(path: Path) -> None:
    with holder(path) as process:
        process.kill()
        process.wait(10)
        assert not FileLock(path).held_elsewhere()
        assert FileLock(path).acquire(wait=False)


def test_asking_creates_nothing(path: Path) -> None:
    assert not FileLock(path).held_elsewhere()
    assert FileLock(path).holder() is None
    assert not path.parent.exists()


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff\xfe"])
def test_a_file_that_names_no_process(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert FileLock(path).holder() is None
    assert not FileLock(path).held_elsewhere()


def test_a_reused_process_number_is_not_the_holder(path: Path) -> None:
    """The file of a process that died long ago names one that lives, and has nothing to do."""
    path.parent.mkdir()
    path.write_text(str(os.getpid()))
    assert not FileLock(path).held_elsewhere()


def test_its_file_goes_with_it_where_that_is_requested(path: Path) -> None:
    mutex = FileLock(path)
    mutex.acquire(wait=False)
    mutex.release(remove=True)
    assert not path.exists()
    mutex.release(remove=True)


def test_a_file_that_was_removed_meanwhile_does_not_lock(path: Path) -> None:
    """A process that opened it before it was removed starts again with the new one."""
    first, second = FileLock(path), FileLock(path)
    first.acquire(wait=False)
    path.unlink()
    assert second.acquire(wait=False)
    assert not FileLock(path).acquire(wait=False)
    first.release(remove=False)
    second.release()


def test_a_folder_in_its_place(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        FileLock(path).acquire(wait=False)


def test_which_processes_are_alive() -> None:
    assert alive(os.getpid())
    assert alive(1)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(10)
    assert not alive(process.pid)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_file_that_cannot_be_written_to_is_closed_again() -> None:
    def handles() -> list[str]:
        return sorted(path.name for path in Path("/proc/self/fd").iterdir())

    before = handles()
    with pytest.raises(OSError, match=r"."):
        FileLock(Path("/dev/full")).acquire(wait=False)
    assert handles() == before
