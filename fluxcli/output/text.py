"""Words and figures as people read them on a terminal. Pure: writes nothing, knows no stream."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ACTING: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's controls, formats (zero-width and bidirectional ones among them), lone
surrogates and line separators: all that a terminal obeys, or hides, instead of showing."""

_COMMAND: Final = re.compile(
    r"(?:(?<=`)|^)fluxcli (?:generate|edit|status|download|build|credits|assets \w+)\b"
    r"(?:(?!  \(|, or |, then |; |`).)*"
)
_SELECTORS: Final = dict.fromkeys(range(0xFE00, 0xFE10))
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400
_KILO: Final = 1000


def visible(text: str, *, keep: str = "") -> str:
    r"""Return `text` with everything that would act on a terminal written out, like `\x1b`.

    What is in `keep` passes as it is. Plain text comes back unchanged.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _written(c) for c in text)


def _written(character: str) -> str:
    """One unprintable character: spelled out if it acts, itself if it is merely unusual."""
    if unicodedata.category(character) not in _ACTING:
        return character
    return character.encode("unicode_escape").decode()


def with_flag(text: str, flag: str) -> str:
    """Return `text` with `flag` at the end of each command that can spend or that names tasks.

    A command is all of `text` before a remark, or in back-ticks.
    """
    return _COMMAND.sub(lambda found: found[0] if flag in found[0] else f"{found[0]} {flag}", text)


def cells(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def shorten(text: str, width: int, *, ellipsis: str = "…") -> str:
    """Return `text` in at most `width` columns, cut at its end where it is too long.

    Variation selectors are dropped: terminals disagree about the width they give a character.
    """
    text = text.translate(_SELECTORS)
    if cells(text) <= width:
        return text
    space = width - cells(ellipsis)
    if space < 0:
        return "." * max(0, width)
    taken = 0
    for index, character in enumerate(text):
        taken += cells(character)
        if taken > space:
            return text[:index].rstrip() + ellipsis
    return text  # pragma: no cover - the loop always finds the place where it is too long


def wrap(text: str, width: int | None) -> list[str]:
    """Return `text` in lines of at most `width` columns, broken at blanks; a word is never cut."""
    if width is None or cells(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and cells(lines[-1]) + 1 + cells(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Return `text` filled with blanks to `width` columns; `right` puts them in front."""
    blanks = " " * max(0, width - cells(text))
    return blanks + text if right else text + blanks


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield each row as a line, its cells in columns as wide as their widest cell."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(map(pad, row, widths)).rstrip()


def duration(seconds: float) -> str:
    """Return a span of time: `8 s`, `1 m 05 s`, `2 h 05 m`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} m {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} m"


def age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit: `5 m ago`."""
    whole = max(0, int(seconds))
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if whole >= unit:
            return f"{whole // unit} {name} ago"
    return "just now"


def size(count: float) -> str:
    """Return a number of bytes in decimal units: `70 B`, `1.2 MB`."""
    for unit in ("B", "kB", "MB"):
        # A value that would be printed as 1000 belongs to the next unit.
        if round(count, 1) < _KILO:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= _KILO
    return f"{count:.1f} GB"


def whole(amount: float) -> float:
    """Return an amount, as an int if it is a whole number."""
    return int(amount) if float(amount).is_integer() else amount


def credits(amount: float) -> str:  # noqa: A001 - the field's word; the site builtin is for shells
    """Return an amount of credits: `1 credit`, `12.5 credits`."""
    figure = f"{amount:.2f}".rstrip("0").rstrip(".")
    return f"{figure} credit" if figure == "1" else f"{figure} credits"
