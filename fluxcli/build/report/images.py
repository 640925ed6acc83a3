"""The images of an HTML report: inside the page, beside it in a folder, or linked."""

from __future__ import annotations

import base64
import os
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
"""A larger file is not shown."""

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
        return None if data is None else self._address(data, place)

    def previous(self, outcome: Outcome) -> str | None:
        """Return the address of the image as it was before; None if that is not kept."""
        data = self.result.previous.get(outcome.step.name)
        return None if data is None or sniff(data[:64]) not in _TYPES else self._address(data, None)

    def _address(self, data: bytes, place: Path | None) -> str | None:
        kind = sniff(data[:64]) or ""
        if self.copies is not None:
            self._number += 1
            name = f"{self._number:04}.{_ENDINGS.get(kind, kind)}"
            self.copies.mkdir(parents=True, exist_ok=True)
            copy = self.copies / name
            # A link that a checkout may have in its place is replaced, not written through.
            copy.unlink(missing_ok=True)
            copy.write_bytes(data)
            return f"{quote(self.copies.name)}/{name}"
        if len(data) <= self.left:
            self.left -= len(data)
            return f"data:{_TYPES[kind]};base64,{base64.b64encode(data).decode()}"
        if place is None:
            return None
        return quote(Path(os.path.relpath(place, self.page.parent)).as_posix())


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
