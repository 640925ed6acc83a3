"""The words of `fluxcli build` that only look: plan, check, explain.

They load nothing that makes pictures: a check is to be as quick as it is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.build.manifest.selection import select
from fluxcli.build.opening import opened, reports_for
from fluxcli.build.outcome import at_rest
from fluxcli.build.terminal import BuildReporter
from fluxcli.errors import Code, FluxError, Status

if TYPE_CHECKING:
    from fluxcli.build.options import BuildCall
    from fluxcli.context import Context


def show(context: Context, call: BuildCall) -> None:
    """Tell what would be done, and why: `--plan` and `--check`. No key, no network."""
    with reports_for(context, call) as reports:
        project, selection = opened(context, call)
        reports.manifest = project.manifest
        plan = project.plan(selection, now=context.clock.wall(), force=call.force)
        outcomes = reports.outcomes = at_rest(plan)
    teller = BuildReporter(context.output, sandbox=context.sandbox)
    teller.plan(plan)
    teller.document(outcomes, plan.credits)
    if call.word == "check" and not plan.is_clean:
        context.status = Status.DRIFT
        context.output.note("there is work to do")
        context.output.hint("fluxcli build")


def explain(context: Context, call: BuildCall) -> None:
    """Tell what an asset comes to, and why it is or is not made again."""
    if not call.names:
        raise FluxError(
            Code.USAGE, "name the assets to explain", hint="fluxcli build --explain hero"
        )
    project, selection = opened(context, call)
    plan = project.plan(selection, now=context.clock.wall(), force=call.force)
    teller = BuildReporter(context.output, sandbox=context.sandbox)
    wanted = select(project.manifest, call.names, tags=call.tags, parents=False)
    teller.explain([step for step in plan.steps if step.name in wanted.names])
