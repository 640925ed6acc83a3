"""Makes a script from its frame: the file `NAME.in` in this folder, with tables filled in.

A line `#: NAME` of the frame is a comment to its shell, and becomes the table of that name.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FOLDER: Final = Path(__file__).parent
_MARK: Final = "#: "
_WIDTH: Final = 90
_PAIR: Final = re.compile("'[^' ]+ [^' ]+'")
"""A command of two words in quotes, which must stay on one line."""
_JOINED: Final = "\0"


def fill(name: str, **tables: Iterable[str]) -> str:
    """Return the frame `name` with its tables filled in, each with the indent of its mark.

    Raises:
        KeyError: the frame has a table that is not given.
    """
    frame = (_FOLDER / f"{name}.in").read_text(encoding="utf-8")
    return "".join(f"{line}\n" for line in _filled(frame.splitlines(), tables))


def _filled(frame: Iterable[str], tables: dict[str, Iterable[str]]) -> Iterator[str]:
    for line in frame:
        inward, mark, name = line.partition(_MARK)
        if mark and not inward.strip():
            yield from (inward + row for row in tables[name])
        else:
            yield line


def wrap(before: str, words: Iterable[str], after: str = "", *, end: str = "") -> list[str]:
    """Return a line of words, or several, with `end` behind each but the last."""
    text = before + " ".join(words) + after
    rows = textwrap.wrap(
        _PAIR.sub(lambda found: found[0].replace(" ", _JOINED), text),
        _WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    rows = [row.replace(_JOINED, " ") for row in rows]
    return [row + end for row in rows[:-1]] + rows[-1:]
