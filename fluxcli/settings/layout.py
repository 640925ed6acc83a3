"""The lines of entries in the text of a config file, and how to change one in place.

Pure, and without a TOML parser of its own: it works by lines, as the file is usually written, so
that comments and layout stay. The caller parses the result, and rewrites the whole file if that
is not what it should be.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HEADER: Final = r"\s*\[\s*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\s*\]"
_ANY_HEADER: Final = r"\s*\["
_ENTRY: Final = r"\s*([A-Za-z0-9_.-]+)\s*="


def line_of(text: str, name: str) -> int | None:
    """Find the line, from 1, on which the entry `name` begins, if it is written plainly."""
    return next((line for line, entry in _entries(text.split("\n")) if entry == name), None)


def with_entry(text: str, name: str, toml: str, *, parses: Callable[[str], bool]) -> str:
    """Write `toml` as the value of the entry `name`, in its line or in a new one.

    `parses` returns whether a line is valid TOML; it is used to find where a comment begins.
    """
    lines = text.split("\n")
    if number := line_of(text, name):
        old = lines[number - 1]
        lines[number - 1] = f"{old[: old.index('=')]}= {toml}{_comment(old, parses)}"
        return "\n".join(lines)
    table, _, key = name.rpartition(".")
    after = _end_of(lines, table)
    if after is None:
        gap = "\n" if text.strip() else ""
        return f"{text.rstrip()}\n{gap}[{table}]\n{key} = {toml}\n".lstrip()
    lines.insert(after, f"{key} = {toml}")
    return "\n".join(lines)


def without_entry(text: str, name: str) -> str:
    """Remove the line of the entry `name`."""
    lines = text.split("\n")
    if number := line_of(text, name):
        del lines[number - 1]
    return "\n".join(lines)


def _entries(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield every line that begins an entry, from 1, with the entry's full name."""
    table = ""
    for number, line in enumerate(lines, 1):
        if header := re.match(_HEADER, line):
            table = header[1] + "."
        elif re.match(_ANY_HEADER, line):
            # Entries of a table whose name is not plain are skipped.
            table = "?."
        elif entry := re.match(_ENTRY, line):
            yield number, table + entry[1]


def _end_of(lines: list[str], table: str) -> int | None:
    """Return the number of lines before the place for a new entry of `table`, if it exists.

    That is behind the table's last entry, or its header; for the top level, in front of
    the first header and the comment above it.
    """
    headers = [
        n for n, line in enumerate(lines, 1) if (h := re.match(_HEADER, line)) and h[1] == table
    ]
    inside = [n for n, name in _entries(lines) if name.rpartition(".")[0] == table]
    if inside or headers:
        return max(inside + headers)
    if table:
        return None
    end = len(lines) - (not lines[-1])
    first = next((n for n, line in enumerate(lines) if line.lstrip().startswith("[")), end)
    while first < end and first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return first


def _comment(line: str, parses: Callable[[str], bool]) -> str:
    """Return the comment that ends an entry's line, with the blanks before it."""
    marks = (at for at, sign in enumerate(line) if sign == "#")
    start = next((at for at in marks if parses(line[:at])), None)
    return "" if start is None else line[len(line[:start].rstrip()) :]
