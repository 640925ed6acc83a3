"""A manifest after reading: every value is resolved. All classes are frozen."""

from __future__ import annotations

import os
from dataclasses import field
from typing import TYPE_CHECKING, Final, Literal

from fluxcli.dataclass import dataclass
from fluxcli.system.shell_syntax import join

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fluxcli.task_types import Request
    from fluxcli.tomltext import Place, Toml, Trail

VERSION: Final = 1

SANDBOX_FOLDER: Final = ".sandbox"
"""Where a build with a stand-in service keeps its lock and its images; git ignores it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """Limits that an image must meet, in units of 1024 bytes and in pixels.

    None where there is no limit; both ends are included.
    """

    min_kb: int | None = None
    max_kb: int | None = None
    min_width: int | None = None
    max_width: int | None = None
    min_height: int | None = None
    max_height: int | None = None

    def objections(self, *, size: int, width: int, height: int) -> list[str]:
        """Return what is wrong with an image of so many bytes and pixels; None if it fits."""
        if self == ANYTHING:
            return []
        limits = (
            (size <= (self.max_kb or 0) * 1024, self.max_kb, f"{_kb(size)} KB", "max_kb"),
            (size >= (self.min_kb or 0) * 1024, self.min_kb, f"{_kb(size)} KB", "min_kb"),
            (width <= (self.max_width or 0), self.max_width, f"{width} wide", "max_width"),
            (width >= (self.min_width or 0), self.min_width, f"{width} wide", "min_width"),
            (height <= (self.max_height or 0), self.max_height, f"{height} high", "max_height"),
            (height >= (self.min_height or 0), self.min_height, f"{height} high", "min_height"),
        )
        return [
            f"is {what}, which `{name} = {limit}` rules out"
            for fits, limit, what, name in limits
            if limit is not None and not fits
        ]


ANYTHING: Final = Accept()


def _kb(size: int) -> str:
    return f"{size / 1024:.1f}".removesuffix(".0")


@dataclass(frozen=True, slots=True)
class EditSource:
    """The image that an edit starts from: another asset's name, a file's path, or a URL.

    A path is in its plain form (`photo.png` for `./photo.png`), relative to the folder of the
    manifest that was read, whichever included file declares it.
    """

    kind: Literal["asset", "file", "url"]
    text: str

    def __str__(self) -> str:
        return f"@{self.text}" if self.kind == "asset" else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One declared image, resolved.

    `request` has no `input_image`: what an edit starts from is `original`. `output` is where
    it goes, relative to the manifest's folder, with `/`. `source` is the file that declares
    it. `member` are its values, if it is one of a `matrix` or of `each`. `prompt_file` is the
    file that the prompt was read from, relative to the manifest's folder. `origins` has, for
    each field of the request, the entry of `source` that sets it; `()` is the built-in default.
    """

    name: str
    request: Request
    output: str
    source: Toml = field(repr=False, compare=False)
    original: EditSource | None = None
    tags: tuple[str, ...] = ()
    rev: int = 1
    accept: Accept = ANYTHING
    frozen: bool = False
    member: Mapping[str, str] = field(default_factory=dict)
    prompt_file: str | None = None
    origins: Mapping[str, Trail] = field(default_factory=dict, repr=False, compare=False)

    @property
    def line(self) -> int:
        """Where it is declared, from 1."""
        return self.source.key("assets", self.base).line

    @property
    def base(self) -> str:
        """The name of its declaration: `icon` for `icon[mail]`."""
        return self.name.partition("[")[0]

    def place(self, key: str) -> Place:
        """Return where in `source` an entry of its declaration stands."""
        return self.source.value("assets", self.base, key)

    @property
    def parent(self) -> str | None:
        """The name of the asset that this one edits."""
        found = self.original
        return found.text if found is not None and found.kind == "asset" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A checked manifest. `assets` stand parents first, else in the file's order.

    `path` is absolute; `output_dir` relative to its folder, with `/`. `files` are the manifest
    and all that it includes. `sandbox`: outputs and lock lie in a folder of their own, so that a
    try in the sandbox replaces nothing; `flags` are what its commands need then. `named` is how the
    command line names the manifest; empty if it was found by search.
    """

    path: Path
    output_dir: str
    assets: tuple[Asset, ...]
    files: tuple[Path, ...] = ()
    sandbox: bool = False
    flags: tuple[str, ...] = ()
    named: str = ""

    def command(self, words: str, *arguments: str) -> str:
        """Return the command line about this manifest: `fluxcli WORDS [FILE] ARGUMENTS`."""
        file = (self.named,) if self.named else ()
        return self.task_command(words, *file, *arguments)

    def settling(self, ref: str | None) -> str:
        """Return how a person settles the submission `ref`, whose outcome is unknown."""
        settle = self.task_command("status", ref or "REF", "--settle", "TASKID")
        return f"{settle}, or --settle not-charged"

    def task_command(self, words: str, *arguments: str) -> str:
        """Return a command line that names no manifest, for the service of this one."""
        return join(("fluxcli", *words.split(), *arguments, *self.flags))

    @property
    def folder(self) -> Path:
        """The project's folder: nothing is written outside of it."""
        return self.path.parent

    @property
    def root(self) -> Path:
        """The folder that outputs are relative to."""
        return self.folder / SANDBOX_FOLDER if self.sandbox else self.folder

    @property
    def lock(self) -> Path:
        """The path of this manifest's lock: `assets.lock` for `assets.toml`."""
        name = self.path.name.removesuffix(".toml")
        return self.root / (f"{name}.sandbox.lock" if self.sandbox else f"{name}.lock")

    def place(self, asset: Asset) -> Path:
        """Return the absolute path of an asset's image."""
        return self.root / asset.output

    def input(self, asset: Asset) -> Path | None:
        """Return the absolute path of the file that an asset edits, if it is a file."""
        found = asset.original
        if found is None or found.kind != "file":
            return None
        return self.folder / os.path.normpath(found.text)

    def by_name(self) -> dict[str, Asset]:
        """Return the assets by their names."""
        return {asset.name: asset for asset in self.assets}
