"""What changes the lock and the files without the service: settling, moving, blessing, pruning.

Nothing is ever removed but what the lock knows, byte for byte, inside the manifest's folder.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fluxcli.build.hashes import sha256_of
from fluxcli.build.lock.entry import LockedImage, LockEntry
from fluxcli.build.manifest.asset_paths import is_inside
from fluxcli.build.steps import Action, ask_of
from fluxcli.errors import Code, FluxError
from fluxcli.files.image_check import inspect_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fluxcli.build.lock.lock_file import LockFile
    from fluxcli.build.manifest.asset import Asset, Manifest
    from fluxcli.build.steps import Plan, PlanStep


def settle(plan: Plan, manifest: Manifest, lock: LockFile) -> None:
    """Move files to their new places, and let the lock say what is true without any work.

    Raises:
        FluxError: DISK: a file cannot be moved, or the lock not be written.
    """
    moves = [
        (manifest.folder / step.entry.made.output, manifest.folder / step.output)
        for step in plan.only(Action.MOVED)
        if step.entry is not None and step.entry.made is not None
    ]
    _move([(old, new) for old, new in moves if old != new and old.exists()], manifest.folder)
    changes: dict[str, LockEntry | None] = {}
    for step in plan.steps:
        if step.action is Action.ORPHAN or not step.rewrites:
            continue
        if step.known_as not in {None, step.name}:
            changes[step.known_as or ""] = None
        changes[step.name] = step.anchored
    if changes:
        lock.record(changes)


def _move(moves: list[tuple[Path, Path]], folder: Path) -> None:
    """Move all at once, so that two files may change places."""
    parked: list[tuple[Path, Path]] = []
    try:
        for old, new in moves:
            if not is_inside(folder, new):
                raise FluxError(Code.OUTPUT_UNWRITABLE, f"`{new}` leads out of the folder")
            between = old.with_name(f".{old.name}.moving")
            old.replace(between)
            parked.append((between, old))
        for (between, _), (_, new) in zip(list(parked), moves, strict=True):
            new.parent.mkdir(parents=True, exist_ok=True)
            between.replace(new)
            parked.pop(0)
    except OSError as error:
        raise FluxError(
            Code.DISK, f"a picture cannot be moved: {(error.strerror or str(error)).lower()}"
        ) from error
    finally:
        for between, old in parked:
            with contextlib.suppress(OSError):
                between.replace(old)


def adopt(
    assets: Iterable[Asset], manifest: Manifest, lock: LockFile, *, now: float
) -> dict[str, LockedImage]:
    """Bless the files on the disk as the assets' results; `assets` stand parents first.

    Raises:
        FluxError: there is no picture, or its parent has none yet.
    """
    changes: dict[str, LockEntry | None] = {}
    blessed: dict[str, LockedImage] = {}
    for asset in assets:
        path = manifest.place(asset)
        try:
            found = inspect_file(path)
        except FileNotFoundError:
            message = f"`{asset.name}` cannot be adopted: there is no `{asset.output}`"
            raise FluxError(Code.USAGE, message, hint=f"put the picture at {path}") from None
        except OSError as error:
            raise FluxError(Code.INPUT_UNREADABLE, f"`{path}`: {error.strerror}") from error
        if found.format != asset.request.output_format:
            said = f"`{asset.output}` is {found.format}, not {asset.request.output_format}"
            raise FluxError(Code.USAGE, said, hint="let `output` end as the picture is")
        ask = ask_of(asset, _identity(asset, manifest, lock, blessed), now=now, sandbox=False)
        made = LockedImage(
            ask=ask,
            output=asset.output,
            sha256=found.sha256,
            bytes=found.bytes,
            width=found.width,
            height=found.height,
            format=found.format,
            made_at=now,
            adopted=True,
        )
        blessed[asset.name] = made
        changes[asset.name] = LockEntry(made)
    lock.record(changes)
    return blessed


def _identity(
    asset: Asset, manifest: Manifest, lock: LockFile, blessed: Mapping[str, LockedImage]
) -> str | None:
    """Return the identity of the picture that an asset is made from."""
    original = asset.original
    if original is None or original.kind == "url":
        return original.text if original else None
    if original.kind == "file":
        path = manifest.input(asset)
        return sha256_of(path) if path else None
    entry = lock.get(original.text)
    made = blessed.get(original.text) or (entry.made if entry else None)
    if made is None:
        said = f"`{asset.name}` cannot be adopted before `{original.text}`, which it is made from"
        raise FluxError(Code.USAGE, said, hint=f"fluxcli build --adopt '{original.text}'")
    return made.sha256


def prunable(
    orphans: Iterable[PlanStep], manifest: Manifest
) -> tuple[list[PlanStep], list[PlanStep]]:
    """Part orphans into those whose file may go (or is gone), and those edited by hand."""
    free: list[PlanStep] = []
    kept: list[PlanStep] = []
    used = {os.path.realpath(manifest.place(asset)) for asset in manifest.assets}
    for step in orphans:
        path = manifest.folder / step.output
        made = step.entry.made if step.entry else None
        found = None if made is None else sha256_of(path)
        ours = made is not None and found == made.sha256 and is_inside(manifest.folder, path)
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
        path = manifest.folder / step.output
        if step.output and path.is_file() and os.path.realpath(path) not in used:
            try:
                path.unlink()
            except OSError as error:
                raise FluxError(Code.DISK, f"`{path}`: {error.strerror}") from error
            removed.append(path)
        lock.record({step.name: None})
    return removed
