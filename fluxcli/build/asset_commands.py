"""The commands that need no service: adopt, pick, prune, merge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.build import maintenance
from fluxcli.build.manifest.manifest import read
from fluxcli.build.manifest.selection import select
from fluxcli.build.opening import held, opened
from fluxcli.build.pick import pick as pick_image
from fluxcli.build.steps import Action
from fluxcli.errors import Code, FluxError

_DRIVER_FILES: Final = 3
"""git calls a merge driver with the common version, ours and theirs, as `.merge_file_…`."""

if TYPE_CHECKING:
    from fluxcli.build.build_call import BuildCall
    from fluxcli.build.build_inputs import BuildInputs
    from fluxcli.build.lock.entry import LockedRequest
    from fluxcli.build.manifest.asset import Manifest
    from fluxcli.build.steps import PlanStep


def adopt(inputs: BuildInputs, call: BuildCall) -> None:
    """Confirm the files at the outputs of assets as their images."""
    if not call.names and not call.tags:
        raise FluxError(Code.USAGE, "name the assets to adopt", hint="fluxcli assets adopt hero")
    with held(inputs, call):
        project, _ = opened(inputs, call)
        chosen = select(project.manifest, call.names, tags=call.tags, parents=False).names
        assets = [asset for asset in project.manifest.assets if asset.name in chosen]
        now = inputs.clock.wall()
        adopted = maintenance.adopt(assets, project.manifest, project.lock, now=now)
    for one in adopted:
        name, image = one.name, one.image
        if one.note is not None:
            inputs.output.warn(f"`{name}`: {one.note}")
        if inputs.output.json:
            record = {"name": name, "adopted": True, "output": image.output, "sha256": image.sha256}
            inputs.output.record(record)
        else:
            inputs.output.note(f"adopted `{image.output}` as `{name}`")


def pick(inputs: BuildInputs, call: BuildCall) -> None:
    """Make a candidate, a task's image or a file an asset's image."""
    if len(call.names) != 2:  # noqa: PLR2004 - an asset and a choice
        raise FluxError(
            Code.USAGE,
            "name an asset and what to pick: a candidate's number, a task or a file",
            hint="fluxcli assets pick hero 2",
        )
    name, choice = call.names
    with held(inputs, call):
        project, _ = opened(inputs, replace(call, names=()))
        asset = project.manifest.by_name().get(name)
        if asset is None:
            raise FluxError(
                Code.USAGE,
                f"no asset is called `{name}`",
                hint=project.manifest.command("build", "--plan"),
            )
        picked = pick_image(
            asset,
            choice,
            project.manifest,
            project.lock,
            records=project.records,
            cwd=inputs.cwd,
            now=inputs.clock.wall(),
        )
    if inputs.output.json:
        path = None if picked.path is None else str(picked.path)
        inputs.output.record({"name": name, "path": path, "task_id": picked.task_id})
    elif picked.path is not None:
        inputs.output.answer_path(picked.path)
    else:
        inputs.output.note(f"task `{picked.task_id}` becomes `{name}`; no extra charge")
        inputs.output.hint(project.manifest.command("build", name))


def prune(inputs: BuildInputs, call: BuildCall) -> None:
    """Remove the files of assets that the manifest no longer has."""
    project, selection = opened(inputs, call)
    if not selection.whole:
        raise FluxError(Code.USAGE, "`assets prune` takes no assets: it prunes the whole lock")
    if project.lock.entries().keys() <= project.manifest.by_name().keys():
        # Nothing is written, so that a read-only checkout works.
        inputs.output.note("nothing to prune")
        if inputs.output.json:
            inputs.output.record({"pruned": []})
        return
    with held(inputs, call):
        pruned, removed = _prune_held(inputs, call)
    if inputs.output.json:
        inputs.output.record({"pruned": pruned})
    else:
        for path in removed:
            inputs.output.answer_path(path)


def _prune_held(inputs: BuildInputs, call: BuildCall) -> tuple[list[str], list[Path]]:
    """Remove orphans after a question; return their names and the files that were removed."""
    project, selection = opened(inputs, call)
    plan = project.plan(selection, now=inputs.clock.wall())
    orphans, paid = maintenance.without_unsaved(
        plan.only(Action.ORPHAN), project.records.find, now=inputs.clock.wall()
    )
    free, kept = maintenance.prunable(orphans, project.manifest)
    if call.force:
        free, kept = [*free, *kept], []
    for step in free:
        inputs.output.note(f"- {step.name}  {step.output}")
    for step, unsaved in paid:
        _warn_of_unsaved(inputs, project.manifest, step, unsaved)
    for step in kept:
        inputs.output.warn(f"`{step.output}` was edited by hand and is kept")
        inputs.output.hint(project.manifest.command("assets prune", "--force"))
    if free and not call.yes and not inputs.output.confirm(f"remove {len(free)} of these?"):
        raise FluxError(
            Code.NO_CONSENT,
            "nothing was removed",
            hint=project.manifest.command("assets prune", "--yes"),
        )
    removed = maintenance.prune(free, project.manifest, project.lock)
    return [step.name for step in free], removed


def _warn_of_unsaved(
    inputs: BuildInputs, manifest: Manifest, step: PlanStep, unsaved: LockedRequest
) -> None:
    """Report why an orphan stays in the lock, and how to save the paid image."""
    if unsaved.task_id is None:
        inputs.output.warn(
            f"`{step.name}` is kept: submission `{unsaved.ref}` may have been accepted and paid for"
        )
        inputs.output.hint(manifest.settling(unsaved.ref))
        return
    inputs.output.warn(f"`{step.name}` is kept: task `{unsaved.task_id}` is paid for and not saved")
    saving = manifest.task_command("download", unsaved.task_id, "-o", "{id}.{ext}")
    inputs.output.hint(f"{saving} && {manifest.command('assets prune')}")


def merge_locks(inputs: BuildInputs, call: BuildCall) -> None:
    """Join the locks of shards, or any two locks of one project."""
    if not call.names:
        raise FluxError(
            Code.USAGE,
            "name the locks to merge",
            hint="fluxcli assets merge assets.lock.*-of-*",
        )
    if len(call.names) == _DRIVER_FILES and all(
        Path(name).name.startswith(".merge_file_") for name in call.names
    ):
        _, ours, theirs = (inputs.cwd / name for name in call.names)
        maintenance.merge_driver(ours, theirs, inputs.cwd)
        return
    manifest = replace(
        read(call.manifest(inputs.cwd), shown=call.file), sandbox=inputs.sandbox, flags=inputs.flags
    )
    with held(inputs, call):
        changed = maintenance.merge_locks(manifest, [inputs.cwd / name for name in call.names])
    if inputs.output.json:
        inputs.output.record({"merged": changed, "lock": str(manifest.lock)})
    else:
        inputs.output.answer_path(manifest.lock)
