"""The first step of every build command: reads and locks the manifest and its lock."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from fluxcli.build.check_cache import CheckCache
from fluxcli.build.lock.merge import shard_lock
from fluxcli.build.manifest.asset import SANDBOX_FOLDER, Manifest
from fluxcli.build.manifest.dependencies import dependents
from fluxcli.build.manifest.selection import AssetSelection, parse_shard, select
from fluxcli.build.project import Project, TaskRecords
from fluxcli.build.project import held as lock_held
from fluxcli.build.report.report import Reports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fluxcli.build.build_call import BuildCall
    from fluxcli.build.build_inputs import BuildInputs
    from fluxcli.build.manifest.selection import Shard
    from fluxcli.errors import FluxError


def opened(inputs: BuildInputs, call: BuildCall) -> tuple[Project, AssetSelection]:
    """Read the manifest and its lock, and select the assets."""
    records = records_for(inputs, optional=call.word != "build")
    shard = shard_of(call)
    project = Project.open(
        call.manifest(inputs.cwd),
        shown=call.file,
        shard=shard,
        records=records,
        price=inputs.price,
        sandbox=inputs.sandbox,
        flags=inputs.flags,
        is_named=call.is_named,
    )
    return project, select(project.manifest, call.names, tags=call.tags, shard=shard)


def at_service(inputs: BuildInputs, project: Project, *, ask: bool) -> BuildInputs:
    """Return the inputs, adapted if the service is a sandbox.

    A sandbox never changes a lock and images that were paid for at another service: it uses a
    separate folder, as with `--sandbox`. Without `ask`, its last answer counts.

    Raises:
        FluxError: the service cannot be reached.
    """
    if inputs.sandbox or not project.is_paid_elsewhere() or not inputs.is_stand_in(ask):
        return inputs
    what = f"{inputs.origin} is a sandbox: lock and images are in `{SANDBOX_FOLDER}`"
    inputs.output.note(f"{what}, and nothing is charged")
    return replace(inputs, sandbox=True)


def opened_at_service(
    inputs: BuildInputs, call: BuildCall, *, ask: bool
) -> tuple[BuildInputs, Project, AssetSelection]:
    """Return the project with the inputs of `at_service`, opened again if they differ."""
    project, selection = opened(inputs, call)
    at_place = at_service(inputs, project, ask=ask)
    if at_place is not inputs:
        project, selection = opened(at_place, call)
    return at_place, project, selection


def records_for(inputs: BuildInputs, *, optional: bool) -> TaskRecords:
    """Return this machine's submissions; `optional`: none if there is no usable journal."""

    def warn(error: FluxError) -> None:
        inputs.output.warn(f"{error.message}, so tasks recorded there are not considered")

    journal = inputs.existing_journal if optional else inputs.journal
    return TaskRecords(journal, inputs.origin, optional=optional, ignored=warn)


def cache_for(inputs: BuildInputs, call: BuildCall) -> CheckCache:
    """Return the cache of the hashes of the project's files."""
    return CheckCache(
        inputs.cache_folder(),
        call.manifest(inputs.cwd),
        now=inputs.clock.wall(),
        origin=inputs.origin,
    )


def reports_for(inputs: BuildInputs, call: BuildCall) -> Reports:
    """Return the reports of a call; a context manager that writes them when it is left."""
    return Reports(
        wanted=call.reports,
        manifest_path=call.manifest(inputs.cwd),
        cwd=inputs.cwd,
        env=inputs.env,
        clock=inputs.clock,
        output=inputs.output,
        sandbox=inputs.sandbox,
        command=unread(inputs, call).command("build"),
        against=call.against,
    )


@contextmanager
def held(inputs: BuildInputs, call: BuildCall) -> Iterator[None]:
    """Lock out every other build with the same lock until the block ends."""
    manifest, shard = unread(inputs, call), shard_of(call)
    lock = manifest.lock if shard is None else shard_lock(manifest.lock, str(shard))
    with lock_held(manifest, lock):
        yield


def unread(inputs: BuildInputs, call: BuildCall) -> Manifest:
    """Return the manifest of a call before it is read: its path, its lock, its commands."""
    return Manifest(
        path=call.manifest(inputs.cwd),
        output_dir=".",
        assets=(),
        sandbox=inputs.sandbox,
        flags=inputs.flags,
        named=call.file if call.is_named else "",
    )


def shard_of(call: BuildCall) -> Shard | None:
    """Return the shard of the arguments."""
    return None if call.shard is None else parse_shard(call.shard)


def chosen(
    call: BuildCall, manifest: Manifest, selection: AssetSelection
) -> tuple[AssetSelection, frozenset[str]]:
    """Return the selection with the assets to pay for again, and the names of those.

    `--reroll` alone chooses those assets and what is made from them; without children, nothing
    that is made from them is touched in this run.
    """
    if not call.reroll:
        return selection, frozenset()
    again = select(manifest, call.reroll, parents=False).names
    below = frozenset(dependents(again, manifest.assets))
    if call.names or call.tags:
        names = selection.names | select(manifest, call.reroll).names
        named = selection.named
    else:
        names, named = select(manifest, sorted(again | below)).names, frozenset(call.reroll)
    names = names | below if call.children else names - (below - again)
    return AssetSelection(names=names, named=named | again, whole=False), again
