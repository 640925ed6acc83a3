"""Whether an image can be saved at a path is known before anything is paid."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.files.output_path import check_free, check_writable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = 65534


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Judge access as an ordinary user even where the tests run as root."""
    if os.getuid() != 0:
        yield
        return
    os.setreuid(NOBODY, 0)
    try:
        yield
    finally:
        os.setreuid(0, 0)


def unwritable(path: Path, *, folder: bool = False) -> str:
    with pytest.raises(FluxError) as caught:
        check_writable(path, folder=folder)
    assert caught.value.code is Code.OUTPUT_UNWRITABLE
    assert caught.value.hint
    return caught.value.message


def test_an_existing_file_is_refused_unless_a_flag_says_what_to_do(tmp_path: Path) -> None:
    old, new = tmp_path / "old.png", tmp_path / "deep" / "new.png"
    old.write_bytes(b"old")
    with pytest.raises(FluxError) as caught:
        check_free([new, old], force=False, skip_existing=False)
    assert caught.value.code is Code.WOULD_OVERWRITE
    assert caught.value.message == f"`{old}` already exists"
    assert "--force" in str(caught.value.hint)
    assert "--skip-existing" in str(caught.value.hint)
    assert check_free([new, old], force=True, skip_existing=False) == [new, old]
    assert check_free([new, old], force=False, skip_existing=True) == [new]
    assert check_free([old, new], force=False, skip_existing=True) == [new]
    assert list(tmp_path.iterdir()) == [old]


def test_a_link_counts_as_what_it_names(tmp_path: Path) -> None:
    """A link to nothing overwrites nothing."""
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "real.png")
    assert check_free([link], force=False, skip_existing=False) == [link]
    (tmp_path / "real.png").write_bytes(b"old")
    with pytest.raises(FluxError, match="already exists"):
        check_free([link], force=False, skip_existing=False)


def test_devices_are_never_overwritten(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    paths = [type(fifo)("/dev/null"), fifo, type(fifo)("/dev/fd/77")]
    assert check_free(paths, force=False, skip_existing=False) == paths


def test_a_stream_that_leads_into_a_file_is_written_on(tmp_path: Path) -> None:
    """`3>log` already exists, and nothing of it is replaced."""
    with (tmp_path / "log").open("wb") as stream:
        path = type(tmp_path)(f"/dev/fd/{stream.fileno()}")
        assert check_free([path], force=False, skip_existing=False) == [path]


def test_a_folder_is_refused_as_the_output_of_a_file(tmp_path: Path) -> None:
    """Not even with a flag: neither replaces a folder, nor skips it as if it were the picture."""
    assert unwritable(tmp_path) == f"`{tmp_path}` is a folder"
    with pytest.raises(FluxError, match="is a folder"):
        check_free([tmp_path], force=False, skip_existing=True)
    check_writable(tmp_path, folder=True)


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    assert unwritable(file / "a" / "b.png") == f"`{file}` is not a folder"
    assert unwritable(file, folder=True) == f"`{file}` is not a folder"


def test_access_is_judged_where_the_folders_begin(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o400)
    closed.chmod(0o500)
    with unprivileged():
        assert "may not be written to" in unwritable(closed / "new" / "a.png")
        assert "may not be written to" in unwritable(closed / "new", folder=True)
        assert "may not be written to" in unwritable(fifo)
    closed.chmod(0o700)
    check_writable(closed / "new" / "a.png")
    assert list(closed.iterdir()) == []
