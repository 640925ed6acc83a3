"""Locks on open files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.system.handle_lock import lock

if TYPE_CHECKING:
    from pathlib import Path


def test_one_handle_at_a_time_and_the_content_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"123")
    with path.open("r+b") as first, path.open("r+b") as second:
        assert lock(first.fileno(), wait=True)
        assert not lock(second.fileno(), wait=False)
        assert second.read() == b"123"
        first.close()
        assert lock(second.fileno(), wait=False)
