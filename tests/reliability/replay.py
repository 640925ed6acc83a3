"""Carries recorded system calls out on the model of a disk, and keeps count of what was sent."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from tests.reliability.disk import LOSSES, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.reliability.disk import Disk
    from tests.reliability.syscalls import Call

_UNMODELLED: Final = {"symlink", "symlinkat", "copy_file_range", "sendfile", "pwritev"}
_SENDING: Final = {"sendto", "sendmsg", "write", "writev"}
_ON_NAMES: Final = {"rename", "link", "unlink", "rmdir", "mkdir", "chmod", "fchmod"}
_SYNCS: Final = {"fsync", "fdatasync", "rename", "link", "unlink", "close"}
_MAPPED: Final = "-shm"
"""The end of the name of SQLite's index, which is mapped into memory and recreated after a loss."""


@dataclass(slots=True)
class _Open:
    """An open file: what it is, where the next write goes."""

    number: int
    position: int = 0
    appends: bool = False


@dataclass
class Replay:
    """The calls of one process, below `root`; `sent` are the ports that a request was sent from.

    `disk` is as it was before the first call. `is_request` decides which sent bytes complete a
    paid request.
    """

    root: Path
    cwd: Path
    disk: Disk
    is_request: Callable[[bytes], bool]
    sent: list[int] = field(default_factory=list)
    _open: dict[int, _Open] = field(default_factory=dict)

    def run(self, calls: Sequence[Call]) -> Iterator[Call]:
        """Carry the calls out; yield each that changes the disk or sends a request, once done."""
        for call in calls:
            if self._carry_out(call):
                yield call

    def check(self) -> None:
        """Check that the model has come to what the real folder holds.

        Raises:
            AssertionError: it has not, so that the experiment would prove nothing.
        """
        modelled = self.disk.after(LOSSES[0])
        real = {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file()
        }
        for name in real.keys() | modelled.files.keys():
            if not name.endswith(_MAPPED):
                held = modelled.files.get(name, (0, None))[1]
                assert held == real.get(name), f"the model of the disk is wrong about {name}"

    # -- one call -------------------------------------------------------------------------

    def _carry_out(self, call: Call) -> bool:
        name = call.name.removesuffix("2").removesuffix("64").removesuffix("at")
        opened = self._open.get(call.descriptor)
        if name in {"open", "creat"}:
            changed = self._opened(call)
        elif name in _ON_NAMES:
            changed = self._named(name, call)
        elif name in {"dup", "dup3", "fcntl"}:
            changed = self._duplicated(call)
        elif call.name in _UNMODELLED:
            assert not self._is_ours(call), f"{call.name} is not modelled"
            changed = False
        elif opened is not None:
            changed = self._used(name, call, opened)
        else:
            changed = self._send(call)
        return changed

    def _send(self, call: Call) -> bool:
        if call.name in _SENDING and call.port is not None and self.is_request(call.data):
            self.sent.append(call.port)
            return True
        return False

    def _is_ours(self, call: Call) -> bool:
        return call.descriptor in self._open or any(map(self._below, call.paths))

    def _below(self, path: str) -> PurePath | None:
        """Return a path relative to the root; None if it leads elsewhere."""
        whole = Path(os.path.normpath(self.cwd / path))
        return whole.relative_to(self.root) if whole.is_relative_to(self.root) else None

    def _opened(self, call: Call) -> bool:
        self._open.pop(call.result, None)
        path = self._below(call.paths[0])
        if path is None:
            return False
        number, flags = self.disk.find(path), call.arguments
        made = number is None
        if number is None:
            mode = int(flags.rpartition(", ")[2], 8) if "O_CREAT" in flags else 0o600
            number = self.disk.make(path, mode=mode & 0o755)
        elif "O_TRUNC" in flags:
            self.disk.resize(number, 0)
        self._open[call.result] = _Open(number, appends="O_APPEND" in flags)
        return made or "O_TRUNC" in flags

    def _duplicated(self, call: Call) -> bool:
        opened = self._open.get(call.descriptor)
        if opened is not None and (call.name != "fcntl" or "F_DUPFD" in call.arguments):
            self._open[call.result] = opened
        return False

    def _used(self, name: str, call: Call, opened: _Open) -> bool:
        disk, number = self.disk, opened.number
        match name:
            case "close":
                del self._open[call.descriptor]
            case "read":
                opened.position += call.result
                return False
            case "lseek":
                opened.position = call.result
                return False
            case "write" | "writev":
                start = disk.size(number) if opened.appends else opened.position
                disk.write(number, start, call.data)
                opened.position = start + call.result
            case "pwrite":
                disk.write(number, call.numbers[-1], call.data)
            case "ftruncate":
                disk.resize(number, call.numbers[-1])
            case "fallocate":
                assert ", 0, " in call.arguments, "only plain reserving is modelled"
                disk.resize(number, max(disk.size(number), sum(call.numbers[-2:])))
            case "fsync" | "fdatasync":
                disk.sync(number)
            case _:
                raise AssertionError(f"{call.name} is not modelled")
        return True

    def _named(self, name: str, call: Call) -> bool:
        if name == "fchmod" and call.descriptor in self._open:
            self.disk.set_mode(self._open[call.descriptor].number, call.numbers[-1])
            return False
        found = [self._below(path) for path in call.paths]
        if not found or None in found:
            assert not any(found), f"{call.name} out of the folder is not modelled"
            return False
        paths = [path for path in found if path is not None]
        number, places = self.disk.find(paths[0]), [self.disk.place(path) for path in paths]
        match name:
            case "mkdir":
                self.disk.make(paths[0], mode=0o700, is_folder=True)
            case "rename":
                self.disk.rename({places[0]: None, places[1]: number})
            case "link":
                self.disk.rename({places[1]: number})
            case "unlink" | "rmdir":
                self.disk.rename({places[0]: None})
            case "chmod" | "fchmod":
                self.disk.set_mode(number or ROOT, call.numbers[-1])
                return False
            case _:
                raise AssertionError(f"{call.name} is not modelled")
        return True


def is_sync_point(call: Call) -> bool:
    """Return whether the call is one at which something becomes durable, or a name changes."""
    name = call.name.removesuffix("2").removesuffix("at")
    return name in _SYNCS or call.name in _SENDING - {"write", "writev"}
