"""Reads a prompt from a text file: the same text on every checkout, with any line ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.build.manifest.includes import read_small
from fluxcli.settings.parsers import BadValueError

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES: Final = 1 << 20


def prompt_text(path: Path) -> str:
    """Return the text of a file: UTF-8, line ends as newlines, without blank space at its end.

    Raises:
        BadValueError: it is not a text file, or is empty.
    """
    try:
        text = read_small(path, _MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        raise BadValueError("does not exist") from None
    except UnicodeDecodeError:
        raise BadValueError("is not text in UTF-8") from None
    text = text.replace("\r\n", "\n").rstrip()
    if not text.strip() or "\0" in text:
        raise BadValueError("is empty, or contains a zero byte")
    return text
