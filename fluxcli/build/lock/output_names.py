"""Whether an output that a lock names is valid: a relative path of an image. Pure.

A lock comes with a checkout and may have been written by anyone. What it names is read, moved
and deleted, so a path that this module refuses is never opened. Where symbolic links lead is
checked against the file system by `guard`.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from typing import TYPE_CHECKING, Final

from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ENDINGS: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif"})
_LONGEST: Final = 1024
_GIT: Final = re.compile(r"\.git[. ]*|git~\d+", re.IGNORECASE)
_DEVICE: Final = re.compile(
    r"(?:con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$) *(?:\..*)?", re.IGNORECASE
)


def problem_with(output: str) -> str | None:
    """Return why `output` cannot be the path of an image in the project; None if it can.

    The rules of every system hold on every system, since a lock travels between them.
    """
    parts = output.split("/")
    problems = (
        (
            not output or len(output) > _LONGEST or not output.isprintable(),
            "is not a printable path",
        ),
        ("\\" in output or output.startswith("/") or output[1:2] == ":", "is not a relative path"),
        (".." in parts, "leads out of the project's folder"),
        (parts[0].startswith("~"), "begins with `~`, which shells replace"),
        (posixpath.normpath(output) != output, "is not in its plain form"),
        (any(_GIT.fullmatch(part) for part in parts), "lies in git's own folder"),
        (any(_DEVICE.fullmatch(part) for part in parts), "is a device on Windows"),
        (posixpath.splitext(output)[1].lower() not in ENDINGS, "does not end as an image does"),
    )
    return next((words for found, words in problems if found), None)


class Guard:
    """Checks where paths lead, symbolic links followed; each folder is resolved once."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._root = os.path.realpath(folder)
        self._folders: dict[str, str] = {}

    def check(self, outputs: Iterable[str], source: Path) -> None:
        """Make sure that every path is that of an image below the folder, or of nothing.

        Raises:
            FluxError: LOCK_INVALID: one leads elsewhere, or to something other than a plain file.
        """
        for output in outputs:
            if objection := self._problem(output):
                raise FluxError(
                    Code.LOCK_INVALID,
                    f"`{source}`: the output `{output}` {objection}; "
                    "no file was touched, nothing was sent",
                    hint=f"git log -p -- {source.name}  (shows who wrote it)",
                )

    def _problem(self, output: str) -> str | None:
        above, _, name = output.rpartition("/")
        if above not in self._folders:
            self._folders[above] = os.path.realpath(os.path.join(self._folder, above))  # noqa: PTH118 - a path object for each of 10,000 costs as much as the plan
        real = f"{self._folders[above]}{os.sep}{name}"
        try:
            found = os.lstat(real)
            if stat.S_ISLNK(found.st_mode):
                real = os.path.realpath(real)
                found = os.stat(real)  # noqa: PTH116 - as above
            mode = found.st_mode
        except (FileNotFoundError, NotADirectoryError):
            mode = stat.S_IFREG
        except (OSError, ValueError):
            return "cannot be examined"
        if not real.startswith(self._root.rstrip(os.sep) + os.sep):
            return "leads out of the project's folder"
        if (
            objection := problem_with(os.path.relpath(real, self._root).replace(os.sep, "/"))
            if (real != f"{self._root}{os.sep}{output}")
            else None
        ):
            return f"leads to what {objection}"
        return None if stat.S_ISREG(mode) else "is not a plain file"
