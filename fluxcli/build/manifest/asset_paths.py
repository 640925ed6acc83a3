"""Output and input paths: inside the manifest's folder, portable, and each output used once.

Asks the file system where links lead; creates and changes nothing.
"""

from __future__ import annotations

import os
import posixpath
import stat
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.files.filename import HARD_LIMIT, portability_problem, size, split_ending
from fluxcli.settings.parsers import BadValueError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fluxcli.build.manifest.asset import Asset
    from fluxcli.build.manifest.problems import ProblemList

_LONGEST_PATH: Final = 1024
_INPUTS: Final = frozenset({"png", "jpeg", "webp"})
_OUTSIDE: Final = "it leads out of the manifest's folder"
_GIT: Final = frozenset({".git", "git~1"})


def output_folder(text: str, folder: Path) -> str:
    """Return `output_dir` in its plain form, relative to `folder`.

    Raises:
        BadValueError: it is not a relative path, or leads out of the folder.
    """
    plain = _portable(inside(text))
    if not is_inside(folder, folder / plain):
        raise BadValueError(_OUTSIDE)
    return plain


def below(output_dir: str, text: str) -> str:
    """Return an asset's output in its plain form, relative to the manifest's folder.

    Raises:
        BadValueError: it is not a portable path, or its ending is not that of an image.
    """
    if posixpath.isabs(text) or text.startswith("~"):
        raise BadValueError("expected a relative path")
    plain = _portable(inside(posixpath.join(output_dir, text)))
    if text.endswith("/") or not split_ending(plain.rpartition("/")[2])[1]:
        raise BadValueError("expected a file name that ends in `.png`, `.jpg` or `.{ext}`")
    return plain


def is_inside(folder: Path, path: Path) -> bool:
    """Return whether a path, links followed, lies within the folder, links followed."""
    try:
        root, real = os.path.realpath(folder), os.path.realpath(path)
    except (OSError, ValueError):
        return False
    return _is_below(root, real)


def _is_below(root: str, real: str) -> bool:
    return real == root or real.startswith(root.rstrip(os.sep) + os.sep)


def check(assets: Iterable[Asset], folder: Path, problems: ProblemList) -> None:
    """Report outputs outside the folder or used twice, and inputs that do not exist."""
    owners: dict[str, Asset] = {}
    resolver = OutputResolver(folder)
    for asset in assets:
        real, is_folder = resolver.resolve(asset.output)
        home = resolver.home_of(asset)
        if not _is_below(home, real):
            _note(problems, asset, "output", f"the output `{asset.output}`: {_OUTSIDE}")
        elif is_folder:
            _note(problems, asset, "output", f"the output `{asset.output}` is a folder")
        first = owners.setdefault(_same(real), asset)
        if first is not asset:
            _note(problems, asset, "output", *_clash(first, asset))
    _check_folders(owners, problems)
    for asset in assets:
        _check_input(asset, folder, owners, problems)


def _note(
    problems: ProblemList, asset: Asset, key: str, message: str, hint: str | None = None
) -> None:
    """Report a problem at an entry of an asset; the position is looked up only then."""
    problems.of(asset.source).add(asset.place(key), message, hint)


