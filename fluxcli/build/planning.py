"""The commands that change nothing: `--plan` and `--check`.

They do not load the code that makes images: a check is quick and free. If nothing has changed since
the last check, its cached result is printed, and neither manifest nor lock is parsed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.build.check_cache import CheckCache
from fluxcli.errors import Status

if TYPE_CHECKING:
    from fluxcli.build.build_call import BuildCall
    from fluxcli.build.build_inputs import BuildInputs
    from fluxcli.build.check_cache import Answer


def show(inputs: BuildInputs, call: BuildCall) -> int:
    """Show what would be done, and why: `--plan` and `--check`. Return the exit status.

    Needs neither key nor network.
    """
    cache = CheckCache(
        inputs.cache_folder(),
        call.manifest(inputs.cwd),
        now=inputs.clock.wall(),
        origin=inputs.origin,
    )
    is_usual = (
        call.is_whole and not call.reports and call.against is None and not inputs.output.json
    )
    answer = cache.answer if is_usual and not inputs.verbose else None
    if answer is None:
        return _show_fresh(inputs, call, cache)
    _print(inputs, answer)
    return Status.DONE


def _show_fresh(inputs: BuildInputs, call: BuildCall, cache: CheckCache) -> int:
    from fluxcli.build.hashes import FileHashes
    from fluxcli.build.opening import chosen, opened_at_service, reports_for
    from fluxcli.build.outcome import initial_outcomes
    from fluxcli.build.steps import Action
    from fluxcli.build.summary import build_record, plan_text

    with reports_for(inputs, call) as reports:
        at_place, project, selection = opened_at_service(inputs, call, ask=False)
        is_moved = at_place is not inputs
        inputs, reports.sandbox = at_place, at_place.sandbox
        reports.manifest = project.manifest
        selection, reroll = chosen(call, project.manifest, selection)
        files = FileHashes(cache.unchanged)
        plan = project.plan(
            selection, now=inputs.clock.wall(), force=call.force, reroll=reroll, files=files
        )
        outcomes = reports.outcomes = initial_outcomes(plan)
    answer = plan_text(plan, verbose=inputs.verbose)
    if inputs.output.json:
        inputs.output.record(build_record(outcomes, plan.credits, sandbox=inputs.sandbox))
    else:
        _print(inputs, answer)
    if call.is_whole and not inputs.verbose and not is_moved:
        cache.keep(files.found, project.sources(), answer if plan.is_clean else None)
    if call.word == "check" and not plan.is_clean:
        waiting = next((step.next for step in plan.only(Action.HELD, Action.EDITED)), None)
        if waiting is None or plan.writes:
            inputs.output.note("there is work to do")
            inputs.output.hint(project.manifest.command("build", *call.choice))
        else:
            inputs.output.note("only you can decide what to do")
            inputs.output.hint(waiting)
        return Status.DRIFT
    return Status.DONE


def _print(inputs: BuildInputs, answer: Answer) -> None:
    """Print a plan; with `-q`, only its totals."""
    lines, totals = answer
    if inputs.quiet:
        inputs.output.answer(totals)
        return
    if lines:
        # In one write: a thousand single lines take as long as the plan itself.
        inputs.output.answer(lines)
    inputs.output.note(totals)
