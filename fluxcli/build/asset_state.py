"""One asset of a plan: manifest, lock and disk compared. Pure."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from fluxcli.build.lock.entry import (
    LockedImage,
    LockedRequest,
    LockEntry,
    is_own,
    same_submission,
)
from fluxcli.build.lock.fingerprint import differences
from fluxcli.build.steps import Action, PlanStep, answers
from fluxcli.build.submissions import REFUSALS, is_alive, paid_before
from fluxcli.dataclass import dataclass
from fluxcli.prices_and_limits import RESULT_DAYS
from fluxcli.system.shell_syntax import quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fluxcli.build.hashes import Disk
    from fluxcli.build.manifest.asset import Asset, Manifest
    from fluxcli.build.steps import PlanOptions


def parked(output: str) -> str:
    """Return where an image is kept while several are moved at once."""
    above, slash, name = output.rpartition("/")
    return f"{above}{slash}.{name}.moving"


@dataclass(slots=True)
class PlanInputs:
    """What a plan is made from, and the `steps` that are decided so far, by assets' names."""

    manifest: Manifest
    lock: Mapping[str, LockEntry]
    disk: Disk
    options: PlanOptions
    steps: dict[str, PlanStep] = field(default_factory=dict)
    root: Path = field(init=False)

    def __post_init__(self) -> None:
        """Resolve the folder of the outputs once."""
        self.root = self.manifest.root


