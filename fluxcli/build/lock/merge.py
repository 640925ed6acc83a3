"""The locks of shards, joined: each knows other assets, so nothing is ever in conflict. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fluxcli.build.lock.entry import LockEntry


def shard_lock(path: Path, shard: str) -> Path:
    """Return where a shard's lock lies: `assets.lock.1-of-4` beside `assets.lock`."""
    return path.with_name(f"{path.name}.{shard}")


def overlaid(base: Mapping[str, LockEntry], part: Mapping[str, LockEntry]) -> dict[str, LockEntry]:
    """Return `base` with what `part` knows and `base` does not know better: the newer wins."""
    newer = {
        name: entry
        for name, entry in part.items()
        if name not in base or entry.changed_at >= base[name].changed_at
    }
    return {**base, **newer}


def merged(
    base: Mapping[str, LockEntry], parts: Iterable[tuple[str, Mapping[str, LockEntry]]]
) -> dict[str, LockEntry]:
    """Join the locks of shards, given by their files' names, with the whole one.

    Raises:
        FluxError: LOCK_INVALID: two of them say different things of one asset, so they are not
            the shards of one build.
    """
    found: dict[str, tuple[str, LockEntry]] = {}
    for file, entries in parts:
        for name, entry in entries.items():
            other, known = found.setdefault(name, (file, entry))
            if known != entry:
                raise FluxError(
                    Code.LOCK_INVALID,
                    f"`{other}` and `{file}` say different things of `{name}`: "
                    "they are not shards of one build",
                    hint="merge the locks of one `--shard` run only",
                )
    return overlaid(base, {name: entry for name, (_, entry) in found.items()})
