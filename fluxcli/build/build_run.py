"""`fluxcli build` without `--plan` and `--check`: plan, consent, work, result."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from fluxcli.build import maintenance
from fluxcli.build.asset_job import BuildContext
from fluxcli.build.executor import Build, Limits, recorded
from fluxcli.build.hashes import FileHashes
from fluxcli.build.opening import at_service, cache_for, chosen, held, opened, reports_for
from fluxcli.build.outcome import initial_outcomes
from fluxcli.build.project import leftovers
from fluxcli.build.steps import Action, Plan
from fluxcli.build.summary import reporter_for
from fluxcli.errors import Code, FluxError, Status, reason_of
from fluxcli.prices_and_limits import SUBMISSIONS
from fluxcli.requests.consent import check_spending
from fluxcli.system import disk
from fluxcli.tasks.scheduler import IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fluxcli.build.build_call import BuildCall
    from fluxcli.build.build_inputs import BuildInputs
    from fluxcli.build.manifest.asset import Manifest
    from fluxcli.build.manifest.selection import AssetSelection
    from fluxcli.build.outcome import Outcome
    from fluxcli.build.project import Project
    from fluxcli.build.report.report import Reports
    from fluxcli.build.steps import PlanStep
    from fluxcli.tasks.task_runner import TaskRunner


def make(inputs: BuildInputs, call: BuildCall) -> int:
    """Plan, ask once, and make what is new or changed; return the exit status."""
    with reports_for(inputs, call) as reports:
        project, plan = _looked_over(inputs, call, reports)
        if any(step.action.works for step in plan.steps):
            at_place = at_service(inputs, project, ask=True)
            if at_place is not inputs:
                inputs, reports.sandbox = at_place, True
                project, plan = _looked_over(inputs, call, reports)
        if not plan.writes and not leftovers(project.lock.path):
            # Nothing is written, so that a read-only checkout works.
            reports.outcomes = initial_outcomes(plan)
            return _BuildRun(inputs, call, project, plan, reports).carry_out()
        with held(inputs, call):
            return _make_held(inputs, call, reports)


def _looked_over(inputs: BuildInputs, call: BuildCall, reports: Reports) -> tuple[Project, Plan]:
    """Return the project and its plan; nothing is locked or written yet."""
    project, selection = opened(inputs, call)
    reports.manifest = project.manifest
    # While there is nothing to do, files that have not changed need not be read again.
    cache = cache_for(inputs, call)
    return project, _planned(inputs, call, project, selection, FileHashes(cache.unchanged))


def _make_held(inputs: BuildInputs, call: BuildCall, reports: Reports) -> int:
    project, selection = opened(inputs, call)
    if call.locked:
        project.check_reconciled()
    else:
        project.reconcile()
    plan = _planned(inputs, call, project, selection)
    reports.manifest, reports.outcomes = project.manifest, initial_outcomes(plan)
    if call.locked:
        _check_locked(plan, project.manifest)
    return _BuildRun(inputs, call, project, plan, reports).carry_out()


def _planned(
    inputs: BuildInputs,
    call: BuildCall,
    project: Project,
    selection: AssetSelection,
    files: FileHashes | None = None,
) -> Plan:
    selection, reroll = chosen(call, project.manifest, selection)
    now = inputs.clock.wall()
    return project.plan(selection, now=now, force=call.force, reroll=reroll, files=files)


def _check_writable(project: Project, plan: Plan) -> None:
    """Check that every image can be written to its output, before anything is paid for.

    Raises:
        FluxError: OUTPUT_UNWRITABLE.
    """
    places = {project.manifest.root / step.output for step in plan.steps if step.action.works}
    for folder in {place.parent for place in places}:
        check_folder(folder, project.manifest)


def check_folder(folder: Path, manifest: Manifest) -> None:
    """Check that files can be written to a folder, which is made.

    Raises:
        FluxError: OUTPUT_UNWRITABLE.
    """
    try:
        disk.make_folders(folder)
        trial = folder / f".{secrets.token_hex(8)}.part"
        os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        trial.unlink()
    except OSError as error:
        reason = reason_of(error)
        raise FluxError(
            Code.OUTPUT_UNWRITABLE,
            f"`{folder}` cannot be written to: {reason}; nothing was sent, nothing was charged",
            hint=manifest.command("build", "--plan"),
        ) from error


def collecting(command: str) -> str:
    """Return a hint to run a command again, which collects what is paid for."""
    return f"{command}  (it collects what is paid for)"


def resumed_by(command: str, error: FluxError) -> FluxError:
    """Return the error of an interrupted run, with the command that goes on with it.

    Its own hint is about what is paid for, or may be.
    """
    nothing = "" if error.hint or "nothing" in error.message else "; nothing was charged"
    hint = collecting(command) if error.hint else command
    return FluxError(error.code, f"{error.message}{nothing}", hint=hint, status=error.status)


def _check_locked(plan: Plan, manifest: Manifest) -> None:
    """Refuse what would change the lock; collecting what it names is allowed."""
    for step in plan.steps:
        if not _changes_lock(step):
            continue
        raise FluxError(
            Code.DRIFT,
            f"`--locked`: `{step.name}` is {step.action.value}: {', '.join(step.reasons)}",
            hint=manifest.command("build", step.name),
        )


def _changes_lock(step: PlanStep) -> bool:
    if step.action.pays or step.action is Action.MOVED:
        return True
    return step.action is not Action.ORPHAN and (step.rewrites or step.is_fresh)


class _BuildRun:
    """One build: consent, work, result."""

    def __init__(
        self,
        inputs: BuildInputs,
        call: BuildCall,
        project: Project,
        plan: Plan,
        reports: Reports,
    ) -> None:
        self._reports = reports
        self._inputs = inputs
        self._call = call
        self._project = project
        self._plan = plan
        self._reporter = reporter_for(inputs)
        self._most = inputs.max_credits

    def carry_out(self) -> int:
        project, plan = self._project, self._plan
        self._reports.remember(plan)
        _check_writable(project, plan)
        if any(step.action.works for step in plan.steps):
            # One error for all assets, before consent.
            self._inputs.journal().check_writable()
        self._consent()
        if not self._call.locked:
            maintenance.settle(plan, project.manifest, project.lock)
        outcomes, status = initial_outcomes(plan), int(Status.DONE)
        if any(step.action.works or step.unknown for step in plan.steps):
            runner = self._inputs.runner("replace")
            build = self._build(runner)
            outcomes = self._reports.outcomes = build.outcomes
            status = self._followed(build, runner)
        status = status or _left_over(outcomes)
        self._reporter.summary(outcomes)
        self._reporter.document(outcomes, plan.credits)
        return status

    def _build(self, runner: TaskRunner) -> Build:
        call = self._call
        set_rate(self._inputs, call)
        made_with = context_of(self._project, runner, locked=call.locked)
        limits = Limits(
            in_flight=call.in_flight or IN_FLIGHT,
            max_credits=self._most,
            day_left=self._inputs.journal().day_limit.left(),
            fail_fast=call.fail_fast,
        )
        build = Build(made_with, self._plan, limits)
        for step in self._plan.steps:
            if step.unknown:
                build.hold(step, recorded(made_with, step))
        return build

    def _followed(self, build: Build, runner: TaskRunner) -> int:
        """Report events; the lock records the result even if the build is interrupted."""
        working = [step for step in self._plan.steps if step.action.works]
        for outcome in build.outcomes.values():
            if outcome.error is not None:
                self._inputs.output.problem(outcome.error, key=outcome.step.name)
        requests = [step.asset.request for step in working if step.asset is not None]
        usual = runner.usual_seconds(requests[0]) if requests else None
        try:
            events = build.run(runner.interrupts)
            self._reporter.follow(events, count=len(working), usual=usual)
        except FluxError as error:
            if error.code is not Code.INTERRUPTED:
                raise
            raise resumed_by(self._again(), error) from None
        finally:
            if runner.services.service.is_sandbox:
                self._reports.sandbox = self._reporter.sandbox = True
            if not self._call.locked:
                self._project.reconcile()
        return build.status()

    def _again(self, *flags: str) -> str:
        return self._project.manifest.command("build", *self._call.choice, *flags)

    def _consent(self) -> None:
        """Ask for consent to the spending.

        Raises:
            FluxError: NO_CONSENT; nothing was sent.
        """
        estimate = self._plan.credits
        self._reporter.intentions(self._plan)
        check_spending(
            estimate,
            most=None,
            # The limit is applied image by image.
            agreed=self._call.yes or self._most is not None,
            ask=self._inputs.output.confirm,
            free=0,
            command=self._again("--yes"),
        )


def _left_over(outcomes: Mapping[str, Outcome]) -> int:
    """Return status 10 if a person has to decide on an asset, else 0."""
    results = {outcome.result for outcome in outcomes.values()}
    return Status.DRIFT if results & {"held", "edited"} else Status.DONE


def context_of(project: Project, runner: TaskRunner, *, locked: bool = False) -> BuildContext:
    """Return the settings and services for the assets of a project."""
    return BuildContext(
        manifest=project.manifest,
        lock=project.lock,
        records=project.records,
        services=runner.services,
        options=runner.options,
        origin=project.records.origin,
        locked=locked,
    )


def set_rate(inputs: BuildInputs, call: BuildCall) -> None:
    """Share the account's submission limit between the machines of a sharded build."""
    count = 1 if call.shard is None else int(call.shard.rpartition("/")[2])
    if call.rate is not None or count > 1:
        limiter = inputs.journal().submission_limiter
        limiter.submissions = call.rate or max(1, SUBMISSIONS // count)
