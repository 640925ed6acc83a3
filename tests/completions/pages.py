"""The file of help texts, so that `--help` need not load what it tells about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.fast_help import MARK

if TYPE_CHECKING:
    from tests.completions.words import Command

_HEAD: Final = "What `--help` shows. Made by `python -m tests.completions`; do not edit.\n"


def text(root: Command) -> str:
    """Return the file's text."""
    pages = (f"{MARK.decode()} {one.words}".rstrip() + f"\n{one.page}" for one in root.all())
    return _HEAD + "".join(pages)
