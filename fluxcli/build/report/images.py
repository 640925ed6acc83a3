"""The images of an HTML report: inside the page, beside it in a folder, or linked."""

from __future__ import annotations

import base64
import os
import shutil
import stat
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from fluxcli.build.manifest.asset_paths import is_inside
from fluxcli.dataclass import dataclass
from fluxcli.files.image_check import sniff

if TYPE_CHECKING:
    from fluxcli.build.outcome import Outcome
    from fluxcli.build.report.result import BuildResult

INLINE_BYTES: Final = 32 << 20
"""The images inside one page have at most this size in all; further ones are linked."""

MOST_BYTES: Final = 64 << 20
"""A larger image is linked or copied, not read into memory."""

_TYPES: Final = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
}
_ENDINGS: Final = {"jpeg": "jpg"}


@dataclass(slots=True)
class ReportImages:
    """Returns the addresses of images, in the order in which the page shows them.

    `page` is the page's own file. With `copies`, a folder, every image is copied there;
    otherwise images are embedded until `left` bytes are used up.
    """

    result: BuildResult
    page: Path
    copies: Path | None = None
    left: int = INLINE_BYTES
    _number: int = field(default=0)

    def current(self, outcome: Outcome) -> str | None:
        """Return the address of the image at an asset's output; None if there is none to show.

        Only regular files inside the manifest's folder are read, and only images.
        """
        manifest = self.result.manifest
        if manifest is None or not outcome.step.output:
            return None
        place = manifest.folder / outcome.step.output
        if outcome.step.asset is not None:
            place = manifest.place(outcome.step.asset)
        if not is_inside(manifest.folder, place):
            return None
        data = read_image(place)
        if data is None:
            return self._address_of_large(place)
        return self._address(data, place)

    def previous(self, outcome: Outcome) -> str | None:
        """Return the address of the image as it was before; None if that is not kept."""
        data = self.result.previous.get(outcome.step.name)
        return None if data is None or sniff(data[:64]) not in _TYPES else self._address(data, None)

    def _address(self, data: bytes, place: Path | None) -> str | None:
        kind = sniff(data[:64]) or ""
        if self.copies is not None:
            copy = self._copy(self.copies, kind)
            copy.write_bytes(data)
            return f"{quote(self.copies.name)}/{copy.name}"
        if len(data) <= self.left:
            self.left -= len(data)
            return f"data:{_TYPES[kind]};base64,{base64.b64encode(data).decode()}"
        return None if place is None else self._link(place)

    def _address_of_large(self, place: Path) -> str | None:
        """Return the address of an image that is too large to be read at once; None for others."""
        kind = large_image(place)
        if kind is None:
            return None
        if self.copies is None:
            return self._link(place)
        copy = self._copy(self.copies, kind)
        shutil.copyfile(place, copy)
        return f"{quote(self.copies.name)}/{copy.name}"

    def _copy(self, folder: Path, kind: str) -> Path:
        """Return the path of the next copy; nothing exists there."""
        self._number += 1
        folder.mkdir(parents=True, exist_ok=True)
        copy = folder / f"{self._number:04}.{_ENDINGS.get(kind, kind)}"
        # A link that a checkout may have in its place is replaced, not written through.
        copy.unlink(missing_ok=True)
        return copy

    def _link(self, place: Path) -> str:
        return quote(Path(os.path.relpath(place, self.page.parent)).as_posix())


def large_image(path: Path) -> str | None:
    """Return the format of an image of more than `MOST_BYTES`; None for anything else."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size <= MOST_BYTES:
            return None
        with path.open("rb") as file:
            kind = sniff(file.read(64))
    except (OSError, ValueError):
        return None
    return kind if kind in _TYPES else None


def read_image(path: Path) -> bytes | None:
    """Return the bytes of a regular file that is an image; None for anything else."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > MOST_BYTES:
            return None
        data = path.read_bytes()
    except (OSError, ValueError):
        return None
    return data if sniff(data[:64]) in _TYPES else None
