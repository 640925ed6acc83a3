"""What `fluxcli assets init` writes: an example manifest, and lines for git about its files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from fluxcli.build.manifest.example import example
from fluxcli.errors import Code, FluxError
from fluxcli.files.atomic import write_atomically
from fluxcli.system import disk

if TYPE_CHECKING:
    from pathlib import Path

_ATTRIBUTES: Final = "{lock} merge=union"
_IGNORED: Final = ("{stem}.sandbox.lock", ".sandbox/", ".candidates/", ".*.busy")


def init(path: Path) -> list[Path]:
    """Write an example manifest, and lines for git beside it; return the files that changed.

    Lines are added to git's files where they are missing; an existing manifest is kept. Running
    it again changes nothing.

    Raises:
        FluxError: USAGE: the name is not that of a manifest; OUTPUT_UNWRITABLE.
    """
    if path.suffix != ".toml":
        message = f"`{path.name}`: a manifest's name must end in `.toml`"
        raise FluxError(Code.USAGE, message, hint="fluxcli assets init")
    changed = []
    stem = path.name.removesuffix(".toml")
    attributes = _ATTRIBUTES.format(lock=f"{stem}.lock")
    ignored = [line.format(stem=stem) for line in _IGNORED]
    try:
        disk.make_folders(path.parent)
        if not os.path.lexists(path):
            write_atomically(path, example().encode())
            changed.append(path)
        for name, lines in ((".gitattributes", [attributes]), (".gitignore", ignored)):
            if _append(path.parent / name, lines):
                changed.append(path.parent / name)
    except (OSError, UnicodeDecodeError) as error:
        reason = (getattr(error, "strerror", None) or "not text in UTF-8").lower()
        raise FluxError(Code.OUTPUT_UNWRITABLE, f"`{path.parent}`: {reason}") from error
    return changed


def _append(path: Path, lines: list[str]) -> bool:
    """Add the lines that a file does not have, with the line ends that it has."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise FluxError(Code.OUTPUT_UNWRITABLE, f"`{path}` is not a regular file")
    before = path.read_bytes() if path.exists() else b""
    data = before.decode("utf-8-sig")
    present = {line.strip() for line in data.splitlines()}
    missing = [line for line in lines if line not in present]
    if not missing:
        return False
    newline = "\r\n" if "\r\n" in data else "\n"
    gap = "" if not data or data.endswith("\n") else newline
    added = gap + "".join(line + newline for line in missing)
    write_atomically(path, before + added.encode())
    return True
