"""The steps of a plan: what to do with each asset, and the request that it resolves to."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fluxcli.build.lock.entry import LockedRequest
from fluxcli.build.lock.fingerprint import made_from, request_hash, scheme_of
from fluxcli.dataclass import dataclass
from fluxcli.prices_and_limits import CREDITS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

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
    """What to do with one asset, and why.

    `entry` is what the lock knows of it, under the name `known_as`; `kept` the same as it is to
    be written if the image stays. `request` is the resolved one, None while its input is not
    there. `collects` is the submission whose image is downloaded, `unknown` one of which it is
    not known whether it was accepted. `seen` is the hash of the file at the output now,
    `moved_from` the path of the image that is moved there. `next` is the command to run next
    where only a person can decide. `credits` is the estimated price.
    """

    name: str
    action: Action
    reasons: tuple[str, ...]
    output: str
    asset: Asset | None = None
    entry: LockEntry | None = None
    known_as: str | None = None
    request: LockedRequest | None = None
    kept: LockEntry | None = None
    collects: LockedRequest | None = None
    unknown: LockedRequest | None = None
    seen: str | None = None
    moved_from: str | None = None
    reroll: bool = False
    next: str | None = None
    credits: float = 0

    @property
    def is_fresh(self) -> bool:
        """Whether its image will differ from the one in the lock."""
        made = self.entry.made if self.entry else None
        return self.action.pays or (
            self.collects is not None and (made is None or self.collects is not made.request)
        )

    @property
    def rewrites(self) -> bool:
        """Whether the lock changes though the image stays."""
        return self.known_as not in {None, self.name} or self.kept != self.entry


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a build, parents first, orphans last."""

    steps: tuple[PlanStep, ...]

    @property
    def credits(self) -> int:
        """The estimated price of all, in whole credits, rounded up."""
        return math.ceil(sum(step.credits for step in self.steps))

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to do, for the program or a person."""
        return all(step.action in {Action.KEEP, Action.ORPHAN} for step in self.steps)

    @property
    def writes(self) -> bool:
        """Whether carrying it out changes the lock or a file."""
        return any(
            step.action.works or step.action is Action.MOVED or step.unknown or step.rewrites
            for step in self.steps
            if step.action is not Action.ORPHAN
        )

    def only(self, *actions: Action) -> list[PlanStep]:
        """Return the steps of these kinds."""
        return [step for step in self.steps if step.action in actions]


def _nothing(_name: str, _request_hash: str) -> Sequence[LockedRequest]:
    return ()


def _built_in(model: str) -> float:
    return CREDITS[model]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """The choices of a command: `chosen` assets (None: all), those `named` in full, `force`.

    `origin` is the address of the service; tasks of another service are not collected.
    `reroll` are assets to pay for again. `submitted` returns what this machine has submitted
    for an asset and a request hash, newest first. `price` is the estimated price of one image of
    a model, in credits.
    """

    now: float
    origin: str | None = None
    force: bool = False
    chosen: Collection[str] | None = None
    named: Collection[str] = ()
    reroll: Collection[str] = ()
    submitted: Callable[[str, str], Sequence[LockedRequest]] = _nothing
    price: Callable[[str], float] = _built_in


def hash_of(asset: Asset, identity: str | None, *, scheme: int | None = None) -> str:
    """Return the request hash of an asset whose input has this identity."""
    return request_hash(asset.request, rev=asset.rev, input_identity=identity, scheme=scheme)


def locked_request(
    asset: Asset, identity: str | None, *, now: float, known: LockedRequest | None = None
) -> LockedRequest:
    """Return the request for an asset as the lock keeps it before anything is sent.

    `known` is the one that the lock has: the same request has the same short form.
    """
    original, hashed = asset.original, hash_of(asset, identity)
    form = known.made_from if known is not None and known.hash == hashed else ""
    return LockedRequest(
        hash=hashed,
        made_from=form or made_from(asset.request, rev=asset.rev, input_identity=identity),
        model=asset.request.model,
        submitted_at=now,
        input=None if original is None else str(original),
        input_sha256=identity if original is not None and original.kind != "url" else None,
    )


def answers(request: LockedRequest, asset: Asset, identity: str | None) -> bool:
    """Whether a request is the one that an asset resolves to, by the scheme it was hashed by."""
    return request.hash == hash_of(asset, identity, scheme=scheme_of(request.hash))
