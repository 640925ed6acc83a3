"""What the words of `fluxcli build` begin with: the manifest and its lock, read, and held."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from fluxcli.build.manifest.selection import Selection, parse_shard, select
from fluxcli.build.project import Project, only_one
from fluxcli.build.report.report import Reports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fluxcli.build.manifest.selection import Shard
    from fluxcli.build.options import BuildCall
    from fluxcli.context import Context
    from fluxcli.models import Task


def opened(context: Context, call: BuildCall) -> tuple[Project, Selection]:
    """Read the manifest and its lock, and choose the assets that are asked for."""

    def find(name: str) -> Task | None:
        return context.journal.find(name)  # opened only if anything is under way

    shard = shard_of(call)
    project = Project.open(
        context.cwd / call.file,
        shown=call.file,
        shard=shard,
        find=find,
        sandbox=context.sandbox,
    )
    return project, select(project.manifest, call.names, tags=call.tags, shard=shard)


def reports_for(context: Context, call: BuildCall) -> Reports:
    """Return the reports of a call; a context manager that writes them when it is left."""
    return Reports(
        wanted=call.reports,
        manifest_path=context.cwd / call.file,
        cwd=context.cwd,
        env=context.env,
        clock=context.clock,
        output=context.output,
        sandbox=context.sandbox,
        against=call.against,
    )


@contextmanager
def held(context: Context, call: BuildCall) -> Iterator[None]:
    """Keep every other build of the same manifest out meanwhile."""
    folder = context.settings.state_dir / "locks"
    mutex = only_one(_path(context, call), folder, shard=shard_of(call))
    try:
        yield
    finally:
        mutex.release(remove=True)


def shard_of(call: BuildCall) -> Shard | None:
    """Return the shard that was asked for."""
    return None if call.shard is None else parse_shard(call.shard)


def _path(context: Context, call: BuildCall) -> Path:
    return context.cwd / call.file
