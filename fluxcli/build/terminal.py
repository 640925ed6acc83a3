"""A build, told: its plan with the reasons, its progress, the saved paths, the document."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from fluxcli.build.steps import Action
from fluxcli.output.json_records import error_record
from fluxcli.output.text import credits as in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fluxcli.build.outcome import Outcome
    from fluxcli.build.steps import Plan, PlanStep
    from fluxcli.events import Event, Finished
    from fluxcli.output.json_records import Record
    from fluxcli.output.output import Output

_TOLD: dict[str, str] = {
    "saved": "saved",
    "moved": "moved",
    "failed": "failed",
    "blocked": "blocked by what they are made from",
    "capped": "not asked for: the credits are used up",
    "planned": "not begun",
    "edited": "kept as edited by hand",
    "held": "waiting for you",
    "orphan": "no longer in the manifest: `fluxcli build --prune`",
    "kept": "up to date",
}


class BuildReporter:
    """Tells a build."""

    def __init__(self, output: Output, *, sandbox: bool) -> None:
        self._output = output
        self._sandbox = sandbox

    def plan(self, plan: Plan, *, aside: bool = False) -> None:
        """Show the steps, one a line; `aside`: to people, what there is to do only."""
        if self._output.json and not aside:
            return
        shown = [step for step in plan.steps if not aside or step.action is not Action.KEEP]
        width = max((len(step.name) for step in shown), default=0)
        lines = [_line(step, width) for step in shown]
        if aside:
            for line in lines:
                self._output.note(line)
        elif lines:
            # At once: a thousand lines one by one take as long as the plan itself.
            self._output.answer("\n".join(lines))
        self._output.note(_totals(plan))

    def explain(self, steps: Sequence[PlanStep]) -> None:
        """Show what assets come to, in full, and why."""
        for step in steps:
            record = explanation(step)
            if self._output.json:
                self._output.record(record)
                continue
            for key, value in record.items():
                for text in value if isinstance(value, list | tuple) else [value]:
                    if text is not None:
                        shown = str(text).lower() if isinstance(text, bool) else str(text)
                        self._output.answer(f"{key:18}  {shown}")

    def follow(self, events: Iterable[Event | None], *, count: int, usual: float | None) -> None:
        """Show progress while a build runs; saved paths are the answer."""
        from fluxcli.events import Failed, Finished

        with self._output.progress(count, usual) as progress:
            for event in progress.through(events):
                if isinstance(event, Finished):
                    self._saved(event)
                elif isinstance(event, Failed):
                    self._output.problem(event.error, key=event.key)

    def summary(self, outcomes: Mapping[str, Outcome]) -> None:
        """Say in one line how it came out."""
        counts = _counts(outcomes)
        words = [f"{counts[result]} {said}" for result, said in _TOLD.items() if counts[result]]
        self._output.note(", ".join(words) or "nothing to do")

    def document(self, outcomes: Mapping[str, Outcome], estimate: int) -> None:
        """With `--json`, write everything as one document."""
        if self._output.json:
            self._output.record(build_record(outcomes, estimate, sandbox=self._sandbox))

    def _saved(self, event: Finished) -> None:
        picture = event.task.picture
        if not self._output.json and picture is not None and picture.path is not None:
            self._output.answer_path(picture.path)


def build_record(outcomes: Mapping[str, Outcome], estimate: int, *, sandbox: bool) -> Record:
    """Return a build as one object: every asset, and how many of each kind."""
    counts = _counts(outcomes)
    actions = {action.value: 0 for action in Action}
    for outcome in outcomes.values():
        actions[outcome.step.action.value] += 1
    return {
        "assets": [_asset_record(outcome) for outcome in outcomes.values()],
        "summary": {
            "actions": actions,
            "states": counts,
            "estimated_credits": estimate,
            "sandbox": sandbox,
        },
    }


def explanation(step: PlanStep) -> Record:
    """Return what one asset comes to: the resolved request, and why it is or is not stale."""
    asset = step.asset
    request = asdict(asset.request) if asset else {}
    request.pop("input_image", None)
    made = step.entry.made if step.entry else None
    return {
        "name": step.name,
        "action": step.action.value,
        "reasons": list(step.reasons),
        **request,
        "edit": str(asset.original) if asset and asset.original else None,
        "rev": asset.rev if asset else None,
        "output": step.output,
        "request_hash": step.ask.request if step.ask else None,
        "locked_hash": made.ask.request if made else None,
        "sha256": made.sha256 if made else None,
        "task_id": made.ask.task_id if made else None,
        "estimated_credits": step.credits,
    }


def _asset_record(outcome: Outcome) -> Record:
    step, error = outcome.step, outcome.error
    made = step.entry.made if step.entry else None
    picture = outcome.task.picture if outcome.task else None
    task_id = made.ask.task_id if made else None
    return {
        "name": step.name,
        "action": step.action.value,
        "reasons": list(step.reasons),
        "state": outcome.result,
        "output": step.output or None,
        "sha256": picture.sha256 if picture else made.sha256 if made else None,
        "task_id": (outcome.task.task_id if outcome.task else None) or task_id,
        "estimated_credits": step.credits,
        "error": None if error is None else error_record(error)["error"],
    }


def _counts(outcomes: Mapping[str, Outcome]) -> dict[str, int]:
    counts = dict.fromkeys(_TOLD, 0)
    for outcome in outcomes.values():
        counts[outcome.result] += 1
    return counts


def _line(step: PlanStep, width: int) -> str:
    price = f" ({in_words(step.credits)})" if step.credits else ""
    return f"{step.action.sign} {step.name:{width}}  {'; '.join(step.reasons)}{price}"


def _totals(plan: Plan) -> str:
    counts = [(action.sign, len(plan.only(action))) for action in Action]
    said = "  ".join(f"{sign} {count}" for sign, count in counts if count)
    price = f", an estimated {in_words(plan.credits)}" if plan.credits else ""
    return f"{said or 'no assets'}{price}"
