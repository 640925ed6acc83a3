"""Reads `matrix`, `exclude` and `each` of one declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from fluxcli.build.manifest.manifest_fields import (
    AXIS,
    EACH_VALUE,
    MEMBER_VALUE,
    NOT_IN_MATRIX,
    VARIABLE,
)
from fluxcli.build.manifest.matrix import Members
from fluxcli.build.manifest.value_types import Word
from fluxcli.dataclass import dataclass
from fluxcli.settings.parsers import BadValueError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fluxcli.build.manifest.matrix import Values
    from fluxcli.build.manifest.problems import FileProblems
    from fluxcli.build.manifest.value_types import Kind
    from fluxcli.tomltext import Toml, Trail

MEMBER_TABLES: Final = ("matrix", "each", "exclude", "accept")
"""Entries of an asset that are tables, or arrays of tables."""

_KEY: Final = Word(VARIABLE, "a name of letters, digits and `_`, not beginning with a digit")


@dataclass(frozen=True, slots=True)
class MemberReader:
    """Reads the members of the declaration at `trail`."""

    toml: Toml
    problems: FileProblems
    trail: tuple[str, str]

    def members(self, table: Mapping[str, object]) -> Members:
        """Return the members; problems are noted."""
        name = self.trail[1]
        if "each" in table and "matrix" in table:
            message = f"`{name}` has `matrix` and `each`"
            self.problems.add(self.toml.key(*self.trail, "each"), message, "remove one of them")
        axes = self._axes(table["matrix"]) if "matrix" in table else {}
        exclude: tuple[Values, ...] = ()
        if "exclude" in table:
            exclude = tuple(self._excluded(table["exclude"], axes, known="matrix" in table))
        each = tuple(self._each(table["each"])) if "each" in table and not axes else ()
        found = Members(axes=axes, exclude=exclude, each=each)
        if axes and exclude and found.size and next(found.all(), None) is None:
            place = self.toml.value(*self.trail, "exclude")
            self.problems.add(place, f"every member of `{name}` is excluded")
        return found

    def _axes(self, raw: object) -> dict[str, tuple[object, ...]]:
        """Read the axes in the order of their names: in TOML, the order of keys means nothing."""
        axes: dict[str, tuple[object, ...]] = {}
        trail = (*self.trail, "matrix")
        if not isinstance(raw, dict):
            self.problems.add(self.toml.value(*trail), "`matrix`: expected a table")
            return {}
        for name in sorted(raw):
            if self._may_vary((*trail, name), name, "matrix"):
                with self.problems.reading(*trail, name):
                    axes[name] = AXIS.read(raw[name])
        return axes

    def _excluded(
        self, raw: object, axes: Mapping[str, tuple[object, ...]], *, known: bool
    ) -> Iterator[Values]:
        place = self.toml.value(*self.trail, "exclude")
        if not known:
            self.problems.add(place, "`exclude` leaves out members of a `matrix`; there is none")
            return
        for number, table in self._tables(raw, "exclude"):
            trail = (*self.trail, "exclude", number)
            values: Values = {}
            for key, value in table.items():
                if key not in axes:
                    self.problems.unknown((*trail, key), list(axes), "name of the matrix")
                    continue
                if any(type(one) is type(value) and one == value for one in axes[key]):
                    values[key] = value
                    continue
                near = nearest(str(value), [str(one) for one in axes[key]])
                message = f"`{key}` of the matrix has no value `{value}`"
                hint = f"did you mean `{near}`?" if near else None
                self.problems.add(self.toml.value(*trail, key), message, hint)
            if values and len(values) == len(table):
                yield values

    def _each(self, raw: object) -> Iterator[tuple[int, Values]]:
        naming: str | None = None
        for number, table in self._tables(raw, "each"):
            trail = (*self.trail, "each", number)
            first = next(iter(table))
            naming = naming or first
            if first != naming:
                message = f"members are named by their first key: it is `{first}`, not `{naming}`"
                hint = f"put `{naming}` first"
                self.problems.add(self.toml.key(*trail, first), message, hint)
            values: Values = {}
            for key, value in table.items():
                if self._may_vary((*trail, key), key, "each"):
                    kind: Kind = MEMBER_VALUE if key == first else EACH_VALUE
                    with self.problems.reading(*trail, key):
                        values[key] = kind.read(value)
            if len(values) == len(table):
                yield number, values

    def _tables(self, raw: object, key: str) -> Iterator[tuple[int, Mapping[str, object]]]:
        """Yield the tables of an array, which are not empty, with their numbers from 0."""
        trail: Trail = (*self.trail, key)
        if not isinstance(raw, list) or not raw:
            message = f"`{key}`: expected an array of tables: `[{{ … }}, …]`"
            self.problems.add(self.toml.value(*trail), message)
            return
        for number, table in enumerate(raw):
            if isinstance(table, dict) and table:
                yield number, cast("Mapping[str, object]", table)
            else:
                message = f"`{key}`: expected a table that is not empty: `{{ … }}`"
                self.problems.add(self.toml.value(*trail, number), message)

    def _may_vary(self, trail: Trail, name: str, where: str) -> bool:
        try:
            _KEY.read(name)
        except BadValueError as bad:
            self.problems.add(self.toml.key(*trail), f"`{name}`: {bad}")
            return False
        if name in NOT_IN_MATRIX:
            what = "a matrix" if where == "matrix" else "`each`"
            hint = "vary a part of it: `matrix = { what = […] }` and `{what}` in the text"
            self.problems.add(self.toml.key(*trail), f"`{name}` cannot be in {what}", hint)
            return False
        return True
