"""Shards as they are meant to be run: processes side by side, one account, locks merged."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.build.lock.lock_file import read
from tests.benchmarks import fast_clock

if TYPE_CHECKING:
    from fluxcli.build.lock.entry import LockEntry

SPEED: Final = 20
"""Forty pictures take at least ten seconds; the clock runs faster."""

MANIFEST: Final = (
    "version = 1\noutput_dir = 'images'\n"
    + "".join(f"[assets.a{n}]\nprompt = 'picture {n}'\n" for n in range(32))
    + "".join(f"[assets.b{n}]\nedit = '@a{n}'\nprompt = 'edit {n}'\n" for n in range(8))
)


class Machine:
    """A folder with a manifest, an account in the sandbox, and its clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._clock = (str(SPEED), str(time.time()))
        folder.mkdir()
        (folder / "assets.toml").write_text(MANIFEST, encoding="utf-8")

    def start(self, *words: str, command: str = "build") -> subprocess.Popen[str]:
        root = Path(__file__).parents[2]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(root),
            "FLUXCLI_SANDBOX": "1",
            "FLUXCLI_STATE_DIR": str(self.folder / "state"),
        }
        arguments = [sys.executable, str(fast_clock.__file__), *self._clock, command, *words]
        return subprocess.Popen(
            arguments,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, command: str = "build") -> None:
        self.end(self.start(*words, command=command))

    def end(self, process: subprocess.Popen[str]) -> None:
        _, message = process.communicate(timeout=100)
        assert process.returncode == 0, message

    def lock(self) -> dict[str, LockEntry]:
        return read(self.folder / ".sandbox" / "assets.sandbox.lock")


def comparable(name: str, lock: dict[str, LockEntry]) -> tuple[object, ...]:
    """Return what a lock has for an asset, without what differs between builds: ids, times, bytes.

    What an edit's request is hashed from has its parent's bytes in it, so that it is compared
    by its parts, and those bytes with the parent's.
    """
    made = lock[name].made
    assert made is not None
    assert lock[name].pending is None
    ask, request = made.request, made.request.hash
    parts = ask.made_from.split()
    if ask.input is not None:
        parent = lock[ask.input.removeprefix("@")].made
        assert parent is not None
        assert ask.input_sha256 == parent.sha256
        request, parts = "", [part for part in parts if not part.startswith("input=")]
    picture = (made.output, made.width, made.height, made.format)
    return (request, parts, ask.model, ask.input, *picture)


def test_shards_side_by_side_come_to_what_one_build_comes_to(tmp_path: Path) -> None:
    whole, shards = Machine(tmp_path / "whole"), Machine(tmp_path / "shards")
    whole.run("--yes", "--quiet")
    for process in [shards.start("--shard", f"{n}/4", "--yes", "--quiet") for n in range(1, 5)]:
        shards.end(process)
    locks = sorted(str(path) for path in (shards.folder / ".sandbox").glob("*.lock.*"))
    assert len(locks) == 4
    shards.run("merge", *locks, command="assets")
    merged, one = shards.lock(), whole.lock()
    assert len(one) == 40
    assert {name: comparable(name, merged) for name in merged} == {
        name: comparable(name, one) for name in one
    }
    shards.run("--check")
    for lock in locks:
        Path(lock).unlink()
    shards.run("--check")
