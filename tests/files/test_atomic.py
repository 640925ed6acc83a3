from __future__ import annotations

import errno
import os
import resource
import stat
from typing import TYPE_CHECKING

import pytest

from fluxcli.errors import reason_of
from fluxcli.files.atomic import TemporaryFile, unfinished_writes, write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_replaced_and_its_mode_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [found.name for found in tmp_path.iterdir()] == ["a"]


def test_a_given_mode_replaces_the_mode_of_an_existing_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_atomically(path, b"new", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_target_that_is_not_a_regular_file_is_refused_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        write_atomically(tmp_path / "pipe", b"new")
    assert [found.name for found in tmp_path.iterdir()] == ["pipe"]


def test_the_next_write_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    left = TemporaryFile(tmp_path / "config.toml", token="write")  # noqa: S106 - part of a name
    left.file.close()
    assert unfinished_writes(tmp_path / "config.toml") == [left.path]
    write_atomically(tmp_path / "config.toml", b"new")
    assert [found.name for found in tmp_path.iterdir()] == ["config.toml"]


def test_a_write_by_another_process_is_not_disturbed(tmp_path: Path) -> None:
    other = TemporaryFile(tmp_path / "a", token="write")  # noqa: S106 - part of a name
    other.file.write(b"theirs")
    write_atomically(tmp_path / "a", b"ours")
    assert (tmp_path / "a").read_bytes() == b"ours"
    other.file.flush()
    other.install(replace=True)
    other.discard()
    assert (tmp_path / "a").read_bytes() == b"theirs"
    assert [found.name for found in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("mode", [None, 0o600])
def test_a_failed_write_leaves_the_file_and_nothing_else(tmp_path: Path, mode: int | None) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_atomically(path, b"x" * 100, mode=mode)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["a"]


def test_a_link_in_the_temporary_files_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / ".a.write.part").symlink_to("victim")
    write_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_long_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 255)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_part_whose_names_are_all_taken_is_an_error_that_names_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "same")
    first, second = (TemporaryFile(tmp_path / "a.png", token="t") for _ in range(2))  # noqa: S106 - no secret
    with pytest.raises(FileExistsError) as caught:
        TemporaryFile(tmp_path / "a.png", token="t")  # noqa: S106 - no secret
    assert (caught.value.errno, caught.value.strerror) == (errno.EEXIST, "File exists")
    assert caught.value.filename == str(tmp_path / "a.png")
    for part in (first, second):
        part.discard()
    assert list(tmp_path.iterdir()) == []


def test_only_a_regular_file_is_replaced(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not a regular file") as caught:
        write_atomically(tmp_path, b"data")
    assert reason_of(caught.value) == "not a regular file"
