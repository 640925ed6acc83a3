"""A model of a disk that loses power: what each file and folder holds, and what of it is durable.

The rules are those of POSIX, not those of one file system: the bytes of a file are durable once
the file is synced, a name once its folder is. Until then each write and each change of a name
may reach the disk or not, in any order.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path, PurePath
    from random import Random

ROOT: Final = 0
_SECTOR: Final = 512

Name = tuple[int, str]
"""The number of a folder, and a name in it."""


@dataclass(frozen=True, slots=True)
class Write:
    """A change of a file's bytes: `data` at `offset`, or without data the size `offset`."""

    order: int
    offset: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        """Change `content`."""
        if self.data is None:
            del content[self.offset :]
            content.extend(bytes(self.offset - len(content)))
            return
        content.extend(bytes(max(0, self.offset - len(content))))
        content[self.offset : self.offset + len(self.data)] = self.data

    def torn(self) -> Write:
        """Return the first part of a write that was cut off, whole sectors if it has several."""
        if self.data is None:
            return self
        half = len(self.data) // 2
        kept = half - half % _SECTOR if half > _SECTOR else half
        return Write(self.order, self.offset, self.data[:kept])

    def blank(self) -> Write:
        """Return the write with zeros for its data: the size is on the disk, the bytes are not."""
        return self if self.data is None else Write(self.order, self.offset, bytes(len(self.data)))


@dataclass(frozen=True, slots=True)
class Rename:
    """A change of names, done in one step: each leads to another file or folder, or to none."""

    order: int
    names: Mapping[Name, int | None]


@dataclass(slots=True)
class Node:
    """A file or a folder: its mode, its durable bytes, and what was written since."""

    is_folder: bool
    mode: int
    durable: bytes = b""
    content: bytearray = field(default_factory=bytearray)
    pending: list[Write] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Image:
    """All that a disk holds: the modes of its folders and files, by path, and the files' bytes."""

    folders: Mapping[str, int]
    files: Mapping[str, tuple[int, bytes]]

    @property
    def key(self) -> int:
        """A hash that two disks with the same content share."""
        return hash((frozenset(self.folders), frozenset(self.files.items())))

    def write_to(self, root: Path) -> None:
        """Make `root` hold this and nothing else."""
        for old in root.iterdir():
            if old.is_dir():
                shutil.rmtree(old)
            else:
                old.unlink()
        for name in sorted(self.folders):
            (root / name).mkdir(mode=self.folders[name])
        for name, (mode, data) in self.files.items():
            (root / name).write_bytes(data)
            (root / name).chmod(mode)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a power failure does to changes that are not durable."""

    name: str
    bytes_kept: Callable[[list[Write]], Iterable[Write]]
    names_kept: Callable[[list[Rename]], Iterable[Rename]]


class Disk:
    """A disk that begins with what a folder holds, all of it durable."""

    def __init__(self, root: Path) -> None:
        self._nodes: dict[int, Node] = {ROOT: Node(is_folder=True, mode=0o700)}
        self._names: dict[Name, int] = {}
        self._durable: dict[Name, int] = {}
        self._pending: list[Rename] = []
        self._order = 0
        for path in sorted(root.rglob("*")):
            if not (path.is_dir() or path.is_file()):
                continue
            data = b"" if path.is_dir() else path.read_bytes()
            mode = path.stat().st_mode & 0o777
            number = self._made(Node(path.is_dir(), mode, data, bytearray(data)))
            self._names[self.place(path.relative_to(root))] = number
        self._durable = dict(self._names)

    # -- what a program does --------------------------------------------------------------

    def place(self, path: PurePath) -> Name:
        """Return the folder and the name that a path below the root means."""
        folder = ROOT
        for part in path.parts[:-1]:
            folder = self._names[folder, part]
        return folder, path.parts[-1] if path.parts else ""

    def find(self, path: PurePath) -> int | None:
        """Return the number of what a path leads to."""
        if not path.parts:
            return ROOT
        try:
            return self._names.get(self.place(path))
        except KeyError:
            return None

    def make(self, path: PurePath, *, mode: int, is_folder: bool = False) -> int:
        """Make an empty file or folder."""
        number = self._made(Node(is_folder, mode))
        self.rename({self.place(path): number})
        return number

    def rename(self, names: Mapping[Name, int | None]) -> None:
        """Change names in one step."""
        self._order += 1
        _change(self._names, names)
        self._pending.append(Rename(self._order, dict(names)))

    def write(self, number: int, offset: int, data: bytes) -> None:
        """Write into a file."""
        self._apply(number, offset, data)

    def resize(self, number: int, size: int) -> None:
        """Cut a file off, or fill it up with zeros."""
        if size != self.size(number):
            self._apply(number, size, None)

    def set_mode(self, number: int, mode: int) -> None:
        """Change a mode; it is taken for durable at once, since nothing depends on it."""
        self._nodes[number].mode = mode

    def sync(self, number: int) -> None:
        """Make a file's bytes durable, or a folder's names."""
        node = self._nodes[number]
        if not node.is_folder:
            node.durable, node.pending = bytes(node.content), []
            return
        kept = []
        for change in self._pending:
            if any(folder == number for folder, _ in change.names):
                _change(self._durable, change.names)
            else:
                kept.append(change)
        self._pending = kept

    def size(self, number: int) -> int:
        """Return a file's size."""
        return len(self._nodes[number].content)

    # -- what a power failure leaves ------------------------------------------------------

    def after(self, loss: Loss) -> Image:
        """Return what the disk holds after a power failure."""
        names = dict(self._durable)
        for rename in loss.names_kept(self._pending):
            _change(names, rename.names)
        pending = [write for node in self._nodes.values() for write in node.pending]
        kept: dict[int, Write] = {write.order: write for write in loss.bytes_kept(pending)}
        folders: dict[str, int] = {}
        files: dict[str, tuple[int, bytes]] = {}
        open_folders = [(ROOT, "")]
        below: dict[int, list[tuple[str, int]]] = {}
        for (folder, name), number in names.items():
            below.setdefault(folder, []).append((name, number))
        while open_folders:
            folder, prefix = open_folders.pop()
            for name, number in below.get(folder, ()):
                node, path = self._nodes[number], prefix + name
                if node.is_folder:
                    folders[path] = node.mode
                    open_folders.append((number, path + "/"))
                else:
                    files[path] = node.mode, _bytes_of(node, kept)
        return Image(folders, files)

    def _made(self, node: Node) -> int:
        number = len(self._nodes)
        self._nodes[number] = node
        return number

    def _apply(self, number: int, offset: int, data: bytes | None) -> None:
        self._order += 1
        change = Write(self._order, offset, data)
        change.apply(self._nodes[number].content)
        self._nodes[number].pending.append(change)


