"""Changes to the lock and the files without the service: settle, move, adopt, merge, prune.

Only files whose hash is in the lock, inside the manifest's folder, are removed.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from fluxcli.build.asset_state import parked
from fluxcli.build.hashes import sha256_of
from fluxcli.build.lock import lock_text
from fluxcli.build.lock.entry import (
    LockedImage,
    LockedRequest,
    LockEntry,
    locked_image,
    with_history,
)
from fluxcli.build.lock.lock_file import LockFile, guarded_hash, read_bytes, write
from fluxcli.build.lock.merge import merged
from fluxcli.build.lock.output_names import Guard
from fluxcli.build.manifest.asset_paths import is_inside
from fluxcli.build.project import check_outputs
from fluxcli.build.steps import Action, answers, locked_request
from fluxcli.build.submissions import is_alive
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.files.image_check import inspect_file
from fluxcli.system import disk
from fluxcli.task_types import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from fluxcli.build.manifest.asset import Asset, Manifest
    from fluxcli.build.steps import Plan, PlanStep
    from fluxcli.files.image_check import Inspected
    from fluxcli.task_types import Task


def settle(plan: Plan, manifest: Manifest, lock: LockFile) -> None:
    """Move files to their new outputs, and record what needs no work.

    Raises:
        FluxError: DISK: a file cannot be moved, or the lock cannot be written.
    """
    root = manifest.root
    moves = []
    for step in plan.only(Action.MOVED):
        made = step.entry.made if step.entry else None
        if made is None:
            continue
        old, new = step.moved_from or made.output, step.output
        if old != new and step.seen != made.sha256:
            moves.append((root / old, root / parked(made.output), root / new))
    _move(moves, root)
    changes: dict[str, LockEntry | None] = {}
    for step in plan.steps:
        if step.action is Action.ORPHAN or not step.rewrites:
            continue
        if step.known_as not in {None, step.name}:
            changes[step.known_as or ""] = None
        changes[step.name] = step.kept
    if changes:
        lock.record(changes)


def _move(moves: list[tuple[Path, Path, Path]], root: Path) -> None:
    """Move all at once, so that two files may be swapped.

    A file that is between two places has a name that the next plan knows (`asset_state.parked`), so
    that a build that is killed here goes on from there.
    """
    try:
        for old, between, new in moves:
            if not is_inside(root, new):
                raise FluxError(Code.OUTPUT_UNWRITABLE, f"`{new}` leads out of the folder")
            if old != between:
                old.replace(between)
        for _, between, new in moves:
            disk.make_folders(new.parent)
            between.replace(new)
        for folder in {place.parent for move in moves for place in move}:
            disk.sync_folder(folder)
    except OSError as error:
        raise FluxError(
            Code.DISK,
            f"an image cannot be moved: {reason_of(error)}",
            hint="fluxcli build",
        ) from error


@dataclass(frozen=True, slots=True)
class Adopted:
    """An asset whose file was confirmed. `note` names what else is paid for."""

    name: str
    image: LockedImage
    note: str | None = None


def adopt(
    assets: Iterable[Asset], manifest: Manifest, lock: LockFile, *, now: float
) -> list[Adopted]:
    """Confirm the files on the disk as the assets' images; `assets` stand parents first.

    The task and the original's hash stay, so that nothing made from the image becomes stale; a
    submission that is not downloaded yet moves to the history.

    Raises:
        FluxError: there is no image, or its parent has none yet.
    """
    adopted: list[Adopted] = []
    images: dict[str, LockedImage] = {}
    changes: dict[str, LockEntry | None] = {}
    for asset in assets:
        found = _inspected(asset, manifest)
        identity = identity_of(asset, manifest, lock, images)
        entry = lock.get(asset.name) or LockEntry()
        changes[asset.name] = after = with_file(asset, entry, found, identity, now=now)
        note = None
        if entry.pending is not None and after.made is not None:
            named = entry.pending.task_id or entry.pending.ref
            note = f"submission `{named}` is or may be paid for; it stays in the lock's history"
        if after.made is not None:
            images[asset.name] = after.made
            adopted.append(Adopted(asset.name, after.made, note))
    lock.record(changes)
    return adopted


def with_file(
    asset: Asset, entry: LockEntry, found: Inspected, identity: str | None, *, now: float
) -> LockEntry:
    """Return an asset's entry once the file at its output is confirmed."""
    made = entry.made
    rival = next((one for one in entry.rivals if one.sha256 == found.sha256), None)
    if rival is not None:
        made = rival
    if made is not None and answers(made.request, asset, identity):
        request, created_at = made.request, made.created_at
        own = request.task_id is not None or made.sha256 == found.sha256
        original = made.original_sha256 if own else found.sha256
        lost: list[LockedRequest | None] = []
    else:
        request, created_at = locked_request(asset, identity, now=now), now
        original, lost = found.sha256, [made.request] if made else []
    lost += [one.request for one in entry.rivals if one is not rival]
    image = locked_image(
        found, request, asset.output, created_at=created_at, original=original, adopted=True
    )
    return LockEntry(image, None, with_history(entry, *lost, entry.pending))


