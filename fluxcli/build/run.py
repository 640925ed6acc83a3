"""The word of `fluxcli build` that makes pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.build import maintenance as tending
from fluxcli.build.asset_job import BuildContext
from fluxcli.build.executor import Build, Limits, recorded
from fluxcli.build.opening import held, opened, reports_for
from fluxcli.build.outcome import at_rest
from fluxcli.build.steps import Action, Plan
from fluxcli.build.terminal import BuildReporter
from fluxcli.errors import Code, FluxError, Status
from fluxcli.tasks.scheduler import IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fluxcli.build.options import BuildCall
    from fluxcli.build.outcome import Outcome
    from fluxcli.build.project import Project
    from fluxcli.build.report.report import Reports
    from fluxcli.build.steps import PlanStep
    from fluxcli.context import Context


def make(context: Context, call: BuildCall) -> None:
    """Plan, ask once, and make what is new or changed."""
    with reports_for(context, call) as reports, held(context, call):
        project, selection = opened(context, call)
        reports.manifest = project.manifest
        if not call.locked:
            project.reconcile()
        plan = project.plan(selection, now=context.clock.wall(), force=call.force)
        reports.outcomes = at_rest(plan)
        if call.locked:
            _check_locked(plan)
        _BuildRun(context, call, project, plan, reports).carry_out()


def _check_locked(plan: Plan) -> None:
    """Refuse whatever would change the lock; fetching what it says is all right."""
    for step in plan.steps:
        if step.action in {Action.KEEP, Action.COLLECT} and not step.rewrites and not step.is_fresh:
            continue
        raise FluxError(
            Code.DRIFT,
            f"`--locked`: `{step.name}` is {step.action.value}: {', '.join(step.reasons)}",
            hint="fluxcli build",
        )


class _BuildRun:
    """One build on its way: consent, work, answer."""

    def __init__(
        self,
        context: Context,
        call: BuildCall,
        project: Project,
        plan: Plan,
        reports: Reports,
    ) -> None:
        self._reports = reports
        self._session = context
        self._call = call
        self._project = project
        self._plan = plan
        self._teller = BuildReporter(context.output, sandbox=context.sandbox)
        self._most = context.settings.number("max_credits")

    def carry_out(self) -> None:
        context, project, plan = self._session, self._project, self._plan
        self._reports.remember(plan)
        self._consent()
        if not self._call.locked:
            tending.settle(plan, project.manifest, project.lock)
        outcomes, status = at_rest(plan), int(Status.DONE)
        if any(step.action.works or step.unknown for step in plan.steps):
            build = self._build()
            outcomes = self._reports.outcomes = build.outcomes
            status = self._followed(build)
        status = status or _unsettled(outcomes)
        self._teller.summary(outcomes)
        self._teller.document(outcomes, plan.credits)
        context.status = status

    def _build(self) -> Build:
        context, call = self._session, self._call
        runner = context.runner(existing="replace")
        bench = BuildContext(
            manifest=self._project.manifest,
            lock=self._project.lock,
            tools=runner.tools,
            terms=runner.terms,
            origin=context.base_url,
            sandbox=context.sandbox,
            locked=call.locked,
        )
        limits = Limits(
            in_flight=call.in_flight or IN_FLIGHT,
            max_credits=self._most,
            fail_fast=call.fail_fast,
        )
        build = Build(bench, self._plan, limits)
        for step in self._plan.steps:
            if step.unknown:
                build.hold(step, recorded(bench, step))
        return build

    def _followed(self, build: Build) -> int:
        """Tell what happens; whatever ends it, the lock gets to know what came of it."""
        working = [step for step in self._plan.steps if step.action.works]
        for outcome in build.outcomes.values():
            if outcome.error is not None:
                self._session.output.problem(outcome.error, key=outcome.step.name)
        usual = _usual(self._session, working)
        try:
            events = build.run(self._session.interrupts)
            self._teller.follow(events, count=len(working), usual=usual)
        except FluxError as error:
            if error.code is not Code.INTERRUPTED:
                raise
            again = "fluxcli build  (it collects what is paid for)"
            raise FluxError(error.code, error.message, hint=again, status=error.status) from None
        finally:
            if not self._call.locked:
                self._project.reconcile()
        return build.status()

    def _consent(self) -> None:
        """Make sure that the spending is agreed to.

        Raises:
            FluxError: NO_CONSENT; nothing was sent.
        """
        estimate = self._plan.credits
        self._teller.plan(self._plan, aside=True)
        if not estimate or self._call.yes or self._most is not None:
            return
        if self._session.output.confirm(f"spend an estimated {estimate} credits?"):
            return
        raise FluxError(
            Code.NO_CONSENT,
            f"an estimated {estimate} credits were not agreed to",
            hint=f"fluxcli build --yes, or --max-credits {estimate}",
        )


def _unsettled(outcomes: Mapping[str, Outcome]) -> int:
    """Return the status that says that a person is needed, if that is all there is to say."""
    results = {outcome.result for outcome in outcomes.values()}
    if "held" not in results:
        return Status.DONE
    return Status.PARTIAL if "saved" in results else Status.REFUSED


def _usual(context: Context, working: list[PlanStep]) -> float | None:
    requests = [step.asset.request for step in working if step.asset is not None]
    return context.runner().usual_seconds(requests[0]) if requests else None
