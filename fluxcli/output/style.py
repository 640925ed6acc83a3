"""Colour, and whether there is any. Pure; no information depends on it alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

ColorMode = Literal["auto", "always", "never"]
Ink = Literal["bold", "dim", "red", "green", "yellow", "cyan"]

# Only the terminal's own palette, which its owner has chosen to be readable. A whole
# library for six codes would make every error line pay for its import.
_CODES: Final[dict[Ink, str]] = {
    "bold": "1",
    "dim": "2",
    "red": "1;31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
}


@dataclass(frozen=True, slots=True)
class Style:
    """Inks text for one stream, or leaves it as it is."""

    colored: bool

    def __call__(self, text: str, ink: Ink) -> str:
        """Return `text` in `ink`, if this stream has colour."""
        return f"\x1b[{_CODES[ink]}m{text}\x1b[0m" if self.colored and text else text


def is_colored(*, terminal: bool, env: Mapping[str, str], mode: ColorMode) -> bool:
    """Decide: the flag, then `NO_COLOR`, then `FORCE_COLOR`, then what the stream is."""
    if mode != "auto":
        return mode == "always"
    if env.get("NO_COLOR"):
        return False
    if env.get("FORCE_COLOR"):
        return True
    return terminal and env.get("TERM") != "dumb"