def _inspected(asset: Asset, manifest: Manifest) -> Inspected:
    path = manifest.place(asset)
    try:
        found = inspect_file(path)
    except FileNotFoundError:
        message = f"`{asset.name}` cannot be adopted: there is no `{asset.output}`"
        raise FluxError(Code.USAGE, message, hint=f"put the image at {path}") from None
    except OSError as error:
        raise FluxError(Code.INPUT_UNREADABLE, f"`{path}`: {reason_of(error)}") from error
    if found.format != asset.request.output_format:
        message = f"`{asset.output}` is {found.format}, not {asset.request.output_format}"
        raise FluxError(Code.USAGE, message, hint="give `output` the ending of the image's format")
    return found


def identity_of(
    asset: Asset, manifest: Manifest, lock: LockFile, adopted: Mapping[str, LockedImage]
) -> str | None:
    """Return the identity of the image that an asset is made from."""
    original = asset.original
    if original is None or original.kind == "url":
        return original.text if original else None
    if original.kind == "file":
        path = manifest.input(asset)
        return sha256_of(path) if path else None
    entry = lock.get(original.text)
    made = adopted.get(original.text) or (entry.made if entry else None)
    if made is None:
        message = (
            f"`{asset.name}` cannot be adopted before `{original.text}`, which it is made from"
        )
        raise FluxError(Code.USAGE, message, hint=manifest.command("assets adopt", original.text))
    return made.original_sha256


# -- merging ----------------------------------------------------------------------------


def merge_locks(manifest: Manifest, files: Sequence[Path]) -> list[str]:
    """Join locks of one project into its own; return the names of the changed assets.

    A shard that had nothing to do has no lock; conflict markers are understood.

    Raises:
        FluxError: LOCK_INVALID: one does not exist or cannot be read.
    """
    own = manifest.lock
    if not any(file.exists() for file in files):
        # An unmatched pattern, or shards with `--sandbox`, whose locks are elsewhere.
        files = [*files, *sorted(own.parent.glob(f"{own.name}.*-of-*"))]
    parts = []
    before: dict[str, LockEntry] = {}
    for file in dict.fromkeys((own, *files)):
        data = read_bytes(file)
        if data is None:
            if file != own and "-of-" not in file.name:
                raise FluxError(Code.LOCK_INVALID, f"there is no lock `{file}`")
            continue
        part = lock_text.parse(data, file, conflicts=True)
        for found in part.values():
            check_outputs(manifest, {str(n): one for n, one in enumerate(found)}, file)
        parts.append(part)
    entries = merged(parts, lambda output: guarded_hash(manifest.root, output))
    lines = {name: lock_text.lines_of(name, entry) for name, entry in entries.items()}
    data = read_bytes(own)
    text = lock_text.joined(lines).encode()
    if data is not None:
        lines_of = lock_text.parse(data, own, conflicts=True)
        before = {name: known[0] for name, known in lines_of.items() if len(known) == 1}
    if text != data and (lines or data is not None):
        write(own, text)
    return sorted(name for name, entry in entries.items() if before.get(name) != entry)