@dataclass(frozen=True, slots=True)
class AwaitedInput:
    """An asset that has to wait for `parent`; `stuck`: it waits until a person has acted."""

    parent: str
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class AssetState:
    """One asset: its declaration in the manifest, its entry in the lock, its file on the disk."""

    inputs: PlanInputs
    asset: Asset
    entry: LockEntry
    request: LockedRequest | None
    identity: str | None
    known_as: str | None
    seen: str | None

    def held_back(self, waits: AwaitedInput) -> PlanStep:
        """Decide on an asset whose input does not exist yet."""
        if waits.stuck:
            step = self.inputs.steps[waits.parent]
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
        if self.asset.name in self.inputs.options.reroll:
            return self._rerolled()
        pending, made = self.entry.pending, self.entry.made
        if pending is not None and (step := self._pending(pending)) is not None:
            return step
        if made is not None and not made.adopted and self._is_rehearsed(made.request):
            return self._known_submission() or self._remade(made, "a sandbox made it")
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
        """Collect the pending submission, if it is for the declared request."""
        if not self._answers(pending) or self._is_rehearsed(pending):
            return None
        if self._is_elsewhere(pending):
            return self._held_elsewhere(pending)
        if pending.task_id is None:
            return self._unknown(pending)
        return self._collected(pending)

    def _known_submission(self) -> PlanStep | None:
        """Decide by an earlier submission for the same request: collect it, or hold."""
        found = self._paid_before()
        if found is None:
            return self._refusal()
        return self._unknown(found) if found.task_id is None else self._collected(found)

    def _paid_before(self) -> LockedRequest | None:
        """Return an earlier submission for the same request, from the lock or the journal."""
        options, name = self.inputs.options, self.asset.name
        known = list(self.entry.submissions())
        if self.request is not None:
            mine = options.submitted(name, self.request.hash)
            ended = [one for one in mine if one.error is not None]
            known = [
                one
                for one in (*known, *mine)
                if not self._is_elsewhere(one)
                and not any(same_submission(one, dead) for dead in ended)
            ]
        return paid_before(known, asset=self.asset, identity=self.identity)

    def _refusal(self) -> PlanStep | None:
        """Hold an asset that the service refused: the same request would be refused again."""
        name, options = self.asset.name, self.inputs.options
        mine = options.submitted(name, self.request.hash) if self.request else ()
        for one in (*self.entry.history, *mine):
            if one.error in REFUSALS and self._answers(one):
                reason = f"the service refused this request ({one.error}); nothing was sent again"
                return self._step(
                    Action.HELD,
                    reason,
                    next_=f"change its prompt, or {self._command('build', '--reroll', name)}",
                )
        return None

    def _rivals(self) -> PlanStep:
        rivals = sorted(self.entry.rivals, key=lambda one: not self._answers(one.request))
        tasks = [one.request.task_id or one.sha256[:12] for one in rivals]
        reason = f"two branches made it: {' and '.join(f'`{task}`' for task in tasks)}"
        next_ = self._command("assets pick", self.asset.name, tasks[0])
        return self._step(Action.HELD, reason, next_=next_)

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
            next_=self.inputs.manifest.settling(request.ref),
        )

    # -- the image answers another request ---------------------------------------------------

    def _frozen(self, made: LockedImage, *reasons: str) -> PlanStep:
        """Keep the existing image, even if the manifest changed."""
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
        if not kept and not self.inputs.options.force:
            return self._edited(*reasons)
        if made.output != self.asset.output:
            return self._unless_in_the_way(Action.CHANGED, *reasons)
        return self._step(Action.CHANGED, *reasons)

    # -- the image answers this request ------------------------------------------------

    def _answered(self, made: LockedImage) -> PlanStep:
        found = self._sha(made.output)
        if made.sha256 in {found, self.seen}:
            return self._there(made, made.output if found == made.sha256 else self.asset.output)
        if self._sha(parked(made.output)) == made.sha256:
            return self._there(made, parked(made.output))
        if self._is_pointer(made):
            return self._step(Action.KEEP, "a git-lfs pointer to the locked image: `git lfs pull`")
        if (found or self.seen) and not self.inputs.options.force:
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
                next_=f"{self._command('build', '--reroll', name)}, "
                f"or {self._command('assets adopt', name)}, or relax `accept`",
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
        alive = is_alive(made.request, made.created_at, now=self.inputs.options.now)
        if alive and not is_own and self._is_elsewhere(made.request):
            return self._held_elsewhere(made.request, reason)
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
            next_=f"git checkout -- {quote(made.output)}, "
            f"or {self._command('build', '--reroll', name)} pays again",
        )

    # -- paid submissions ---------------------------------------------------------------

    def _collected(self, pending: LockedRequest) -> PlanStep:
        made = self.entry.made
        ours = {None, pending.landing, made.sha256 if made else None}
        if self.seen not in ours and not self.inputs.options.force and not self._moved_here():
            return self._in_the_way()
        return self._step(Action.COLLECT, f"task `{pending.task_id}` is paid for", collects=pending)

    def _is_elsewhere(self, request: LockedRequest) -> bool:
        """Whether a submission went to another service than the one that is asked."""
        origin = self.inputs.options.origin
        return None not in {origin, request.origin} and request.origin != origin

    def _is_rehearsed(self, request: LockedRequest) -> bool:
        """Whether a sandbox took a submission, and the service that is asked now is none."""
        origin, manifest = self.inputs.options.origin, self.inputs.manifest
        return request.is_free and origin is not None and not (manifest.sandbox or is_own(origin))

    def _held_elsewhere(self, request: LockedRequest, *reasons: str) -> PlanStep:
        name = self.asset.name
        return self._step(
            Action.HELD,
            *reasons,
            f"task `{request.task_id or request.ref}` belongs to {request.origin}",
            next_=f"FLUXCLI_BASE_URL={request.origin} {self._command('build', name)}, "
            f"or {self._command('build', '--reroll', name)} pays again",
        )

    def _moved_here(self) -> bool:
        made = self.entry.made
        return self._moves_away(self.asset.output) or (made is not None and self._is_pointer(made))

    def _lost(self, pending: LockedRequest | None) -> list[str]:
        if pending is None or pending.task_id is None:
            return []
        return ["what is paid for is the answer to another request"]

    # -- reasons ------------------------------------------------------------------------

    def _unless_in_the_way(self, action: Action, *reasons: str) -> PlanStep:
        free = self.seen is None or self._moves_away(self.asset.output)
        if free or self.inputs.options.force:
            return self._step(action, *reasons)
        return self._in_the_way()

    def _in_the_way(self) -> PlanStep:
        reason = f"`{self.asset.output}` exists, and the lock does not know it"
        return self._step(Action.EDITED, reason, next_=self._keep_or_replace())

    def _edited(self, *reasons: str) -> PlanStep:
        made = self.entry.made
        path = self.inputs.root / (made.output if made else self.asset.output)
        if self.inputs.disk.pointer(path) is not None:
            reason = "a git-lfs pointer to another image than the locked one"
            pulled = f"git lfs pull, then {self._keep_or_replace()}"
            return self._step(Action.EDITED, reason, *reasons, next_=pulled)
        reason = "the file is not the locked image: edited, or a forgotten `git add`"
        return self._step(Action.EDITED, reason, *reasons, next_=self._keep_or_replace())

    def _keep_or_replace(self) -> str:
        name = self.asset.name
        return (
            f"{self._command('assets adopt', name)}  (keeps it), "
            f"or {self._command('build', name, '--force')}  (replaces it)"
        )

    def _command(self, words: str, *arguments: str) -> str:
        return self.inputs.manifest.command(words, *arguments)

    def _is_pointer(self, made: LockedImage) -> bool:
        """Whether git-lfs has left a pointer to the locked image in its place."""
        root = self.inputs.root
        return self.inputs.disk.pointer(root / made.output) == made.sha256

    def _moves_away(self, output: str) -> bool:
        """Whether the file at `output` is another asset's, which is moved elsewhere."""
        assets = self.inputs.manifest.by_name()
        for name, entry in self.inputs.lock.items():
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
        return self.asset.frozen and self.asset.name not in self.inputs.options.named

    def _sha(self, output: str) -> str | None:
        if output == self.asset.output:
            return self.seen
        return self.inputs.disk.sha256(self.inputs.root / output)

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
            credits=self.inputs.options.price(self.asset.request.model) if action.pays else 0,
        )

    def _kept(self, action: Action) -> LockEntry:
        """Return the entry with its output as it is to be. A hash is never rewritten."""
        made = self.entry.made
        if made is None or action is not Action.MOVED:
            return self.entry
        return replace(self.entry, made=replace(made, output=self.asset.output))
