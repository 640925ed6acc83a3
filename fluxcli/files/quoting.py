"""Text from outside (a path, an id) as it is shown in a message.

Knows only text. Control, bidirectional and undecodable characters are shown as escapes,
so that it can neither move the cursor nor hide an ending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def visible(text: str) -> str:
    """Return `text` with every character that does not print written as an escape."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def quoted(text: str | Path) -> str:
    """Return `text` visible and in back-ticks."""
    return f"`{visible(str(text))}`"