def merge_driver(ours: Path, theirs: Path, root: Path) -> None:
    """Join two versions of a lock for git, as its merge driver: the result replaces `ours`.

    An asset that only one side removed comes back as an orphan.

    Raises:
        FluxError: LOCK_INVALID.
    """
    parts = []
    for file in (ours, theirs):
        data = read_bytes(file)
        if data:
            parts.append(lock_text.parse(data, file, conflicts=True))
    entries = merged(parts, lambda output: guarded_hash(root, output))
    lines = {name: lock_text.lines_of(name, entry) for name, entry in entries.items()}
    write(ours, lock_text.joined(lines).encode())


# -- pruning ----------------------------------------------------------------------------


def without_unsaved(
    orphans: Iterable[PlanStep], find: Callable[[str], Task | None], *, now: float
) -> tuple[list[PlanStep], list[tuple[PlanStep, LockedRequest]]]:
    """Split orphans into those that may be removed, and those with a submission not saved yet.

    `find` returns this machine's record of a submission. Where there is none, only a pending one
    counts as not saved. A result that the service no longer has does not count.
    """
    free: list[PlanStep] = []
    held: list[tuple[PlanStep, LockedRequest]] = []
    for step in orphans:
        entry = step.entry or LockEntry()
        pending = (entry.pending,) if entry.pending else ()
        unsaved = [
            one
            for one in (*pending, *entry.history)
            if _is_unsaved(one, find, now=now, otherwise=one is entry.pending)
        ]
        if unsaved:
            held.append((step, unsaved[0]))
        else:
            free.append(step)
    return free, held


def _is_unsaved(
    request: LockedRequest, find: Callable[[str], Task | None], *, now: float, otherwise: bool
) -> bool:
    named = request.task_id or request.ref
    if named is None or request.error is not None:
        return False
    if not is_alive(replace(request, task_id=named), request.submitted_at, now=now):
        return False
    task = find(named)
    if task is not None and named in {task.task_id, task.ref}:
        return task.state in {State.SENDING, State.UNKNOWN, State.RUNNING, State.SUCCEEDED}
    return otherwise


def prunable(
    orphans: Iterable[PlanStep], manifest: Manifest
) -> tuple[list[PlanStep], list[PlanStep]]:
    """Split orphans into those whose file may be removed (or is gone), and those edited by hand."""
    free: list[PlanStep] = []
    kept: list[PlanStep] = []
    used = {os.path.realpath(manifest.place(asset)) for asset in manifest.assets}
    for step in orphans:
        path = manifest.root / step.output
        made = step.entry.made if step.entry else None
        found = None if made is None else sha256_of(path)
        ours = made is not None and found == made.sha256 and is_inside(manifest.root, path)
        gone = found is None or os.path.realpath(path) in used
        (free if ours or gone else kept).append(step)
    return free, kept


def prune(orphans: Iterable[PlanStep], manifest: Manifest, lock: LockFile) -> list[Path]:
    """Remove orphans' files and entries; return the files that were removed.

    Raises:
        FluxError: DISK.
    """
    used = {os.path.realpath(manifest.place(asset)) for asset in manifest.assets}
    removed = []
    for step in orphans:
        path = manifest.root / step.output
        if step.output and path.is_file() and os.path.realpath(path) not in used:
            Guard(manifest.root).check([step.output], lock.path)
            try:
                path.unlink()
            except OSError as error:
                raise FluxError(Code.DISK, f"`{path}`: {reason_of(error)}") from error
            removed.append(path)
        lock.record({step.name: None})
    return removed
