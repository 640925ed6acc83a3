"""Requests, pictures and a second process, for the journal's tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fluxcli.task_types import Picture, Request

if TYPE_CHECKING:
    from fluxcli.journal.journal import Journal
    from fluxcli.journal.runs import Run
    from fluxcli.task_types import Task


def request(**fields: Any) -> Request:
    """Return a plain request, some fields changed."""
    usual: dict[str, Any] = {
        "mode": "generate",
        "prompt": "a red fox",
        "model": "flux-kontext-pro",
        "aspect_ratio": "16:9",
        "output_format": "jpeg",
        "safety_tolerance": 2,
    }
    return Request(**usual | fields)


def picture(path: str | None = "/pictures/fox.jpg") -> Picture:
    """Return a saved picture."""
    return Picture(
        path=None if path is None else Path(path),
        bytes=70,
        width=4,
        height=3,
        sha256="ab" * 32,
        format="jpeg",
    )


def begun(journal: Journal, run: Run, n: int = 1, count: int = 1, **fields: Any) -> Task:
    """Record a task that is about to be asked for."""
    return journal.begin(
        run, request(**fields), source=None, output="/pictures/fox.jpg", n=n, count=count
    )


def accepted(journal: Journal, task_id: str, fingerprint: str = "f", **fields: Any) -> Task:
    """Record a task that the service has accepted, and let its run go."""
    run = journal.open_run(fingerprint, new=True)
    task = begun(journal, run, **fields)
    journal.sending(task.ref, task.request)
    found = journal.accepted(task.ref, task_id)
    journal.release(run)
    return found
