"""What the journal knows better than the lock: how far requests got that were under way. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fluxcli.models import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fluxcli.build.lock.entry import LockedRequest, LockEntry
    from fluxcli.models import Task


def reconciled(
    entries: Mapping[str, LockEntry], find: Callable[[str], Task | None]
) -> dict[str, LockEntry]:
    """Return the entries of which the journal knows better how far their requests got."""
    changes = {}
    for name, entry in entries.items():
        if entry.pending is None:
            continue
        pending = _known_better(entry.pending, find)
        if pending != entry.pending:
            changes[name] = replace(entry, pending=pending)
    return changes


def _known_better(
    pending: LockedRequest, find: Callable[[str], Task | None]
) -> LockedRequest | None:
    named = pending.task_id or pending.ref
    task = find(named) if named else None
    if task is None or named not in {task.task_id, task.ref}:
        return pending
    if task.state in {State.REFUSED, State.FAILED}:
        return None
    if pending.task_id is None and task.task_id is not None:
        return replace(pending, task_id=task.task_id, ref=None)
    return pending
