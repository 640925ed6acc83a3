"""The manifest and the files that it includes, read from the disk, each checked to be a file.

Included files lie in or below the folder of the file that includes them, after symbolic links
are resolved. A file is included once.
"""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli import tomltext
from fluxcli.build.manifest.asset import VERSION
from fluxcli.build.manifest.asset_paths import inside, is_inside
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.settings.parsers import BadValueError

if TYPE_CHECKING:
    from fluxcli.build.manifest.problems import FileProblems, ProblemList
    from fluxcli.tomltext import Toml

MOST_BYTES: Final = 4 << 20
"""A manifest has at most 4 MB; ten thousand assets take 2 MB."""

MOST_FILES: Final = 500


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file; `prefix` is its folder relative to the first one's, "" or ending in `/`.

    `parent` is the number of the file that includes it; None for the first.
    """

    toml: Toml
    prefix: str
    problems: FileProblems
    parent: int | None = None

    @property
    def folder(self) -> Path:
        """The folder that its paths are relative to."""
        return self.toml.path.parent


def load(path: Path, shown: str, text: bytes | None, problems: ProblemList) -> list[ManifestFile]:
    """Return the manifest at `path` and the files that it includes, each after its includer.

    `text` stands for what the file at `path` holds. What is wrong with an `include` is noted;
    such a file is left out.

    Raises:
        FluxError: MANIFEST_INVALID: a file cannot be read, is not TOML, or is of a later version.
        FileNotFoundError: there is no `path`.
    """
    first = _parsed(path, shown, _read(path, shown) if text is None else text)
    files = [ManifestFile(first, "", problems.add_file(first, shown))]
    seen = {os.path.realpath(path): shown}
    for number, file in enumerate(files):  # grows while it is read
        names = file.toml.values.get("include", ())
        for place, name in enumerate(names if isinstance(names, list) else ()):
            if not isinstance(name, str) or not name.strip() or "\0" in name:
                continue  # reported where entries are read
            found = _included_path(file, name, len(files), seen)
            if isinstance(found, tuple):
                file.problems.add(file.toml.value("include", place), *found)
                continue
            plain = posixpath.normpath(name)
            there = posixpath.join(posixpath.dirname(file.problems.shown), plain)
            seen[os.path.realpath(found)] = there
            toml = _parsed(found, there, _read(found, there))
            prefix = posixpath.dirname(posixpath.join(file.prefix, plain))
            files.append(
                ManifestFile(
                    toml, f"{prefix}/" if prefix else "", problems.add_file(toml, there), number
                )
            )
    return files


def _included_path(
    file: ManifestFile, name: str, count: int, seen: dict[str, str]
) -> Path | tuple[str, str | None]:
    """Return the path of an included file, or what is wrong with it, and a hint."""
    try:
        path = file.folder / inside(name)
    except BadValueError as bad:
        return f"the included file `{name}`: {bad.expected}", None
    if not is_inside(file.folder, path):
        return f"the included file `{name}` leads out of this file's folder", None
    real = os.path.realpath(path)
    if real in seen:
        return f"`{name}` is included twice or includes itself: it is `{seen[real]}`", None
    if count >= MOST_FILES:
        return f"more than {MOST_FILES} files are included", None
    return _missing(path, name) or path


def _missing(path: Path, name: str) -> tuple[str, str | None] | None:
    if path.is_dir():
        return f"the included file `{name}` is a folder", f'include = ["{name}/assets.toml"]'
    if not path.exists():
        near = _nearest_file(path)
        return f"there is no `{name}` to include", near and f"did you mean `{near}`?"
    return None


def included_names(path: Path) -> list[str]:
    """Return what the manifest at `path` includes, as written; nothing if it cannot be read."""
    try:
        names = _parsed(path, str(path), _read(path, str(path))).values.get("include", ())
    except (FluxError, OSError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def read_small(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file of at most `most` bytes.

    Raises:
        BadValueError: it is not a regular file, too large, or cannot be read.
        FileNotFoundError: it does not exist.
    """
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise BadValueError("is a folder")
        if not stat.S_ISREG(kind):
            raise BadValueError("is not a regular file")
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        if isinstance(error, BadValueError):
            raise
        reason = reason_of(error)
        raise BadValueError(f"cannot be read: {reason}") from error
    if len(data) > most:
        raise BadValueError(f"is over {most >> 20} MB")
    return data


def _read(path: Path, shown: str) -> bytes:
    try:
        return read_small(path, MOST_BYTES)
    except BadValueError as bad:
        raise FluxError(Code.MANIFEST_INVALID, f"`{shown}` {bad.expected}") from bad


def _parsed(path: Path, shown: str, data: bytes) -> Toml:
    toml = tomltext.parse(data, Path(shown), Code.MANIFEST_INVALID)
    version = toml.values.get("version")
    if isinstance(version, int) and not isinstance(version, bool) and version > VERSION:
        from fluxcli.system.upgrade import upgrade_command

        place = toml.value("version")
        where = f"{shown}:{place.line}:{place.column}"
        message = f"`{where}`: `version` is `{version}`: written by a later fluxcli; upgrade"
        raise FluxError(Code.MANIFEST_INVALID, message, hint=upgrade_command())
    return replace(toml, path=path)


def _nearest_file(path: Path) -> str | None:
    from fluxcli.settings.parsers import nearest

    try:
        names = [one.name for one in path.parent.iterdir() if one.suffix == ".toml"]
    except OSError:
        return None
    return nearest(path.name, names)
