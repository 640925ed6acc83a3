"""Whether Windows can hold a path. Pure: works on every system, reads no disk.

Source: learn.microsoft.com, "Naming Files, Paths, and Namespaces".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.files.filename import portability_problem

if TYPE_CHECKING:
    from pathlib import PureWindowsPath

_DEVICES = ("\\\\.\\", "//./")


def windows_problem(path: PureWindowsPath) -> str | None:
    """Return why an absolute path cannot be used on Windows; None if it can."""
    if path.drive.startswith(_DEVICES):
        return f"`{path.drive}` is a device"
    if path.drive and not path.root:
        return f"`{path}` names the drive `{path.drive}` without a folder"
    names = path.parts[1:] if path.anchor else path.parts
    if not names and path.drive.startswith("\\\\"):
        return f"`{path}` names a share without a file"
    return next((problem for name in names if (problem := portability_problem(name))), None)
