"""How many files and how much memory the process may still take."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from math import inf
from typing import TYPE_CHECKING

import pytest

from fluxcli.system.bounded_read import read_at_most
from fluxcli.system.headroom import need_handles, spare_handles, try_memory

if TYPE_CHECKING:
    from pathlib import Path


def within(limit: str, code: str) -> str:
    """Return what `code` prints in a shell with the limit `limit`."""
    line = f'ulimit {limit}; exec "$0" -c "$1"'
    code = f"from fluxcli.system.headroom import *; {code}"
    ran = subprocess.run(
        ["bash", "-c", line, sys.executable, code], capture_output=True, text=True, check=False
    )
    return ran.stdout.strip() or ran.stderr.strip().splitlines()[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="no ulimit")
class TestLimits:
    def test_open_files_are_subtracted_from_their_limit(self) -> None:
        assert within("-n 20", "print(spare_handles())") == "17"

    def test_too_few_handles_are_reported_as_the_system_does(self) -> None:
        assert "Too many open files" in within("-n 8", "need_handles(9)")
        assert within("-n 8", "print(need_handles(5))") == "None"

    def test_memory_that_the_limit_excludes_is_refused(self) -> None:
        assert within("-v 100000", "try_memory(1 << 30)") == "MemoryError"

    def test_a_trial_of_memory_takes_none(self) -> None:
        before = _size()
        try_memory(1 << 30)
        assert _size() - before < 1 << 20


def _size() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - no path
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def test_without_a_limit_there_is_always_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", lambda _: -1, raising=False)
    assert spare_handles() == inf
    need_handles(1 << 40)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_system_without_handles_has_none_to_spare(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refused)
    assert spare_handles() == 0


@pytest.mark.parametrize(("size", "most", "read"), [(0, 5, 0), (5, 5, 5), (6, 5, 6), (99, 5, 6)])
def test_a_file_is_read_up_to_its_limit_and_one_byte(
    tmp_path: Path, size: int, most: int, read: int
) -> None:
    (tmp_path / "f").write_bytes(bytes(size))
    with (tmp_path / "f").open("rb") as file:
        assert len(read_at_most(file, most)) == read


@pytest.mark.skipif(sys.platform == "win32", reason="no ulimit")
def test_a_small_file_takes_no_memory_of_its_limit(tmp_path: Path) -> None:
    code = (
        "from fluxcli.system.bounded_read import read_at_most; "
        f"print(len(read_at_most(open({str(tmp_path / 'f')!r}, 'rb'), 1 << 30)))"
    )
    (tmp_path / "f").write_bytes(b"abc")
    assert within("-v 100000", code) == "3"
