"""What is to be done to each asset, and why: manifest, lock and files compared. Pure.

Needs no key and no network. The rules, from the strongest:
- What is paid for is collected, never asked for again.
- What a person did to a file is kept, unless `force` was asked for.
- What only a person can settle is held, and the rest goes on.
- A picture is remade only if its request, or the picture it is made from, is another one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from fluxcli.build.lock.entry import LockedImage, LockedRequest, LockEntry
from fluxcli.build.lock.fingerprint import differences, scheme_of
from fluxcli.build.steps import Action, Plan, PlanStep, Wishes, ask_of, asks_for
from fluxcli.catalog import RESULT_DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fluxcli.build.hashes import Disk
    from fluxcli.build.manifest.asset import Asset, Manifest

_DAY: Final = 86400.0
_MARGIN: Final = 3600.0
"""A result that the service drops within the hour is not counted on any more."""


def plan(manifest: Manifest, lock: Mapping[str, LockEntry], disk: Disk, wishes: Wishes) -> Plan:
    """Decide what is to be done to each asset.

    Raises:
        FluxError: INPUT_UNREADABLE: a file is there and cannot be read.
    """
    planner = _Planner(manifest, lock, disk, wishes)
    for asset in manifest.assets:
        if wishes.chosen is None or asset.name in wishes.chosen:
            planner.take(asset)
    return Plan((*planner.steps.values(), *planner.orphans()))


@dataclass(slots=True)
class _Planner:
    manifest: Manifest
    lock: Mapping[str, LockEntry]
    disk: Disk
    wishes: Wishes
    steps: dict[str, PlanStep] = field(default_factory=dict)
    _claimed: set[str] = field(default_factory=set)
    _strays: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort the entries that no asset of the manifest bears by what they were asked for."""
        known = self.manifest.by_name()
        for name in sorted(self.lock.keys() - known.keys()):
            entry = self.lock[name]
            for ask in (entry.made.ask if entry.made else None, entry.pending):
                if ask is not None:
                    self._strays.setdefault(ask.request, []).append(name)

    def orphans(self) -> list[PlanStep]:
        """Return what the lock knows and the manifest does not, if all of it was looked at."""
        if self.wishes.chosen is not None:
            return []
        names = self.lock.keys() - self.manifest.by_name().keys() - self._claimed
        return [_orphan(name, self.lock[name]) for name in sorted(names)]

    def take(self, asset: Asset) -> None:
        known_as = self._known_as(asset)
        entry = self.lock.get(known_as or asset.name, LockEntry())
        waits, identity = self._input(asset)
        ask = None
        if waits is None:
            now, sandbox = self.wishes.now, self.wishes.sandbox
            ask = ask_of(asset, identity, now=now, sandbox=sandbox)
        seen = self.disk.sha256(self.manifest.place(asset))
        case = _Case(self, asset, entry, ask, identity, known_as, seen)
        step = case.step() if waits is None else case.held_back(waits)
        if waits is None and step.action.pays and not self._has_input(asset, identity):
            step = case.held_back(_Waits(asset.parent or "", stuck=True))
        self.steps[asset.name] = step

    def _known_as(self, asset: Asset) -> str | None:
        """Return the name under which the lock knows an asset; another one if it was renamed."""
        if asset.name in self.lock:
            return asset.name
        waits, identity = self._input(asset)
        if waits is not None:
            return None
        for name in self._strays.get(asks_for(asset, identity), ()):
            if name not in self._claimed:
                self._claimed.add(name)
                return name
        return None

    def _input(self, asset: Asset) -> tuple[_Waits | None, str | None]:
        """Return what an asset has to wait for, or else the identity of its input, if any."""
        original = asset.original
        if original is None:
            return None, None
        if original.kind == "url":
            return None, original.text
        if original.kind == "file":
            path = self.manifest.input(asset)
            return None, self.disk.sha256(path) if path else None
        parent = self.steps[original.text]
        made = parent.anchored.made if parent.anchored else None
        if parent.is_fresh:
            return _Waits(parent.name), None
        if made is None:
            return _Waits(parent.name, stuck=True), None
        return None, made.sha256

    def _has_input(self, asset: Asset, identity: str | None) -> bool:
        """Tell whether the very picture that an edit starts from is there, or will be."""
        if asset.parent is None:
            return True
        parent = self.steps[asset.parent]
        if parent.action not in {Action.EDITED, Action.HELD}:
            return True
        made = parent.anchored.made if parent.anchored else None
        return made is not None and self.disk.sha256(self.manifest.folder / made.output) == identity

    def alive(self, ask: LockedRequest, since: float) -> bool:
        """Tell whether the service still has the result of a task."""
        age = self.wishes.now - since
        return ask.task_id is not None and age < RESULT_DAYS * _DAY - _MARGIN


