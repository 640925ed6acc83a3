"""Decides which earlier submissions can be collected, and which were refused for good. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.build.steps import answers
from fluxcli.errors import Code
from fluxcli.prices_and_limits import RESULT_DAYS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fluxcli.build.lock.entry import LockedRequest
    from fluxcli.build.manifest.asset import Asset

_DAY: Final = 86400.0
_MARGIN: Final = 3600.0
"""Results that the service removes within an hour are not relied on."""

_IMPLAUSIBLE: Final = 1000 * _DAY
"""An age beyond this means that a clock was wrong, not that a task is old."""

REFUSALS: Final = frozenset({Code.MODERATED.value, Code.REJECTED.value})
"""The same request would be refused again."""


def paid_before(
    known: Iterable[LockedRequest], *, asset: Asset, identity: str | None
) -> LockedRequest | None:
    """Return the submission for exactly this request that may still be collected.

    Its age does not matter, since the clock may be wrong: if its result is gone, the service
    reports that when it is collected, and `error` records it.
    One of which it is unknown whether it was accepted comes before any other.
    """
    found = [one for one in known if one.error is None and answers(one, asset, identity)]
    lost = next((one for one in found if one.task_id is None and one.ref is not None), None)
    return lost or next((one for one in found if one.task_id is not None), None)


def is_alive(request: LockedRequest, since: float, *, now: float) -> bool:
    """Whether the service still has the result of a task, if the clock is right."""
    age = now - since
    believed = -_DAY < age < _IMPLAUSIBLE
    return request.task_id is not None and (not believed or age < RESULT_DAYS * _DAY - _MARGIN)
