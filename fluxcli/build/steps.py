"""The words of a plan: what is to be done to an asset, and the request that it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fluxcli.build.lock.entry import LockedRequest
from fluxcli.build.lock.fingerprint import anchor, made_from
from fluxcli.catalog import CREDITS

if TYPE_CHECKING:
    from collections.abc import Collection

    from fluxcli.build.lock.entry import LockEntry
    from fluxcli.build.manifest.asset import Asset


class Action(StrEnum):
    """What is to be done to an asset."""

    NEW = "new"
    CHANGED = "changed"
    COLLECT = "collect"
    MOVED = "moved"
    KEEP = "up_to_date"
    EDITED = "edited"
    HELD = "held"
    ORPHAN = "orphan"

    @property
    def sign(self) -> str:
        """The sign that stands for it in a plan."""
        return _SIGNS[self]

    @property
    def pays(self) -> bool:
        """Whether it costs credits."""
        return self is Action.NEW or self is Action.CHANGED

    @property
    def works(self) -> bool:
        """Whether the service is needed for it."""
        return self.pays or self is Action.COLLECT


_SIGNS: Final[dict[Action, str]] = {
    Action.NEW: "+",
    Action.CHANGED: "~",
    Action.COLLECT: "↓",
    Action.MOVED: "→",
    Action.KEEP: "=",
    Action.EDITED: "?",
    Action.HELD: "!",
    Action.ORPHAN: "-",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """What is to be done to one asset, and the reasons.

    `asset` is None for an orphan. `entry` is what the lock knows, under `known_as` (another
    name if the asset was renamed). `ask` is the request as the lock would keep it; None while
    its input is yet to be made. `anchored` is the entry that the lock is to have if nothing
    else happens; it differs from `entry` after a move, a new name or a new scheme. `collects`
    is the request whose result is fetched. `seen` is the hash of what lies at the output now.
    `unknown`: nobody can tell whether it is paid for.
    """

    name: str
    action: Action
    reasons: tuple[str, ...]
    output: str
    asset: Asset | None = None
    entry: LockEntry | None = None
    known_as: str | None = None
    ask: LockedRequest | None = None
    anchored: LockEntry | None = None
    collects: LockedRequest | None = None
    seen: str | None = None
    unknown: bool = False

    @property
    def credits(self) -> int:
        """The estimated price, in credits."""
        return CREDITS[self.asset.request.model] if self.asset and self.action.pays else 0

    @property
    def is_fresh(self) -> bool:
        """Whether its picture will be one that nobody has seen yet."""
        waited = self.entry.pending if self.entry else None
        return self.action.pays or (self.collects is not None and self.collects is waited)

    @property
    def rewrites(self) -> bool:
        """Whether the lock changes though the picture stays."""
        return self.known_as not in {None, self.name} or self.anchored != self.entry


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a build, parents first, orphans last."""

    steps: tuple[PlanStep, ...]

    @property
    def credits(self) -> int:
        """The estimated price of all, in credits."""
        return sum(step.credits for step in self.steps)

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to do."""
        return all(step.action is Action.KEEP for step in self.steps)

    def only(self, *actions: Action) -> list[PlanStep]:
        """Return the steps of these kinds."""
        return [step for step in self.steps if step.action in actions]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a command asks for: `chosen` assets (None: all), those `named` in full, `force`.

    `sandbox`: pictures of the stand-in will do.
    """

    now: float
    sandbox: bool = False
    force: bool = False
    chosen: Collection[str] | None = None
    named: Collection[str] = ()


def asks_for(asset: Asset, identity: str | None, *, scheme: int | None = None) -> str:
    """Return the anchor of an asset whose input has this identity."""
    return anchor(asset.request, rev=asset.rev, input_identity=identity, scheme=scheme)


def ask_of(asset: Asset, identity: str | None, *, now: float, sandbox: bool) -> LockedRequest:
    """Return the request for an asset as the lock keeps it before anything is sent."""
    original = asset.original
    return LockedRequest(
        request=asks_for(asset, identity),
        made_from=made_from(asset.request, rev=asset.rev, input_identity=identity),
        model=asset.request.model,
        asked_at=now,
        input=None if original is None else str(original),
        input_sha256=identity if original is not None and original.kind != "url" else None,
        sandbox=sandbox,
    )
