"""What to do with each asset, and why: manifest, lock, files and journal compared. Pure.

Needs no key and no network. The rules, the strongest first:
- What was paid for is collected, never paid again.
- What a person made or changed is never replaced unless `force` or a reroll asks for it.
- What only a person can decide is held, and the rest goes on.
- An image is remade only if its request or its input is another one.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from fluxcli.build.asset_state import AssetState, AwaitedInput, PlanInputs
from fluxcli.build.lock.entry import LockEntry
from fluxcli.build.steps import (
    Action,
    Plan,
    PlanOptions,
    PlanStep,
    hash_of,
    locked_request,
)
from fluxcli.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fluxcli.build.hashes import Disk
    from fluxcli.build.manifest.asset import Asset, Manifest


def plan(
    manifest: Manifest, lock: Mapping[str, LockEntry], disk: Disk, options: PlanOptions
) -> Plan:
    """Decide what to do with each asset.

    Raises:
        FluxError: INPUT_UNREADABLE: a file exists and cannot be read.
    """
    planner = _Planner(PlanInputs(manifest, lock, disk, options))
    for asset in manifest.assets:
        if options.chosen is None or asset.name in options.chosen:
            planner.add(asset)
    return Plan((*planner.inputs.steps.values(), *planner.orphans()))


@dataclass(slots=True)
class _Planner:
    inputs: PlanInputs
    _claimed: set[str] = field(default_factory=set)
    _unnamed: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort the entries that no declared asset has by their requests."""
        known = self.inputs.manifest.by_name()
        for name in sorted(self.inputs.lock.keys() - known.keys()):
            entry = self.inputs.lock[name]
            for request in (entry.made.request if entry.made else None, entry.pending):
                if request is not None:
                    self._unnamed.setdefault(request.hash, []).append(name)

    def orphans(self) -> list[PlanStep]:
        """Return the orphans, if the plan covers the whole project."""
        if self.inputs.options.chosen is not None:
            return []
        names = self.inputs.lock.keys() - self.inputs.manifest.by_name().keys() - self._claimed
        return [_orphan(self.inputs, name) for name in sorted(names)]

    def add(self, asset: Asset) -> None:
        known_as = self._known_as(asset)
        entry = self.inputs.lock.get(known_as or asset.name, LockEntry())
        waits, identity = self._input(asset)
        request = None
        if waits is None:
            known = entry.made.request if entry.made else None
            now = self.inputs.options.now
            request = locked_request(asset, identity, now=now, known=known)
        seen = self.inputs.disk.sha256(self.inputs.root / asset.output)
        state = AssetState(self.inputs, asset, entry, request, identity, known_as, seen)
        step = state.step() if waits is None else state.held_back(waits)
        if waits is None and step.action.pays and not self._has_input(asset):
            step = state.held_back(AwaitedInput(asset.parent or "", stuck=True))
        self.inputs.steps[asset.name] = step

    def _known_as(self, asset: Asset) -> str | None:
        """Return the name under which the lock has an asset; another one if it was renamed."""
        if asset.name in self.inputs.lock:
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

    def _input(self, asset: Asset) -> tuple[AwaitedInput | None, str | None]:
        """Return the parent that an asset waits for, or the identity of its input, if any."""
        original = asset.original
        if original is None:
            return None, None
        if original.kind == "url":
            return None, original.text
        if original.kind == "file":
            path = self.inputs.manifest.input(asset)
            return None, self.inputs.disk.sha256(path) if path else None
        parent = self.inputs.steps[original.text]
        made = parent.kept.made if parent.kept else None
        if parent.is_fresh:
            return AwaitedInput(parent.name), None
        if made is None:
            return AwaitedInput(parent.name, stuck=True), None
        return None, made.original_sha256

    def _has_input(self, asset: Asset) -> bool:
        """Whether the locked image that an edit starts from exists, or will."""
        if asset.parent is None:
            return True
        parent = self.inputs.steps[asset.parent]
        if parent.action in {Action.COLLECT, Action.MOVED} or parent.action.pays:
            return True
        made = parent.kept.made if parent.kept else None
        path = self.inputs.root / made.output if made else None
        return (
            made is not None and path is not None and self.inputs.disk.sha256(path) == made.sha256
        )


def _orphan(inputs: PlanInputs, name: str) -> PlanStep:
    entry = inputs.lock[name]
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
        next=inputs.manifest.command("assets prune"),
    )