def _change(names: dict[Name, int], change: Mapping[Name, int | None]) -> None:
    for name, number in change.items():
        if number is None:
            names.pop(name, None)
        else:
            names[name] = number


def _bytes_of(node: Node, kept: Mapping[int, Write]) -> bytes:
    if not node.pending:
        return node.durable
    content = bytearray(node.durable)
    for write in node.pending:
        if write.order in kept:
            kept[write.order].apply(content)
    return bytes(content)


def _every(changes: list[Rename]) -> list[Rename]:
    return changes


def _none(_: list[Rename]) -> list[Rename]:
    return []


def _torn(writes: list[Write]) -> list[Write]:
    last = max((write.order for write in writes), default=0)
    return [write.torn() if write.order == last else write for write in writes]


LOSSES: Final = (
    Loss("complete", lambda writes: writes, _every),
    Loss("unsynced lost", lambda _: (), _none),
    Loss("last write torn", _torn, _every),
    Loss("names without bytes", lambda _: (), _every),
    Loss("names with zeros", lambda writes: [write.blank() for write in writes], _every),
    Loss("bytes without names", lambda writes: writes, _none),
    Loss("last name first", lambda _: (), lambda renames: renames[-1:]),
    Loss("all names but the first", lambda writes: writes, lambda renames: renames[1:]),
)
"""Each change that is not durable is kept or not; these are the ways that file systems have."""


def shuffled(chance: Random) -> Loss:
    """Return a loss that keeps each change by chance."""
    return Loss(
        "by chance",
        lambda writes: [write for write in writes if chance.random() < 0.5],
        lambda renames: [rename for rename in renames if chance.random() < 0.5],
    )
