"""TOML files, with the line and column of every key and value, for messages.

The standard library parses; this module finds places in text that it has accepted, and knows
nothing of what the entries mean.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.system.bounded_read import read_at_most

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Trail = tuple[str | int, ...]
"""The path to an entry: keys, and indices of arrays from 0."""

_LARGEST: Final = 64 << 20
_WHERE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_GAP: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_KEY: Final = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+""")
_STRING: Final = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:'{0,2})|"(?:[^"\\]|\\.)*"|'[^']*\'''',
    re.DOTALL,
)
_PLAIN: Final = re.compile(r"[^,\]}#\r\n]+")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text; both count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True)
class Toml:
    """A TOML file as it was read. `values` are its tables, nested."""

    path: Path
    values: Mapping[str, object] = field(repr=False)
    _text: str = field(repr=False)

    def key(self, *trail: str | int) -> Place:
        """Return the place of the entry's key, or of the nearest entry around it."""
        places = self._walk.keys
        while trail and trail not in places:
            trail = trail[:-1]
        return _place_of(self._text, places[trail]) if trail else Place(1, 1)

    def value(self, *trail: str | int) -> Place:
        """Return the place of the entry's value, of its key, or of the nearest entry around it."""
        at = self._walk.values.get(trail)
        return self.key(*trail) if at is None else _place_of(self._text, at)

    @cached_property
    def _walk(self) -> _Walk:
        """The places in the text, found when the first is needed: a valid file needs none."""
        walk = _Walk(self._text)
        # For what is nested too deep, the place around it is reported.
        with suppress(ValueError, RecursionError):
            walk.document()
        return walk


def read(path: Path, code: Code, *, hint: str | None = None) -> Toml:
    """Read the TOML file at `path`; `code` and `hint` are those of the error if it is none.

    Raises:
        FluxError: it cannot be read, or is not TOML; the message has line and column.
        FileNotFoundError: it is not there.
    """
    try:
        with path.open("rb") as file:
            data = read_at_most(file, _LARGEST)
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = reason_of(error)
        raise FluxError(code, f"`{path}` cannot be read: {reason}") from error
    if len(data) > _LARGEST:
        raise FluxError(code, f"`{path}` is over {_LARGEST >> 20} MB")
    return parse(data, path, code, hint=hint)


def parse(data: bytes, path: Path, code: Code, *, hint: str | None = None) -> Toml:
    """Read the bytes of the TOML file at `path`.

    Raises:
        FluxError: they are not TOML; the message has line and column.
    """

    def broken(place: Place | None, reason: str) -> FluxError:
        where = f"{path}:{place.line}:{place.column}" if place else str(path)
        return FluxError(code, f"`{where}`: {reason}", hint=hint)

    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
        raise broken(_place_of(before, len(before)), "not text in UTF-8") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _WHERE.search(str(error))
        has_place = found is not None and found[1] is not None
        place = Place(int(found[1]), int(found[2])) if found and has_place else _end_of(text)
        reason = _WHERE.sub("", str(error))
        raise broken(place, reason[:1].lower() + reason[1:]) from None
    except (ValueError, RecursionError):
        raise broken(None, "a number is too long or brackets are too deep") from None
    return Toml(path, values, text)


def _end_of(text: str) -> Place:
    return _place_of(text, len(text))


def _place_of(text: str, at: int) -> Place:
    start = text.rfind("\n", 0, at) + 1
    return Place(text.count("\n", 0, start) + 1, at - start + 1)


class _Walk:
    """Notes where each key and each value of a valid document begins."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._tables: dict[Trail, int] = {}
        self.keys: dict[Trail, int] = {}
        self.values: dict[Trail, int] = {}

    def document(self) -> None:
        table: Trail = ()
        self._skip(_GAP)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._entry(table)
            self._skip(_GAP)

    def _header(self) -> Trail:
        several = self._text.startswith("[[", self._at)
        self._at += 2 if several else 1
        trail = self._dotted(())
        self._at += 2 if several else 1
        if several:
            number = self._tables.get(trail, -1) + 1
            self._tables[trail] = number
        return self._inside(trail)

    def _inside(self, trail: Trail) -> Trail:
        """Return the way into the newest of the tables at `trail`, if there are several."""
        number = self._tables.get(trail)
        return trail if number is None else (*trail, number)

    def _entry(self, table: Trail) -> None:
        trail = self._dotted(table)
        self._at += 1  # the sign between key and value
        self._skip(_SPACE)
        self._value(trail)

    def _dotted(self, trail: Trail) -> Trail:
        """Read `a . "b" . c`, and note each key where it is first seen."""
        while True:
            self._skip(_SPACE)
            found = _KEY.match(self._text, self._at)
            if found is None:
                raise ValueError(self._at)
            trail = (*trail, _unquoted(found[0]))
            self.keys.setdefault(trail, self._at)
            self._at = found.end()
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return trail
            self._at += 1
            trail = self._inside(trail)

    def _value(self, trail: Trail) -> None:
        self.values[trail] = self._at
        sign = self._text[self._at]
        if sign == "[":
            self._array(trail)
        elif sign == "{":
            self._inline(trail)
        else:
            pattern = _STRING if sign in "\"'" else _PLAIN
            self._skip(pattern)

    def _array(self, trail: Trail) -> None:
        self._at += 1
        number = 0
        while not self._ended("]"):
            self._value((*trail, number))
            number += 1

    def _inline(self, trail: Trail) -> None:
        self._at += 1
        while not self._ended("}"):
            self._entry(trail)

    def _ended(self, closing: str) -> bool:
        """Go on to the next element, or past the end."""
        self._skip(_GAP)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_GAP)
        if self._text[self._at] != closing:
            return False
        self._at += 1
        return True

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()


def _unquoted(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    return str(tomllib.loads(f"key = {key}")["key"]) if key[0] == '"' else key
