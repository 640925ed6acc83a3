"""The types of a manifest's entries: each reads a TOML value and writes its JSON Schema.

One object does both, so that the checker and the published JSON Schema cannot drift apart.
Where a value is a setting too, the setting's own parser decides.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from fluxcli.dataclass import dataclass
from fluxcli.settings.parsers import BadValueError, choice, nearest, parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Schema = dict[str, object]

_LARGEST: Final = 2**53 - 1
"""The largest whole number that TOML, JSON and editors represent alike."""


class Kind(Protocol):
    """One type of value."""

    def read(self, raw: object) -> object:
        """Return the value that `raw` has.

        Raises:
            BadValueError: it has none of this type.
        """
        ...

    def schema(self) -> Schema:
        """Return the JSON Schema of exactly what `read` accepts."""
        ...


class Text:
    """Text that is not blank, without zero bytes."""

    def read(self, raw: object) -> str:
        """Return the text as it was written."""
        if not isinstance(raw, str):
            raise BadValueError("expected text")
        if not re.search(self._pattern(), raw):
            raise BadValueError("expected text that is not empty and holds no zero byte")
        return raw

    def schema(self) -> Schema:
        """Return the schema."""
        return {"type": "string", "pattern": self._pattern()}

    @staticmethod
    def _pattern() -> str:
        return "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$"


@dataclass(frozen=True, slots=True)
class Word:
    """Text of one form; `shape` is a regular expression, `expected` the form in words."""

    shape: str
    expected: str

    def read(self, raw: object) -> str:
        """Return the word."""
        if not isinstance(raw, str) or not re.search(f"{self.shape[:-1]}\\Z", raw):
            raise BadValueError(f"expected {self.expected}")
        return raw

    def schema(self) -> Schema:
        """Return the schema."""
        return {"type": "string", "pattern": self.shape}


class Address:
    """A public web address."""

    def read(self, raw: object) -> str:
        """Return the address."""
        if not isinstance(raw, str):
            raise BadValueError("expected an address such as `https://example.com`")
        return parse_url(raw)

    def schema(self) -> Schema:
        """Return the schema; it is coarser than `read`, which parses the address."""
        return {"type": "string", "format": "uri", "pattern": "^\\s*[Hh][Tt][Tt][Pp][Ss]?://"}


class Switch:
    """`true` or `false`."""

    def read(self, raw: object) -> bool:
        """Return it."""
        if isinstance(raw, bool):
            return raw
        raise BadValueError("expected `true` or `false`, without quotes")

    def schema(self) -> Schema:
        """Return the schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number; both ends are included."""

    lowest: int
    highest: int = _LARGEST

    def read(self, raw: object) -> int:
        """Return it."""
        span = f"from {self.lowest} to {self.highest}"
        if self.highest == _LARGEST:
            span = f"of {self.lowest} or more"
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise BadValueError(f"expected a whole number {span}, without quotes")
        near = min(max(raw, self.lowest), self.highest)
        if near != raw and self.lowest == self.highest:
            raise BadValueError(f"expected `{near}`")
        if near != raw:
            raise BadValueError(f"expected a whole number {span}", nearest=str(near))
        return raw

    def schema(self) -> Schema:
        """Return the schema."""
        return {"type": "integer", "minimum": self.lowest, "maximum": self.highest}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words, as the setting of the same name accepts them."""

    words: Mapping[str, str]
    shown: tuple[str, ...]

    def read(self, raw: object) -> str:
        """Return the word that the service uses for it."""
        if isinstance(raw, str) and raw in self.words:
            return self.words[raw]
        parse: Callable[[object], str] = choice(self.words, shown=self.shown)
        meant = parse(raw)  # raises, unless only the case is wrong
        raise BadValueError(f"expected `{meant}`", nearest=nearest(meant, self.words))

    def schema(self) -> Schema:
        """Return the schema."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Several:
    """An array of different values of one kind; `least` is how many there must be."""

    kind: Kind
    least: int = 0

    def read(self, raw: object) -> tuple[object, ...]:
        """Return the values in their order."""
        if not isinstance(raw, list):
            raise BadValueError("expected an array: `[…]`")
        if len(raw) < self.least:
            raise BadValueError("expected an array that is not empty")
        values = tuple(self.kind.read(one) for one in raw)
        if len({(type(one), one) for one in values}) < len(values):
            raise BadValueError("expected an array without repetitions")
        return values

    def schema(self) -> Schema:
        """Return the schema."""
        found: Schema = {"type": "array", "items": self.kind.schema(), "uniqueItems": True}
        return found | ({"minItems": self.least} if self.least else {})


@dataclass(frozen=True, slots=True)
class Either:
    """Any of several kinds; the first that accepts the value reads it."""

    kinds: tuple[Kind, ...]
    expected: str

    def read(self, raw: object) -> object:
        """Return the value that the first fitting kind reads."""
        for kind in self.kinds:
            try:
                return kind.read(raw)
            except BadValueError:
                continue
        raise BadValueError(self.expected)

    def schema(self) -> Schema:
        """Return the schema."""
        return {"anyOf": [kind.schema() for kind in self.kinds]}
