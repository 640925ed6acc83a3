"""Finds the manifest of a command: the named one, or the nearest in the folders above."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from fluxcli.errors import Code, FluxError

DEFAULT_NAME: Final = "assets.toml"
"""The manifest that is searched for when none is named; its lock is `assets.lock`."""

INIT: Final = "fluxcli assets init"


def find_manifest(cwd: Path, named: str | None, home: str | None) -> tuple[Path, str]:
    """Return a manifest's absolute path, and how to write it relative to `cwd`.

    Without a name, `assets.toml` is searched for in `cwd` and the folders above. The search ends
    with the folder that has `.git`, with the folder `home`, or at the root of the file system. If a
    manifest further up includes the one found, that manifest is used: they share a lock.

    Raises:
        FluxError: MANIFEST_INVALID: none is named and there is none.
    """
    if named is not None:
        return cwd / named, named
    found = [folder / DEFAULT_NAME for folder in _folders(cwd, home)]
    found = [path for path in found if os.path.lexists(path)]
    if not found:
        raise missing()
    chosen = found[0]
    for above in found[1:]:
        if _includes(above, os.path.realpath(chosen), set()):
            chosen = above
    return chosen, shown_from(chosen, cwd)


def resolved_link(path: Path) -> Path:
    """Return a manifest's path without `..`; of a symbolic link, the file that it leads to."""
    if path.is_symlink():
        return Path(os.path.realpath(path))
    return Path(os.path.realpath(path.parent)) / path.name if ".." in path.parts else path


def missing() -> FluxError:
    """Return the error for a folder without a manifest."""
    message = f"there is no `{DEFAULT_NAME}` in this folder or above it"
    return FluxError(Code.MANIFEST_INVALID, message, hint=INIT)


def default_manifest(cwd: Path, home: str | None) -> str:
    """Return how to write the manifest that is found from `cwd`; `assets.toml` without one."""
    try:
        return find_manifest(cwd, None, home)[1]
    except FluxError:
        return DEFAULT_NAME


def named_or_found(cwd: Path, named: str | None, home: str | None) -> str:
    """Return the manifest that is named, or how to write the one that is found, from `cwd`.

    Raises:
        FluxError: MANIFEST_INVALID: none is named and there is none.
    """
    return find_manifest(cwd, named, home)[1]


def shown_from(path: Path, cwd: Path) -> str:
    """Return a path as it is written relative to `cwd`, with `/`."""
    try:
        return Path(os.path.relpath(path, cwd)).as_posix()
    except ValueError:  # another drive of Windows
        return str(path)


def _folders(cwd: Path, home: str | None) -> list[Path]:
    last = {os.path.realpath(home)} if home else set()
    folders = []
    for folder in (cwd, *cwd.parents):
        folders.append(folder)
        if os.path.lexists(folder / ".git") or os.path.realpath(folder) in last:
            break
    return folders


def _includes(path: Path, wanted: str, seen: set[str]) -> bool:
    from fluxcli.build.manifest.includes import included_names

    for name in included_names(path):
        file = path.parent / name
        real = os.path.realpath(file)
        if real == wanted:
            return True
        if real not in seen:
            seen.add(real)
            if _includes(file, wanted, seen):
                return True
    return False
