"""The commands that change nothing: `--plan`, `--check`, `explain`.

They load nothing that makes images: a check is quick and free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.build.opening import chosen, opened, reports_for
from fluxcli.build.outcome import initial_outcomes
from fluxcli.build.terminal import reporter_for
from fluxcli.errors import Status

if TYPE_CHECKING:
    from fluxcli.build.build_call import BuildCall
    from fluxcli.build.build_inputs import BuildInputs


def show(inputs: BuildInputs, call: BuildCall) -> int:
    """Show what would be done, and why: `--plan` and `--check`. Return the exit status.

    Needs neither key nor network.
    """
    with reports_for(inputs, call) as reports:
        project, selection = opened(inputs, call)
        reports.manifest = project.manifest
        selection, reroll = chosen(call, project.manifest, selection)
        now = inputs.clock.wall()
        plan = project.plan(selection, now=now, force=call.force, reroll=reroll)
        outcomes = reports.outcomes = initial_outcomes(plan)
    reporter = reporter_for(inputs)
    reporter.plan(plan)
    reporter.document(outcomes, plan.credits)
    if call.word == "check" and not plan.is_clean:
        inputs.output.note("there is work to do")
        inputs.output.hint("fluxcli build")
        return Status.DRIFT
    return Status.DONE
