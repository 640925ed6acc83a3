"""Colours, marks, and whether there are any. Pure; no information depends on colour alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from fluxcli.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


class Marks(NamedTuple):
    """The marks of a display, in characters that its encoding has; the last one marks a cut."""

    active: str
    dot: str
    bad: str
    good: str
    ellipsis: str

    @classmethod
    def choose(cls, can_show: Callable[[str], bool]) -> Marks:
        """Return the Unicode marks, or ASCII ones where the encoding lacks them."""
        unicode = cls("●", "·", "✗", "✓", "…")
        return unicode if can_show("".join(unicode)) else cls("*", "-", "x", "+", "...")


def in_ci(env: Mapping[str, str]) -> bool:
    """Return whether a CI system runs this: no person answers, and a live display is of no use."""
    return env.get("CI", "").lower() not in {"", "0", "false", "no", "off"}


def is_colored(*, terminal: bool, env: Mapping[str, str], mode: ColorMode) -> bool:
    """Decide: the flag, then `NO_COLOR`, then `FORCE_COLOR`, then what the stream is."""
    if mode != "auto":
        return mode == "always"
    if env.get("NO_COLOR"):
        return False
    if env.get("FORCE_COLOR"):
        return True
    return terminal and env.get("TERM") != "dumb"
