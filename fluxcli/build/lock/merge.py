"""Several lines about one asset as one entry: two branches, two locks, or the shards of a build.

No submission is lost: one that does not win moves to the history. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.build.lock.entry import LockEntry, same_submission

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from fluxcli.build.lock.entry import LockedImage, LockedRequest

    FileHash = Callable[[str], str | None]
    """Returns the sha256 of the file at an output; None if there is none."""


def shard_lock(path: Path, shard: str) -> Path:
    """Return where a shard's lock lies: `assets.lock.1-of-4` beside `assets.lock`."""
    return path.with_name(f"{path.name}.{shard}")


def overlaid(base: Mapping[str, LockEntry], part: Mapping[str, LockEntry]) -> dict[str, LockEntry]:
    """Return `base` with the entries of `part` that are newer."""
    newer = {
        name: entry
        for name, entry in part.items()
        if name not in base or entry.changed_at >= base[name].changed_at
    }
    return {**base, **newer}


def merged(
    parts: Iterable[Mapping[str, Sequence[LockEntry]]], file_hash: FileHash
) -> dict[str, LockEntry]:
    """Return the entries of several locks of one project, joined."""
    found: dict[str, list[LockEntry]] = {}
    for part in parts:
        for name, entries in part.items():
            found.setdefault(name, []).extend(entries)
    return {name: combined(entries, file_hash) for name, entries in found.items()}


def combined(entries: Sequence[LockEntry], file_hash: FileHash) -> LockEntry:
    """Return one entry for all lines of an asset.

    The image whose bytes are on the disk wins; without any, one that replaced the others; else
    all stay as rivals. What a sandbox made never wins against what was paid for.
    """
    if len(entries) == 1:
        return entries[0]
    images = [one for entry in entries for one in (entry.rivals or (entry.made,)) if one]
    history = [one for entry in entries for one in entry.history]
    rivals = _winners(list(dict.fromkeys(images)), history, file_hash)
    kept = [one.request for one in rivals]
    lost = [one.request for one in images if one not in rivals]
    open_ones = _unique(entry.pending for entry in entries if entry.pending)
    open_ones = [one for one in open_ones if not _is_among(one, [*kept, *lost, *history])]
    # A submission of unknown outcome comes first, so that it is held.
    open_ones.sort(key=lambda one: (one.task_id is not None, one.is_free, -one.submitted_at))
    earlier = _unique([*history, *(one for one in lost if one.task_id), *open_ones[1:]])
    return LockEntry(
        made=rivals[0] if len(rivals) == 1 else None,
        pending=open_ones[0] if open_ones else None,
        history=tuple(one for one in earlier if not _is_among(one, kept)),
        rivals=tuple(rivals) if len(rivals) > 1 else (),
    )


def _winners(
    images: list[LockedImage], history: Sequence[LockedRequest], file_hash: FileHash
) -> list[LockedImage]:
    # What a sandbox made replaces nothing.
    images = [one for one in images if one.adopted or not one.request.is_free] or images
    if len(images) < 2:  # noqa: PLR2004 - one has no rival
        return images
    there = [one for one in images if file_hash(one.output) == one.sha256]
    if there:
        return [max(there, key=lambda one: one.created_at)]
    images = [one for one in images if not _is_among(one.request, history)] or images
    first = images[0].request
    if all(same_submission(one.request, first) for one in images):
        return [max(images, key=lambda one: (one.created_at, one.adopted))]
    return images


def _unique(requests: Iterable[LockedRequest]) -> list[LockedRequest]:
    found: list[LockedRequest] = []
    for one in requests:
        if one not in found and not _is_among(one, found):
            found.append(one)
    return found


def _is_among(request: LockedRequest, others: Iterable[LockedRequest]) -> bool:
    return any(same_submission(request, one) for one in others)
