"""One declaration, many assets: the members of a matrix, their names and their order."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Final

from fluxcli.build.manifest.interpolation import written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIMIT: Final = 10_000
"""So many assets a manifest may amount to; a matrix grows beyond all measure in one line."""


def size(axes: Mapping[str, tuple[object, ...]]) -> int:
    """Count the members; 1 without any axis."""
    return math.prod(len(values) for values in axes.values())


def members(axes: Mapping[str, tuple[object, ...]]) -> Iterator[dict[str, object]]:
    """Yield every combination; the last axis turns fastest, values in the order given."""
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def member_name(base: str, member: Mapping[str, object]) -> str:
    """Return `icon[1:1,mail]`: the values in the order of their axes' names; `base` if none.

    The order of keys in the file does not matter, so that it can change without a trace.
    """
    values = ",".join(written(value) for value in member.values())
    return f"{base}[{values}]" if member else base
