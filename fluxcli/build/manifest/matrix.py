"""One declaration, many assets: the members of `matrix` and `each`, their names and their order.

A member's name depends on its own values only, so that adding one renames no other.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import field
from typing import TYPE_CHECKING, Final

from fluxcli.build.manifest.interpolation import written
from fluxcli.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIMIT: Final = 10_000
"""The most assets that a manifest may have; a matrix multiplies in one line."""

Values = dict[str, object]


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its values, the ones that name it, and its place in `each`, if it is there."""

    values: Values
    naming: tuple[str, ...]
    index: int | None = None

    def name(self, base: str) -> str:
        """Return `icon[1:1,mail]`; `base` for a declaration of one asset."""
        texts = ",".join(written(self.values[key]) for key in self.naming)
        return f"{base}[{texts}]" if self.naming else base


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The members that a declaration is expanded to. At most one of `axes` and `each` has entries.

    `axes` are in the order of their names, so that the order of keys in the file is free.
    `exclude` are combinations of `axes` that are left out. The first key of `each` names.
    """

    axes: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    exclude: tuple[Values, ...] = ()
    each: tuple[tuple[int, Values], ...] = ()

    @property
    def size(self) -> int:
        """The number of members before any is excluded; 1 without `axes` and `each`."""
        return len(self.each) or math.prod(len(values) for values in self.axes.values())

    def all(self) -> Iterator[Member]:
        """Yield every member; the last axis varies fastest, values in the order given."""
        if self.each:
            for index, values in self.each:
                yield Member(values, (next(iter(values)),), index)
            return
        naming = tuple(self.axes)
        for combination in itertools.product(*self.axes.values()):
            values = dict(zip(naming, combination, strict=True))
            if not any(_matches(values, left_out) for left_out in self.exclude):
                yield Member(values, naming)


def _matches(values: Values, left_out: Values) -> bool:
    return all(_is_same(values[key], value) for key, value in left_out.items())


def _is_same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other
