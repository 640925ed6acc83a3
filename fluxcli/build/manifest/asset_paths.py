"""Where pictures lie: inside the manifest's folder, each at a place of its own.

Asks the file system where links lead; creates and changes nothing.
"""

from __future__ import annotations

import os
import posixpath
import stat
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.files.filename import HARD_LIMIT, size, split_ending
from fluxcli.settings.parsers import BadValueError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fluxcli.build.manifest.asset import Asset
    from fluxcli.build.manifest.problems import Problems
    from fluxcli.tomltext import Toml

_LONGEST_PATH: Final = 1024
_INPUTS: Final = frozenset({"png", "jpeg", "webp"})
_OUTSIDE: Final = "it leads out of the manifest's folder"


def output_folder(text: str, folder: Path) -> str:
    """Return `output_dir` in its plain form, relative to `folder`.

    Raises:
        BadValueError: it is no relative path, or leads out of the folder.
    """
    plain = _relative(text)
    if not is_inside(folder, folder / plain):
        raise BadValueError(_OUTSIDE)
    return plain


def below(output_dir: str, text: str) -> str:
    """Return an asset's output in its plain form, relative to the manifest's folder.

    Raises:
        BadValueError: it is no possible path, or its ending is of no format we can make.
    """
    if posixpath.isabs(text):
        raise BadValueError("expected a relative path")
    plain = _relative(posixpath.join(output_dir, text))
    if text.endswith("/") or not split_ending(plain.rpartition("/")[2])[1]:
        raise BadValueError("expected a file name that ends in `.png`, `.jpg` or `.{ext}`")
    return plain


def is_inside(folder: Path, path: Path) -> bool:
    """Tell whether a path, links followed, lies within the folder, links followed."""
    try:
        root, real = os.path.realpath(folder), os.path.realpath(path)
    except (OSError, ValueError):
        return False
    return _is_below(root, real)


def _is_below(root: str, real: str) -> bool:
    return real == root or real.startswith(root.rstrip(os.sep) + os.sep)


def check(assets: Iterable[Asset], folder: Path, toml: Toml, problems: Problems) -> None:
    """Note outputs that leave the folder or share a place, and inputs that are not there."""
    owners: dict[str, Asset] = {}
    ground = Ground(folder)
    for asset in assets:
        trail = ("assets", _base(asset), "output")
        real, is_folder = ground.look(asset.output)
        if not _is_below(ground.root, real):
            problems.add(toml.value(*trail), f"the output `{asset.output}`: {_OUTSIDE}")
        elif is_folder:
            problems.add(toml.value(*trail), f"the output `{asset.output}` is a folder")
        first = owners.setdefault(_same(real), asset)
        if first is not asset:
            problems.add(toml.value(*trail), *_clash(first, asset))
    _check_folders(owners, toml, problems)
    for asset in assets:
        _check_input(asset, folder, owners, toml, problems)


class Ground:
    """The files at and below `folder`; the way to each folder is looked up once, not each time.

    `root` is where the folder itself is, links followed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = os.path.realpath(folder)
        self._ways: dict[str, str] = {}

    def look(self, output: str) -> tuple[str, bool]:
        """Return where an output leads, links followed, and whether that is a folder.

        `output` is in its plain form; one that the file system cannot hold leads to itself.
        """
        above, _, name = output.rpartition("/")
        real = output
        try:
            if above not in self._ways:
                self._ways[above] = os.path.realpath(self._folder / above).rstrip(os.sep) + os.sep
            os.fsencode(name)  # raises where the system has no bytes for it
            real = self._ways[above] + name
            mode = os.lstat(real).st_mode
            if stat.S_ISLNK(mode):
                real = os.path.realpath(real)
                mode = Path(real).stat().st_mode
        except (OSError, ValueError):
            # What is not there, or out of reach, is what it says; `realpath` takes it so too.
            return real, False
        return real, stat.S_ISDIR(mode)


def _check_folders(owners: dict[str, Asset], toml: Toml, problems: Problems) -> None:
    """Note an output that another one needs for a folder."""
    folders = {key.rpartition(os.sep)[0] for key in owners}
    around = {str(above) for folder in folders for above in Path(folder).parents}
    if owners.keys().isdisjoint(folders | around):
        return
    for key, asset in owners.items():
        for above in Path(key).parents:
            other = owners.get(str(above))
            if other is not None:
                said = f"the output `{asset.output}` lies below `{other.name}`'s, which is a file"
                problems.add(toml.value("assets", _base(asset), "output"), said)


def _check_input(
    asset: Asset, folder: Path, owners: dict[str, Asset], toml: Toml, problems: Problems
) -> None:
    if asset.original is None or asset.original.kind != "file":
        return
    trail = ("assets", _base(asset), "edit")
    path = folder / asset.original.text
    owner = owners.get(_same(_real(path)))
    if owner is not None:
        said = f"the input `{asset.original}` is the output of `{owner.name}`"
        problems.add(toml.value(*trail), said, f'edit = "@{owner.name}"')
        return
    if reason := _objection(path):
        problems.add(toml.value(*trail), f"the input `{asset.original}` {reason}")


def _objection(path: Path) -> str | None:
    """Say why a file cannot be edited; None if it can, by its first bytes."""
    from fluxcli.files.image_check import sniff

    try:
        if path.is_dir():
            return "is a folder"
        if not path.is_file():
            return "is not there" if not path.exists() else "is not a file"
        with path.open("rb") as file:
            found = sniff(file.read(64))
    except (OSError, ValueError) as error:
        return f"cannot be read: {(getattr(error, 'strerror', None) or str(error)).lower()}"
    return None if found in _INPUTS else "is not a PNG, JPEG or WebP picture"


def _relative(text: str) -> str:
    """Return a relative path in its plain form.

    Raises:
        BadValueError: it is none that every file system can hold, or begins outside.
    """
    if not text.isprintable() or "\\" in text:
        raise BadValueError("expected a path of printable characters, its parts joined by `/`")
    if posixpath.isabs(text):
        raise BadValueError("expected a relative path")
    plain = posixpath.normpath(text)
    parts = plain.split("/")
    if parts[0] == "..":
        raise BadValueError(_OUTSIDE)
    length = size(plain)
    if length > HARD_LIMIT and (length > _LONGEST_PATH or max(map(size, parts)) > HARD_LIMIT):
        raise BadValueError(f"expected names of at most {HARD_LIMIT} bytes")
    return plain


def _real(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return str(path)


def _same(real: str) -> str:
    """Return what is equal for paths, links followed, that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", real).casefold())


def _clash(first: Asset, second: Asset) -> tuple[str, str | None]:
    said = f"`{first.name}` and `{second.name}` have one output: `{second.output}`"
    if first.output != second.output:
        said += f" (`{first.output}` is the same place where case does not count, or by a link)"
    if _base(first) != _base(second):
        return said, None
    names = "-".join(f"{{{name}}}" for name in second.member)
    return said, f"put the matrix's names into `output`: `{names}.{{ext}}`"


def _base(asset: Asset) -> str:
    return asset.name.partition("[")[0]