def _orphan(name: str, entry: LockEntry) -> PlanStep:
    reasons = ["the manifest no longer has it"]
    if entry.pending is not None and entry.pending.task_id:
        reasons.append(f"task `{entry.pending.task_id}` is paid for and not fetched")
    output = entry.made.output if entry.made else ""
    return PlanStep(
        name=name,
        action=Action.ORPHAN,
        reasons=tuple(reasons),
        output=output,
        entry=entry,
        known_as=name,
        anchored=entry,
    )


@dataclass(frozen=True, slots=True)
class _Waits:
    """An asset that has to wait for `parent`; `stuck`: in vain, until a person has acted."""

    parent: str
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    """One asset's case: what is wanted, what the lock says, what lies on the disk."""

    planner: _Planner
    asset: Asset
    entry: LockEntry
    ask: LockedRequest | None
    identity: str | None
    known_as: str | None
    seen: str | None

    def held_back(self, waits: _Waits) -> PlanStep:
        """Decide on an asset whose input is not there yet."""
        if waits.stuck:
            return self._step(Action.HELD, f"waits for `{waits.parent}`")
        reason = f"`{waits.parent}`, which it is made from, is made first"
        made = self.entry.made
        if made is None:
            return self._unless_in_the_way(Action.NEW, reason)
        return self._frozen(made, reason) if self._is_frozen else self._remade(made, reason)

    def step(self) -> PlanStep:
        """Decide on an asset whose input is known."""
        pending, made = self.entry.pending, self.entry.made
        if pending is not None and self._answers(pending):
            if pending.task_id is None:
                reason = "it is not known whether its submission was accepted"
                return self._step(Action.HELD, reason, unknown=True)
            if self.planner.alive(pending, pending.asked_at):
                return self._collected(pending)
        if made is None:
            return self._unless_in_the_way(Action.NEW, *self._lost(pending), "not made yet")
        if not self._answers(made.ask):
            return self._outdated(made)
        return self._answered(made)

    # -- an answer to another request ---------------------------------------------------

    def _outdated(self, made: LockedImage) -> PlanStep:
        reasons = self._changes(made)
        return self._frozen(made, *reasons) if self._is_frozen else self._remade(made, *reasons)

    def _frozen(self, made: LockedImage, *reasons: str) -> PlanStep:
        """Keep the picture that is there, whatever would be made today."""
        found = self._sha(made.output)
        if found is None:
            return self._gone(made, "missing")
        if found != made.sha256:
            return self._step(Action.EDITED, "edited by hand since it was made")
        return self._step(Action.KEEP, "frozen: it is not made again", *reasons)

    def _changes(self, made: LockedImage) -> list[str]:
        if made.ask.sandbox and not self.planner.wishes.sandbox:
            return ["it was made by the sandbox"]
        now = self.ask.made_from if self.ask else ""
        return differences(made.ask.made_from, now) or ["its request is another one"]

    def _remade(self, made: LockedImage, *reasons: str) -> PlanStep:
        """Make it again, unless a person changed the file meanwhile."""
        found = self._sha(made.output)
        if found is not None and found != made.sha256 and not self.planner.wishes.force:
            return self._step(Action.EDITED, "edited by hand since it was made", *reasons)
        if made.output != self.asset.output:
            return self._unless_in_the_way(Action.CHANGED, *reasons)
        return self._step(Action.CHANGED, *reasons)

    # -- the answer to this very request ------------------------------------------------

    def _answered(self, made: LockedImage) -> PlanStep:
        found = self._sha(made.output)
        if made.sha256 in {found, self.seen}:
            return self._there(made, found)
        if (found or self.seen) and not self.planner.wishes.force:
            if found is not None:
                return self._step(Action.EDITED, "edited by hand since it was made")
            return self._in_the_way()
        return self._gone(made, "edited by hand, and to be replaced" if found else "missing")

    def _there(self, made: LockedImage, found: str | None) -> PlanStep:
        """The picture is on the disk, here or there."""
        accept = self.asset.accept
        objections = accept.objections(size=made.bytes, width=made.width, height=made.height)
        if objections and not made.adopted:
            return self._step(Action.HELD, *objections, "raise `rev` for another roll")
        if made.output == self.asset.output:
            if self.known_as not in {None, self.asset.name}:
                return self._step(Action.MOVED, f"it was called `{self.known_as}`")
            return self._step(Action.KEEP, "adopted" if made.adopted else "unchanged")
        if self.seen not in {None, made.sha256} and not self._moves_away(self.asset.output):
            return self._in_the_way()
        was = f"`{made.output}`" if found == made.sha256 else f"`{made.output}`, moved by hand"
        return self._step(Action.MOVED, f"it was {was}")

    def _gone(self, made: LockedImage, reason: str) -> PlanStep:
        """The picture is not on the disk."""
        if self.planner.alive(made.ask, made.made_at):
            said = "the service still has it"
            return self._step(Action.COLLECT, reason, said, collects=made.ask)
        lost = "it was adopted" if made.adopted else "the service has it no longer"
        if self._is_frozen:
            return self._step(Action.HELD, "frozen", reason, lost)
        return self._step(Action.CHANGED, reason, lost)

    # -- what is paid for ---------------------------------------------------------------

    def _collected(self, pending: LockedRequest) -> PlanStep:
        made = self.entry.made
        ours = {None, pending.landing, made.sha256 if made else None}
        if self.seen not in ours and not self.planner.wishes.force:
            return self._in_the_way()
        said = f"task `{pending.task_id}` is paid for"
        return self._step(Action.COLLECT, said, collects=pending)

    def _lost(self, pending: LockedRequest | None) -> list[str]:
        if pending is None or pending.task_id is None:
            return []
        if self._answers(pending):
            return [f"the service keeps results for {RESULT_DAYS} days, and this one is gone"]
        return ["what is paid for is the answer to another request"]

    # -- words --------------------------------------------------------------------------

    def _unless_in_the_way(self, action: Action, *reasons: str) -> PlanStep:
        free = self.seen is None or self._moves_away(self.asset.output)
        if free or self.planner.wishes.force:
            return self._step(action, *reasons)
        return self._in_the_way()

    def _in_the_way(self) -> PlanStep:
        said = f"`{self.asset.output}` is there, and the lock does not know it"
        return self._step(Action.EDITED, said)

    def _moves_away(self, output: str) -> bool:
        """Tell whether what lies at `output` is another asset's, which is going elsewhere."""
        assets = self.planner.manifest.by_name()
        for name, entry in self.planner.lock.items():
            made = entry.made
            if made is None or made.output != output or name == self.asset.name:
                continue
            goes = name in assets and assets[name].output != output
            return goes and self._sha(output) == made.sha256
        return False

    def _answers(self, ask: LockedRequest) -> bool:
        """Tell whether a request is the one that is wanted, by whatever scheme it was hashed."""
        if ask.sandbox and not self.planner.wishes.sandbox:
            return False
        if self.ask is not None and ask.request == self.ask.request:
            return True
        scheme = scheme_of(ask.request)
        ours = scheme and asks_for(self.asset, self.identity, scheme=scheme)
        return ask.request == ours

    @property
    def _is_frozen(self) -> bool:
        return self.asset.frozen and self.asset.name not in self.planner.wishes.named

    def _sha(self, output: str) -> str | None:
        if output == self.asset.output:
            return self.seen
        return self.planner.disk.sha256(self.planner.manifest.folder / output)

    def _step(
        self,
        action: Action,
        *reasons: str,
        collects: LockedRequest | None = None,
        unknown: bool = False,
    ) -> PlanStep:
        known = self.known_as is not None
        return PlanStep(
            name=self.asset.name,
            action=action,
            reasons=reasons,
            output=self.asset.output,
            asset=self.asset,
            entry=self.entry if known else None,
            known_as=self.known_as,
            ask=self.ask,
            anchored=self._anchored(action) if known else None,
            collects=collects,
            seen=self.seen,
            unknown=unknown,
        )

    def _anchored(self, action: Action) -> LockEntry:
        """Return the entry with its place and anchor as they are to be."""
        made = self.entry.made
        if made is None or action not in {Action.KEEP, Action.MOVED} or self.ask is None:
            return self.entry
        now = (self.ask.request, self.ask.made_from, self.ask.input, self.asset.output)
        was = (made.ask.request, made.ask.made_from, made.ask.input, made.output)
        if now == was or not self._answers(made.ask):
            return self.entry
        request, made_from, given, output = now
        ask = replace(made.ask, request=request, made_from=made_from, input=given)
        return replace(self.entry, made=replace(made, ask=ask, output=output))
