"""The words of `fluxcli build` that need no service: adopt, prune, merge, schema, init."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fluxcli.build import maintenance as tending
from fluxcli.build.lock import lock_file as store
from fluxcli.build.lock.lock_file import LockFile
from fluxcli.build.manifest.example import example
from fluxcli.build.manifest.manifest import read
from fluxcli.build.manifest.schema import schema
from fluxcli.build.manifest.selection import select
from fluxcli.build.opening import held, opened
from fluxcli.build.project import merge
from fluxcli.build.steps import Action
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from fluxcli.build.options import BuildCall
    from fluxcli.context import Context


def adopt(context: Context, call: BuildCall) -> None:
    """Bless files that lie where assets' pictures belong."""
    if not call.names and not call.tags:
        raise FluxError(Code.USAGE, "name the assets to adopt", hint="fluxcli build --adopt hero")
    with held(context, call):
        project, _ = opened(context, call)
        chosen = select(project.manifest, call.names, tags=call.tags, parents=False).names
        assets = [asset for asset in project.manifest.assets if asset.name in chosen]
        now = context.clock.wall()
        blessed = tending.adopt(assets, project.manifest, project.lock, now=now)
    for name, made in blessed.items():
        if context.output.json:
            record = {"name": name, "adopted": True, "output": made.output, "sha256": made.sha256}
            context.output.record(record)
        else:
            context.output.note(f"adopted `{made.output}` as `{name}`")


def prune(context: Context, call: BuildCall) -> None:
    """Remove the files of assets that the manifest no longer has."""
    with held(context, call):
        project, selection = opened(context, call)
        if not selection.whole:
            raise FluxError(Code.USAGE, "`--prune` takes no assets: it looks at all that is locked")
        plan = project.plan(selection, now=context.clock.wall())
        free, kept = tending.prunable(plan.only(Action.ORPHAN), project.manifest)
        if call.force:
            free, kept = [*free, *kept], []
        for step in free:
            context.output.note(f"- {step.name}  {step.output}")
        for step in kept:
            context.output.warn(f"`{step.output}` was edited by hand and is kept")
            context.output.hint("fluxcli build --prune --force")
        if free and not call.yes and not context.output.confirm(f"remove {len(free)} of these?"):
            raise FluxError(
                Code.NO_CONSENT, "nothing was removed", hint="fluxcli build --prune --yes"
            )
        removed = tending.prune(free, project.manifest, project.lock)
    if context.output.json:
        context.output.record({"pruned": [step.name for step in free]})
    else:
        for path in removed:
            context.output.answer_path(path)


def merge_locks(context: Context, call: BuildCall) -> None:
    """Join the locks of shards with the whole one."""
    if not call.names:
        raise FluxError(
            Code.USAGE,
            "name the locks to merge",
            hint="fluxcli build --merge-locks assets.lock.*-of-*",
        )
    manifest = read(context.cwd / call.file, shown=call.file)
    with held(context, call):
        entries = merge(manifest, [context.cwd / name for name in call.names])
        before = store.read(manifest.lock)
        changed = {name: entry for name, entry in entries.items() if before.get(name) != entry}
        if changed:
            LockFile(manifest.lock, before).record(changed)
    if context.output.json:
        context.output.record({"merged": sorted(changed), "lock": str(manifest.lock)})
    else:
        context.output.answer_path(manifest.lock)


def show_schema(context: Context, _call: BuildCall) -> None:
    """Print the JSON Schema of manifests."""
    context.output.answer(json.dumps(schema(), indent=2))


def init(context: Context, call: BuildCall) -> None:
    """Write an example manifest, unless one is there."""
    path = context.cwd / call.file
    if path.exists() and not call.force:
        raise FluxError(
            Code.WOULD_OVERWRITE, f"`{call.file}` is there already", hint="fluxcli build --plan"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(example(), encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FluxError(Code.OUTPUT_UNWRITABLE, f"`{path}`: {reason}") from error
    if context.output.json:
        context.output.record({"manifest": str(path)})
    else:
        context.output.answer_path(path)
