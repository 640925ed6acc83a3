"""What to do with each asset, and why: manifest, lock, files and journal compared. Pure.

Needs no key and no network. The rules, the strongest first:
- What was paid for is collected, never paid again.
- What a person made or changed is never replaced unless `force` or a reroll asks for it.
- What only a person can decide is held, and the rest goes on.
- An image is remade only if its request or its input is another one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from fluxcli.build.lock.entry import LockedImage, LockedRequest, LockEntry, same_submission
from fluxcli.build.lock.fingerprint import differences
from fluxcli.build.steps import (
    Action,
    Plan,
    PlanOptions,
    PlanStep,
    answers,
    hash_of,
    locked_request,
)
from fluxcli.catalog import RESULT_DAYS
from fluxcli.errors import Code

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fluxcli.build.hashes import Disk
    from fluxcli.build.manifest.asset import Asset, Manifest

_DAY: Final = 86400.0
_MARGIN: Final = 3600.0
"""A result that the service drops within the hour is not relied on."""

_IMPLAUSIBLE: Final = 1000 * _DAY
"""An age beyond this means that a clock was wrong, not that a task is old."""

REFUSALS: Final = frozenset({Code.MODERATED.value, Code.REJECTED.value})
"""The same request would be refused again."""


def plan(
    manifest: Manifest, lock: Mapping[str, LockEntry], disk: Disk, options: PlanOptions
) -> Plan:
    """Decide what to do with each asset.

    Raises:
        FluxError: INPUT_UNREADABLE: a file exists and cannot be read.
    """
    planner = _Planner(manifest, lock, disk, options)
    for asset in manifest.assets:
        if options.chosen is None or asset.name in options.chosen:
            planner.add(asset)
    return Plan((*planner.steps.values(), *planner.orphans()))


def parked(output: str) -> str:
    """Return where an image is kept while several are moved at once."""
    above, slash, name = output.rpartition("/")
    return f"{above}{slash}.{name}.moving"


def paid_before(
    known: Iterable[LockedRequest], *, asset: Asset, identity: str | None, now: float
) -> LockedRequest | None:
    """Return the submission for exactly this request that may still be collected.

    One of which it is unknown whether it was accepted comes before any other.
    """
    found = [one for one in known if one.error is None and answers(one, asset, identity)]
    lost = next((one for one in found if one.task_id is None and one.ref is not None), None)
    return lost or next((one for one in found if is_alive(one, one.submitted_at, now=now)), None)


def is_alive(request: LockedRequest, since: float, *, now: float) -> bool:
    """Whether the service still has the result of a task, as far as times can be believed."""
    age = now - since
    believed = -_DAY < age < _IMPLAUSIBLE
    return request.task_id is not None and (not believed or age < RESULT_DAYS * _DAY - _MARGIN)


@dataclass(slots=True)
class _Planner:
    manifest: Manifest
    lock: Mapping[str, LockEntry]
    disk: Disk
    options: PlanOptions
    steps: dict[str, PlanStep] = field(default_factory=dict)
    _claimed: set[str] = field(default_factory=set)
    _unnamed: dict[str, list[str]] = field(default_factory=dict)
    root: Path = field(init=False)

    def __post_init__(self) -> None:
        """Sort the entries of no declared asset by their requests."""
        self.root = self.manifest.root
        known = self.manifest.by_name()
        for name in sorted(self.lock.keys() - known.keys()):
            entry = self.lock[name]
            for request in (entry.made.request if entry.made else None, entry.pending):
                if request is not None:
                    self._unnamed.setdefault(request.hash, []).append(name)

    def orphans(self) -> list[PlanStep]:
        """Return what the lock has and the manifest does not, if the plan is about all."""
        if self.options.chosen is not None:
            return []
        names = self.lock.keys() - self.manifest.by_name().keys() - self._claimed
        return [_orphan(name, self.lock[name]) for name in sorted(names)]

    def add(self, asset: Asset) -> None:
        known_as = self._known_as(asset)
        entry = self.lock.get(known_as or asset.name, LockEntry())
        waits, identity = self._input(asset)
        request = None
        if waits is None:
            request = locked_request(asset, identity, now=self.options.now)
        seen = self.disk.sha256(self.root / asset.output)
        state = _AssetState(self, asset, entry, request, identity, known_as, seen)
        step = state.step() if waits is None else state.held_back(waits)
        if waits is None and step.action.pays and not self._has_input(asset):
            step = state.held_back(_Waits(asset.parent or "", stuck=True))
        self.steps[asset.name] = step

    def _known_as(self, asset: Asset) -> str | None:
        """Return the name under which the lock has an asset; another one if it was renamed."""
        if asset.name in self.lock:
            return asset.name
        if not self._unnamed:
            return None
        waits, identity = self._input(asset)
        if waits is not None:
            return None
        for name in self._unnamed.get(hash_of(asset, identity), ()):
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
        made = parent.kept.made if parent.kept else None
        if parent.is_fresh:
            return _Waits(parent.name), None
        if made is None:
            return _Waits(parent.name, stuck=True), None
        return None, made.original_sha256

    def _has_input(self, asset: Asset) -> bool:
        """Whether the locked image that an edit starts from is there, or will be."""
        if asset.parent is None:
            return True
        parent = self.steps[asset.parent]
        if parent.action in {Action.COLLECT, Action.MOVED} or parent.action.pays:
            return True
        made = parent.kept.made if parent.kept else None
        path = self.root / made.output if made else None
        return made is not None and path is not None and self.disk.sha256(path) == made.sha256


def _orphan(name: str, entry: LockEntry) -> PlanStep:
    reasons = ["the manifest no longer has it"]
    if entry.pending is not None and entry.pending.task_id:
        reasons.append(f"task `{entry.pending.task_id}` is paid for and not downloaded")
    output = entry.made.output if entry.made else ""
    return PlanStep(
        name=name,
        action=Action.ORPHAN,
        reasons=tuple(reasons),
        output=output,
        entry=entry,
        known_as=name,
        kept=entry,
        next="fluxcli assets prune",
    )


@dataclass(frozen=True, slots=True)
class _Waits:
    """An asset that has to wait for `parent`; `stuck`: until a person has acted."""

    parent: str
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class _AssetState:
    """One asset: what the manifest wants, what the lock knows, what lies on the disk."""

    planner: _Planner
    asset: Asset
    entry: LockEntry
    request: LockedRequest | None
    identity: str | None
    known_as: str | None
    seen: str | None

    def held_back(self, waits: _Waits) -> PlanStep:
        """Decide on an asset whose input is not there yet."""
        if waits.stuck:
            step = self.planner.steps[waits.parent]
            pulled = f"`{waits.parent}` is a git-lfs pointer" if step.action is Action.KEEP else ""
            reason = pulled or f"waits for `{waits.parent}`"
            return self._step(Action.HELD, reason, next_="git lfs pull" if pulled else step.next)
        reason = f"`{waits.parent}`, which it is made from, is made first"
        made = self.entry.made
        if made is None:
            return self._unless_in_the_way(Action.NEW, reason)
        return self._frozen(made, reason) if self._is_frozen else self._remade(made, reason)

    def step(self) -> PlanStep:
        """Decide on an asset whose input is known."""
        if self.entry.rivals:
            return self._rivals()
        if self.asset.name in self.planner.options.reroll:
            return self._rerolled()
        pending, made = self.entry.pending, self.entry.made
        if pending is not None and (step := self._pending(pending)) is not None:
            return step
        if made is not None and self._answers(made.request):
            return self._answered(made)
        return self._unanswered(made, pending)

    def _unanswered(self, made: LockedImage | None, pending: LockedRequest | None) -> PlanStep:
        """Decide on an asset whose image, if any, answers another request."""
        if made is not None and self._is_frozen:
            return self._frozen(made, *self._changes(made))
        step = self._known_submission()
        if step is not None:
            return step
        if made is None:
            return self._unless_in_the_way(Action.NEW, *self._lost(pending), "not made yet")
        return self._remade(made, *self._changes(made))

    def _pending(self, pending: LockedRequest) -> PlanStep | None:
        """Collect what is on its way, if it is what the manifest asks for."""
        if not self._answers(pending):
            return None
        if pending.task_id is None:
            return self._unknown(pending)
        alive = is_alive(pending, pending.submitted_at, now=self.planner.options.now)
        return self._collected(pending) if alive else None

    def _known_submission(self) -> PlanStep | None:
        """Decide by an earlier submission for this very request: collect it, or hold."""
        found = self._paid_before()
        if found is None:
            return self._refusal()
        return self._unknown(found) if found.task_id is None else self._collected(found)

    def _paid_before(self) -> LockedRequest | None:
        """Return an earlier submission for this very request: of the lock, or of this machine."""
        options, name = self.planner.options, self.asset.name
        known = list(self.entry.submissions())
        if self.request is not None:
            mine = options.submitted(name, self.request.hash)
            ended = [one for one in mine if one.error is not None]
            known = [
                one
                for one in (*known, *mine)
                if not any(same_submission(one, dead) for dead in ended)
            ]
        return paid_before(known, asset=self.asset, identity=self.identity, now=options.now)

    def _refusal(self) -> PlanStep | None:
        """Hold what the service refused: the same request would be refused again."""
        name, options = self.asset.name, self.planner.options
        mine = options.submitted(name, self.request.hash) if self.request else ()
        for one in (*self.entry.history, *mine):
            if one.error in REFUSALS and self._answers(one):
                reason = f"the service refused this request ({one.error}); nothing was sent again"
                return self._step(
                    Action.HELD,
                    reason,
                    next_=f"change its prompt, or fluxcli build --reroll {name}",
                )
        return None

    def _rivals(self) -> PlanStep:
        tasks = [one.request.task_id or one.sha256[:12] for one in self.entry.rivals]
        reason = f"two branches made it: {' and '.join(f'`{task}`' for task in tasks)}"
        return self._step(
            Action.HELD, reason, next_=f"fluxcli assets pick {self.asset.name} {tasks[0]}"
        )

    def _rerolled(self) -> PlanStep:
        pending, made = self.entry.pending, self.entry.made
        if pending is not None and pending.reroll:
            # An unfinished reroll is resumed, not paid for twice.
            step = self._pending(pending)
            if step is not None:
                return step
        if made is None:
            return replace(self._unless_in_the_way(Action.NEW, "reroll"), reroll=True)
        return replace(self._remade(made, "reroll"), reroll=True)

    def _unknown(self, request: LockedRequest) -> PlanStep:
        return self._step(
            Action.HELD,
            "it is not known whether its submission was accepted",
            unknown=request,
            next_=f"fluxcli status {request.ref} --settle TASKID, or --settle not-charged",
        )

    # -- an answer to another request ---------------------------------------------------

    def _frozen(self, made: LockedImage, *reasons: str) -> PlanStep:
        """Keep the image that is there, even if the manifest changed."""
        found = self._sha(made.output)
        if found is None:
            return self._gone(made, "missing")
        if found != made.sha256 and not self._is_pointer(made):
            return self._edited()
        return self._step(Action.KEEP, "frozen: it is not made again", *reasons)

    def _changes(self, made: LockedImage) -> list[str]:
        now = self.request.made_from if self.request else ""
        return differences(made.request.made_from, now) or ["its request is another one"]

    def _remade(self, made: LockedImage, *reasons: str) -> PlanStep:
        """Make it again, unless a person changed the file meanwhile."""
        found = self._sha(made.output)
        kept = found in {None, made.sha256} or self._is_pointer(made)
        if not kept and not self.planner.options.force:
            return self._edited(*reasons)
        if made.output != self.asset.output:
            return self._unless_in_the_way(Action.CHANGED, *reasons)
        return self._step(Action.CHANGED, *reasons)

    # -- the answer to this very request ------------------------------------------------

    def _answered(self, made: LockedImage) -> PlanStep:
        found = self._sha(made.output)
        if made.sha256 in {found, self.seen}:
            return self._there(made, made.output if found == made.sha256 else self.asset.output)
        if self._sha(parked(made.output)) == made.sha256:
            return self._there(made, parked(made.output))
        if self._is_pointer(made):
            return self._step(Action.KEEP, "a git-lfs pointer to the locked image: `git lfs pull`")
        if (found or self.seen) and not self.planner.options.force:
            return self._edited() if found is not None else self._in_the_way()
        return self._gone(made, "edited, and to be replaced" if found else "missing")

    def _there(self, made: LockedImage, place: str) -> PlanStep:
        """The image is on the disk, at `place`."""
        accept, name = self.asset.accept, self.asset.name
        objections = accept.objections(size=made.bytes, width=made.width, height=made.height)
        if objections and not made.adopted:
            return self._step(
                Action.HELD,
                *objections,
                next_=f"fluxcli build --reroll {name}, fluxcli assets adopt {name}, "
                "or relax `accept`",
            )
        if place == self.asset.output == made.output:
            if self.known_as not in {None, name}:
                return self._step(Action.MOVED, f"it was called `{self.known_as}`")
            return self._step(Action.KEEP, "adopted" if made.adopted else "unchanged")
        free = self.seen in {None, made.sha256} or self._moves_away(self.asset.output)
        if not free:
            return self._in_the_way()
        moved = place == self.asset.output
        was = f"it was `{made.output}`{', moved by hand' if moved else ''}"
        return self._step(Action.MOVED, was, moved_from=None if moved else place)

    def _gone(self, made: LockedImage, reason: str) -> PlanStep:
        """The image is not on the disk: it is collected, or a person decides."""
        is_own = made.adopted or made.request.task_id is None
        alive = is_alive(made.request, made.created_at, now=self.planner.options.now)
        if alive and not is_own:
            request = made.request
            return self._step(Action.COLLECT, reason, "the service still has it", collects=request)
        lost = "it was adopted" if is_own else f"the service keeps results for {RESULT_DAYS} days"
        frozen = ("frozen",) if self._is_frozen else ()
        name = self.asset.name
        return self._step(
            Action.HELD,
            *frozen,
            reason,
            lost,
            next_=f"git checkout -- {made.output}, or fluxcli build --reroll {name} pays again",
        )

    # -- what is paid for ---------------------------------------------------------------

    def _collected(self, pending: LockedRequest) -> PlanStep:
        made = self.entry.made
        ours = {None, pending.landing, made.sha256 if made else None}
        if self.seen not in ours and not self.planner.options.force and not self._moved_here():
            return self._in_the_way()
        return self._step(Action.COLLECT, f"task `{pending.task_id}` is paid for", collects=pending)

    def _moved_here(self) -> bool:
        made = self.entry.made
        return self._moves_away(self.asset.output) or (made is not None and self._is_pointer(made))

    def _lost(self, pending: LockedRequest | None) -> list[str]:
        if pending is None or pending.task_id is None:
            return []
        if self._answers(pending):
            return [f"the service keeps results for {RESULT_DAYS} days, and this one is gone"]
        return ["what is paid for is the answer to another request"]

    # -- reasons ------------------------------------------------------------------------

    def _unless_in_the_way(self, action: Action, *reasons: str) -> PlanStep:
        free = self.seen is None or self._moves_away(self.asset.output)
        if free or self.planner.options.force:
            return self._step(action, *reasons)
        return self._in_the_way()

    def _in_the_way(self) -> PlanStep:
        reason = f"`{self.asset.output}` exists, and the lock does not know it"
        return self._step(Action.EDITED, reason, next_=_keep_or_replace(self.asset.name))

    def _edited(self, *reasons: str) -> PlanStep:
        made = self.entry.made
        path = self.planner.root / (made.output if made else self.asset.output)
        if self.planner.disk.pointer(path) is not None:
            reason = "a git-lfs pointer to another image than the locked one"
            pulled = f"git lfs pull, then {_keep_or_replace(self.asset.name)}"
            return self._step(Action.EDITED, reason, *reasons, next_=pulled)
        reason = "the file is not the locked image: edited, or a forgotten `git add`"
        return self._step(Action.EDITED, reason, *reasons, next_=_keep_or_replace(self.asset.name))

    def _is_pointer(self, made: LockedImage) -> bool:
        """Whether git-lfs has left a pointer to the locked image in its place."""
        root = self.planner.root
        return self.planner.disk.pointer(root / made.output) == made.sha256

    def _moves_away(self, output: str) -> bool:
        """Whether the file at `output` is another asset's, which is moved elsewhere."""
        assets = self.planner.manifest.by_name()
        for name, entry in self.planner.lock.items():
            made = entry.made
            if made is None or made.output != output or name == self.asset.name:
                continue
            goes = name in assets and assets[name].output != output
            return goes and self._sha(output) == made.sha256
        return False

    def _answers(self, request: LockedRequest) -> bool:
        if self.request is not None and self.request.hash == request.hash:
            return True
        return answers(request, self.asset, self.identity)

    @property
    def _is_frozen(self) -> bool:
        return self.asset.frozen and self.asset.name not in self.planner.options.named

    def _sha(self, output: str) -> str | None:
        if output == self.asset.output:
            return self.seen
        return self.planner.disk.sha256(self.planner.root / output)

    def _step(
        self,
        action: Action,
        *reasons: str,
        collects: LockedRequest | None = None,
        unknown: LockedRequest | None = None,
        moved_from: str | None = None,
        next_: str | None = None,
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
            request=self.request,
            kept=self._kept(action) if known else None,
            collects=collects,
            unknown=unknown,
            seen=self.seen,
            moved_from=moved_from,
            next=next_,
        )

    def _kept(self, action: Action) -> LockEntry:
        """Return the entry with its output as it is to be. A hash is never rewritten."""
        made = self.entry.made
        if made is None or action is not Action.MOVED:
            return self.entry
        return replace(self.entry, made=replace(made, output=self.asset.output))


def _keep_or_replace(name: str) -> str:
    return f"fluxcli assets adopt {name} keeps it, fluxcli build {name} --force replaces it"
