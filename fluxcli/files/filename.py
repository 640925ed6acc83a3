"""Safe parts of generated file names.

Knows Unicode, the rules of file systems and their limits; touches no disk. Names are valid on
Linux, macOS and Windows, since images are copied between systems. Lengths are bytes of UTF-8.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

from fluxcli.fields import ENDINGS

if TYPE_CHECKING:
    from collections.abc import Container

NAME_LIMIT = 120
"""The longest generated name: readable in a listing, with space for a suffix."""

HARD_LIMIT = 255
"""The longest name that common file systems allow."""

_PROMPT_LEAST = 16
_VALUE_MOST = 100
_RESERVED = r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)( *\..*)?"
_APOSTROPHES = str.maketrans(
    "", "", "'\N{RIGHT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}"
)


_IMAGE_ENDINGS = frozenset({*ENDINGS, ".webp", ".gif", ".avif", ".heic"})


def size(text: str) -> int:
    """Return how many bytes `text` takes in a file name."""
    return len(text.encode(errors="surrogateescape"))


def words(text: str) -> str:
    """Return the words of a prompt, in lower case and joined by `-`; never empty."""
    lowered = unicodedata.normalize("NFC", text).translate(_APOSTROPHES).lower()
    spaced = "".join(char if _is_letter(char) else " " for char in lowered)
    # Lower-casing can take a letter apart (`İ`), and a mark may have lost its letter.
    parts = (_without_lone_marks(part) for part in unicodedata.normalize("NFC", spaced).split())
    return "-".join(part for part in parts if part) or "picture"


def plain(text: str) -> str:
    """Return a short value (an id, a model, a date) as a safe piece; its case is kept."""
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(char if _is_letter(char) or char in "._-+" else "-" for char in composed)
    safe = kept.strip("._-") or "x"
    return safe if size(safe) <= _VALUE_MOST else _digested(safe, _VALUE_MOST)


def ratio(text: str | None) -> str:
    """Return `16:9` as `16x9`; None, an edit that keeps its input's ratio, as `input`."""
    return "input" if text is None else plain(text.replace(":", "x"))


def shortened(text: str, limit: int) -> str:
    """Return words joined by `-` cut to `limit` bytes: after a whole word, else a character."""
    limit = max(limit, _PROMPT_LEAST)
    if size(text) <= limit:
        return text
    cut = _cut(text, limit)
    last = cut.rfind("-")
    if text[len(cut)] != "-" and last > len(cut) // 2:
        cut = cut[:last]
    return cut or "x"


def split_ending(name: str) -> tuple[str, str]:
    """Split a name before the ending of a format that can be requested: `a.b.png` → `a.b`, `.png`.

    Without such an ending, the second part is "".
    """
    return _split(name, ENDINGS)


def split_image_ending(name: str) -> tuple[str, str]:
    """Split a name before the ending of any image format; else the second part is ""."""
    return _split(name, _IMAGE_ENDINGS)


def _split(name: str, endings: Container[str]) -> tuple[str, str]:
    stem, dot, last = name.rpartition(".")
    return (stem, dot + last) if stem and f".{last}".lower() in endings else (name, "")


def numbered(name: str, number: int) -> str:
    """Return `name` with `-number` before its ending."""
    stem, ending = split_image_ending(name)
    return f"{stem}-{number}{ending}"


def portable(name: str) -> str:
    """Return a generated name that no system reserves and every file system can hold."""
    if re.fullmatch(_RESERVED, name):
        name = f"_{name}"
    if size(name) <= HARD_LIMIT:
        return name
    stem, ending = split_image_ending(name)
    return _digested(stem, HARD_LIMIT - size(ending)) + ending


def portability_problem(name: str) -> str | None:
    """Return why some common system cannot hold a file of this name; None if all can.

    Source: Windows' naming rules (learn.microsoft.com, "Naming Files, Paths, and Namespaces").
    """
    if re.fullmatch(_RESERVED, name):
        return f"`{name}` is a reserved name on Windows"
    if name not in {".", ".."} and name.endswith((".", " ")):
        return f"`{name}` ends in a dot or a blank, which Windows removes"
    found = next((char for char in name if char in '<>:"|?*' or char < " "), None)
    if found is None:
        return None
    shown = f"`{found}`" if found.isprintable() else "a control character"
    return f"`{name}` has {shown}, which Windows does not allow"


def _is_letter(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMN"


def _without_lone_marks(word: str) -> str:
    start = 0
    while start < len(word) and unicodedata.category(word[start])[0] == "M":
        start += 1
    return word[start:]


def _cut(text: str, limit: int) -> str:
    """Cut to at most `limit` bytes, never between a letter and its marks."""
    cut = text.encode(errors="surrogateescape")[:limit].decode(errors="ignore")
    end = len(cut)
    while 0 < end < len(text) and unicodedata.category(text[end])[0] == "M":
        end -= 1
    return cut[:end]


def _digested(text: str, limit: int) -> str:
    """Cut to `limit` bytes and end in a digest, so that different texts stay different."""
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:12]
    return f"{_cut(text, limit - len(digest) - 1)}-{digest}"
