"""A program's changes of files, and what it sends, as strace records them; Linux only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

POSSIBLE: Final = shutil.which("strace") is not None

_CALLS: Final = (
    *("open", "openat", "creat", "close", "dup", "dup2", "dup3", "fcntl", "read", "lseek"),
    *("write", "pwrite64", "writev", "pwritev", "truncate", "ftruncate", "fallocate"),
    *("fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat"),
    *("unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "symlink", "symlinkat"),
    *("chmod", "fchmod", "fchmodat", "sendto", "sendmsg", "copy_file_range", "sendfile"),
)
_LONGEST: Final = 1 << 24
_LINE: Final = re.compile(r"(\d+) +(.*)")
_WHOLE: Final = re.compile(r"(\w+)\((.*)\) += (-?\d+)")
_BROKEN_OFF: Final = " <unfinished ...>"
_RESUMED: Final = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FOLDER: Final = re.compile(r"(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>")
_NUMBER: Final = re.compile(r"-?\d+|0x[0-9a-f]+")
_SOCKET: Final = re.compile(r"<TCP(?:v6)?:\[[^]]*:(\d+)->")


@dataclass(frozen=True, slots=True)
class Call:
    """One call that succeeded: its name, its arguments as strace writes them, what it returned."""

    name: str
    arguments: str
    result: int

    @property
    def descriptor(self) -> int:
        """The first argument."""
        found = _NUMBER.match(self.arguments)
        return int(found[0]) if found else -1

    @property
    def numbers(self) -> list[int]:
        """The arguments that are numbers alone, descriptors and flags left out."""
        words = self.arguments.split(", ")
        return [_integer(word) for word in words if _NUMBER.fullmatch(word)]

    @property
    def data(self) -> bytes:
        """The bytes that were written or sent."""
        return b"".join(map(_decoded, _TEXT.findall(self.arguments)))[: self.result]

    @property
    def paths(self) -> list[str]:
        """The paths, each after the folder that it is relative to, if that is shown."""
        texts = [os.fsdecode(_decoded(text)) for text in _TEXT.findall(self.arguments)]
        folders = [os.fsdecode(_decoded(text)) for text in _FOLDER.findall(self.arguments)]
        folders += [""] * (len(texts) - len(folders))
        return [os.path.join(*pair) for pair in zip(folders, texts, strict=False)]  # noqa: PTH118 - text

    @property
    def place(self) -> str:
        """The file that it is about: of its descriptor, or the last path among its arguments."""
        opened = _FOLDER.match(self.arguments)
        if opened and not self.arguments.startswith("AT_FDCWD") and not self.name.endswith("at"):
            return os.fsdecode(_decoded(opened[1]))
        return "" if self.port else (self.paths or [""])[-1]

    @property
    def port(self) -> int | None:
        """Our own port of the TCP connection that it is about."""
        found = _SOCKET.search(self.arguments.partition(",")[0])
        return int(found[1]) if found else None


def record(
    words: Sequence[str], *, env: Mapping[str, str], cwd: Path, trace: Path
) -> tuple[int, list[Call], str]:
    """Run a program to its end; return its status, its calls in order, and its stderr.

    The calls of all threads are in the order in which they returned.
    """
    tool = ["strace", "-f", "-yy", "-xx", "-qq", "-s", str(_LONGEST), "-o", str(trace)]
    ran = subprocess.run(
        [*tool, "-e", f"trace={','.join(_CALLS)}", *words],
        env=env,
        cwd=cwd,
        capture_output=True,
        check=False,
        timeout=300,
    )
    with trace.open() as lines:
        calls = list(parse(lines))
    trace.unlink()
    return ran.returncode, calls, ran.stderr.decode()


def parse(lines: Iterator[str]) -> Iterator[Call]:
    """Yield the calls that succeeded, of strace's output."""
    begun: dict[str, str] = {}
    for line in lines:
        found = _LINE.match(line)
        if found is None:
            continue
        thread, text = found[1], found[2]
        if text.endswith(_BROKEN_OFF):
            begun[thread] = text.removesuffix(_BROKEN_OFF)
            continue
        if resumed := _RESUMED.match(text):
            text = begun.pop(thread, "") + resumed[2]
        whole = _WHOLE.match(text)
        if whole and int(whole[3]) >= 0:
            yield Call(whole[1], whole[2], int(whole[3]))


def _integer(word: str) -> int:
    """Return the value of a number; modes are written as in C, `0644`."""
    return int(word, 8) if word.startswith("0") and word.isdecimal() else int(word, 0)


def _decoded(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