class OutputResolver:
    """Follows the links below `folder`; each folder is resolved once.

    `root` is the folder itself, links followed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = os.path.realpath(folder)
        self._real_folders: dict[str, str] = {}
        self._homes: dict[Path, str] = {}

    def home_of(self, asset: Asset) -> str:
        """Return the folder, links followed, of the file that declares an asset."""
        folder = asset.source.path.parent
        if folder not in self._homes:
            self._homes[folder] = os.path.realpath(folder)
        return self._homes[folder]

    def resolve(self, output: str) -> tuple[str, bool]:
        """Return where an output leads, links followed, and whether that is a folder.

        `output` is in its plain form; one that the file system cannot hold leads to itself.
        """
        above, _, name = output.rpartition("/")
        real = output
        try:
            if above not in self._real_folders:
                folder = os.path.realpath(self._folder / above).rstrip(os.sep) + os.sep
                self._real_folders[above] = folder
            os.fsencode(name)  # raises where the system has no bytes for it
            real = self._real_folders[above] + name
            mode = os.lstat(real).st_mode
            if stat.S_ISLNK(mode):
                real = os.path.realpath(real)
                mode = Path(real).stat().st_mode
        except (OSError, ValueError):
            # What does not exist, or cannot be reached, leads to itself, as with `realpath`.
            return real, False
        return real, stat.S_ISDIR(mode)


def _check_folders(owners: dict[str, Asset], problems: ProblemList) -> None:
    """Report an output that another output needs as a folder."""
    folders = {key.rpartition(os.sep)[0] for key in owners}
    parents = {str(above) for folder in folders for above in Path(folder).parents}
    if owners.keys().isdisjoint(folders | parents):
        return
    for key, asset in owners.items():
        for above in Path(key).parents:
            other = owners.get(str(above))
            if other is not None:
                message = (
                    f"the output `{asset.output}` lies below `{other.name}`'s, which is a file"
                )
                _note(problems, asset, "output", message)


def _check_input(
    asset: Asset, folder: Path, owners: dict[str, Asset], problems: ProblemList
) -> None:
    if asset.original is None or asset.original.kind != "file":
        return
    path = folder / asset.original.text
    owner = owners.get(_same(_real(path)))
    if owner is not None:
        message = f"the input `{asset.original}` is the output of `{owner.name}`"
        _note(problems, asset, "edit", message, f'edit = "@{owner.name}"')
        return
    if reason := _objection(path):
        _note(problems, asset, "edit", f"the input `{asset.original}` {reason}")


def _objection(path: Path) -> str | None:
    """Return why a file cannot be edited; None if it can, by its first bytes."""
    from fluxcli.files.image_check import sniff

    try:
        if path.is_dir():
            return "is a folder"
        if not path.is_file():
            return "does not exist" if not path.exists() else "is not a file"
        with path.open("rb") as file:
            found = sniff(file.read(64))
    except (OSError, ValueError) as error:
        return f"cannot be read: {(getattr(error, 'strerror', None) or str(error)).lower()}"
    return None if found in _INPUTS else "is not a PNG, JPEG or WebP image"


def inside(text: str) -> str:
    """Return a relative path in its plain form: `a/b` for `./a//b`.

    Raises:
        BadValueError: it is absolute, begins outside, or no common file system can hold it.
    """
    if not text.isprintable() or "\\" in text:
        raise BadValueError("expected a path of printable characters, its parts joined by `/`")
    if posixpath.isabs(text) or text.startswith("~"):
        raise BadValueError("expected a relative path")
    plain = posixpath.normpath(text)
    parts = plain.split("/")
    if parts[0] == "..":
        raise BadValueError(_OUTSIDE)
    length = size(plain)
    if length > HARD_LIMIT and (length > _LONGEST_PATH or max(map(size, parts)) > HARD_LIMIT):
        raise BadValueError(f"expected names of at most {HARD_LIMIT} bytes")
    return plain


def _portable(plain: str) -> str:
    """Return a path in its plain form if every common system can hold it: outputs travel.

    Raises:
        BadValueError: a part of it is not portable, or it lies in `.git`.
    """
    for part in plain.split("/"):
        if problem := portability_problem(part):
            raise BadValueError(problem)
        if part.casefold() in _GIT:
            raise BadValueError("it lies in `.git`")
    return plain


def _real(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return str(path)


def _same(real: str) -> str:
    """Return a key that is equal for paths that some file system does not distinguish."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", real).casefold())


def _clash(first: Asset, second: Asset) -> tuple[str, str | None]:
    message = f"`{first.name}` and `{second.name}` have one output: `{second.output}`"
    if first.output != second.output:
        message += f" (`{first.output}` is the same place where case does not count, or by a link)"
    if first.base != second.base:
        return message, None
    names = "-".join(f"{{{name}}}" for name in second.member)
    return message, f"put the members' names into `output`: `{names}.{{ext}}`"
