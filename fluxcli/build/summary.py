"""The output of a build: plan with reasons, progress, saved paths, JSON document."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from fluxcli.build.outcome import Spending
from fluxcli.build.steps import Action
from fluxcli.errors import Code, FluxError
from fluxcli.output.json_records import error_record
from fluxcli.output.text import credits as in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fluxcli.build.build_inputs import BuildInputs
    from fluxcli.build.outcome import Outcome
    from fluxcli.build.steps import Plan, PlanStep
    from fluxcli.events import Event, Failed, Finished
    from fluxcli.output.json_records import Record
    from fluxcli.output.output import Output

MANY: Final = 20
"""More assets of one kind and reason than this are shown as one line."""

_VALUES: Final = re.compile("`[^`]*`")

_TOTALS: dict[Action, str] = {
    Action.NEW: "new",
    Action.CHANGED: "changed",
    Action.COLLECT: "to collect",
    Action.MOVED: "to move",
    Action.KEEP: "up to date",
    Action.EDITED: "edited by hand",
    Action.HELD: "waiting for you",
    Action.ORPHAN: "no longer in the manifest",
}

_RESULTS: dict[str, str] = {
    "saved": "saved",
    "running": "still running (already paid)",
    "unknown": "submitted without an answer",
    "moved": "moved",
    "failed": "failed",
    "blocked": "blocked by what they are made from",
    "capped": "not submitted: over the credit limit",
    "planned": "not begun",
    "edited": "kept as edited by hand",
    "held": "waiting for you",
    "orphan": "no longer in the manifest",
    "kept": "up to date",
}


_UNTOUCHED: Final = frozenset({"kept", "edited", "held", "orphan"})


class BuildReporter:
    """Prints a build. `sandbox`: the service is a sandbox, so that nothing is charged."""

    def __init__(self, output: Output, *, sandbox: bool, verbose: bool = False) -> None:
        self._output = output
        self.sandbox = sandbox
        self._verbose = verbose
        self._is_planned = False

    def intentions(self, plan: Plan) -> None:
        """Print the plan to stderr."""
        todo = [step for step in plan.steps if step.action is not Action.KEEP]
        for line in _lines(todo, whole=self._verbose):
            self._output.note(line)
        self._output.note(_totals(plan))
        self._is_planned = True

    def follow(self, events: Iterable[Event | None], *, count: int, usual: float | None) -> None:
        """Show progress while a build runs; print saved paths to stdout."""
        from fluxcli.events import Failed, Finished

        failures = _FailureCounts(self._output, whole=self._verbose)
        with self._output.progress(count, usual) as progress:
            try:
                for event in progress.through(events):
                    if isinstance(event, Finished):
                        self._saved(event)
                    elif isinstance(event, Failed):
                        failures.add(event)
            finally:
                failures.end()

    def summary(self, outcomes: Mapping[str, Outcome]) -> None:
        """Report the result in one line."""
        counts = _counts(outcomes)
        parts = [
            f"{counts[result]} {words}" for result, words in _RESULTS.items() if counts[result]
        ]
        spending = Spending.of(outcomes.values())
        price = f"; {spending}" if spending.charged or spending.unknown else ""
        if price and self.sandbox:
            price += " (sandbox: nothing was charged)"
        untouched = all(counts[result] == 0 for result in _RESULTS.keys() - _UNTOUCHED)
        if not (untouched and self._is_planned):
            # Without work, the totals of the plan are the result.
            self._output.note((", ".join(parts) or "no assets") + price)

    def document(self, outcomes: Mapping[str, Outcome], estimate: float) -> None:
        """With `--json`, write everything as one document."""
        if self._output.json:
            self._output.record(build_record(outcomes, estimate, sandbox=self.sandbox))

    def _saved(self, event: Finished) -> None:
        picture = event.task.picture
        if not self._output.json and picture is not None and picture.path is not None:
            self._output.answer_path(picture.path)


class _FailureCounts:
    """Prints the errors of assets: of many with one cause, only the first ones, and how many."""

    def __init__(self, output: Output, *, whole: bool) -> None:
        self._output = output
        self._whole = whole
        self._counts: Counter[tuple[Code, str]] = Counter()
        self._last: dict[tuple[Code, str], FluxError] = {}

    def add(self, event: Failed) -> None:
        error = event.error
        kind = (error.code, general(error.message))
        self._counts[kind] += 1
        # Each submission of unknown outcome is settled by a command of its own.
        if self._counts[kind] <= MANY or self._whole or error.code is Code.OUTCOME_UNKNOWN:
            self._output.problem(error, key=event.key)
        else:
            self._last[kind] = error

    def end(self) -> None:
        """Print how many more errors there were of each kind."""
        for kind, error in self._last.items():
            more = f"{self._counts[kind] - MANY} more assets"
            text = error.message if error.message == kind[1] else kind[1]
            self._output.problem(FluxError(error.code, text, hint=error.hint), key=more)


def plan_text(plan: Plan, *, verbose: bool) -> tuple[str, str]:
    """Return the steps, one a line, and the totals.

    More than 20 of one kind and reason are one line, unless it is `verbose`.
    """
    return "\n".join(_lines(plan.steps, whole=verbose)), _totals(plan)


def reporter_for(inputs: BuildInputs) -> BuildReporter:
    """Return the renderer for a build of this run."""
    return BuildReporter(inputs.output, sandbox=inputs.sandbox, verbose=inputs.verbose)


def build_record(outcomes: Mapping[str, Outcome], estimate: float, *, sandbox: bool) -> Record:
    """Return a build as one object: every asset, and how many of each kind."""
    counts, spending = _counts(outcomes), Spending.of(outcomes.values())
    actions = {action.value: 0 for action in Action}
    for outcome in outcomes.values():
        actions[outcome.step.action.value] += 1
    return {
        "assets": [_asset_record(outcome) for outcome in outcomes.values()],
        "summary": {
            "actions": actions,
            "states": counts,
            "estimated_credits": estimate,
            "charged_credits": spending.charged,
            "unknown_credits": spending.unknown,
            "sandbox": sandbox,
        },
    }


def _asset_record(outcome: Outcome) -> Record:
    step, error = outcome.step, outcome.error
    made = step.entry.made if step.entry else None
    picture = outcome.task.picture if outcome.task else None
    task_id = made.request.task_id if made else None
    return {
        "name": step.name,
        "action": step.action.value,
        "reasons": list(step.reasons),
        "next": step.next,
        "state": outcome.result,
        "output": step.output or None,
        "sha256": picture.sha256 if picture else made.sha256 if made else None,
        "task_id": (outcome.task.task_id if outcome.task else None) or task_id,
        "estimated_credits": step.credits,
        "error": None if error is None else error_record(error)["error"],
    }


def _counts(outcomes: Mapping[str, Outcome]) -> dict[str, int]:
    counts = dict.fromkeys(_RESULTS, 0)
    for outcome in outcomes.values():
        counts[outcome.result] += 1
    return counts


def _lines(steps: Sequence[PlanStep], *, whole: bool) -> list[str]:
    """Return a line for each step, and one for many steps of one kind and reason."""
    width = max((len(step.name) for step in steps), default=0)
    if whole or len(steps) <= MANY:
        return [_line(step, width) for step in steps]
    kinds = [_kind(step) for step in steps]
    counts = Counter(kinds)
    lines, done = [], set()
    for step, kind in zip(steps, kinds, strict=True):
        if counts[kind] <= MANY:
            lines.append(_line(step, width))
        elif kind not in done:
            done.add(kind)
            same = [one for one, other in zip(steps, kinds, strict=True) if other == kind]
            lines.append(_counted(kind, same))
    return lines


class _StepKind(NamedTuple):
    """What steps on one line have in common; values and names in the texts are left out."""

    action: Action
    reasons: tuple[str, ...]
    next: str


def _kind(step: PlanStep) -> _StepKind:
    next_ = step.next or ""
    if next_:
        for text, word in ((step.output, "FILE"), (step.name, "ASSET")):
            next_ = re.sub(rf"(?<![\w.-]){re.escape(text)}(?![\w.-])", word, next_)
    return _StepKind(step.action, tuple(general(one) for one in step.reasons), next_)


def general(text: str) -> str:
    """Return a text without the values in it, which stand in back-ticks."""
    return _VALUES.sub("`…`", text) if "`" in text else text


def _counted(kind: _StepKind, steps: Sequence[PlanStep]) -> str:
    first, last = steps[0], steps[-1]
    total = sum(step.credits for step in steps)
    price = f" ({in_words(total)})" if total else ""
    next_ = f"; {kind.next}" if kind.next else ""
    same = all(step.reasons == first.reasons for step in steps)
    reasons = "; ".join(first.reasons if same else kind.reasons)
    names = f"{first.name} … {last.name}"
    return f"{first.action.sign} {len(steps)} assets  {reasons}{next_}{price}  ({names}; -v lists)"


def _line(step: PlanStep, width: int) -> str:
    price = f" ({in_words(step.credits)})" if step.credits else ""
    next_ = f"; {step.next}" if step.next else ""
    return f"{step.action.sign} {step.name:{width}}  {'; '.join(step.reasons)}{next_}{price}"


def _totals(plan: Plan) -> str:
    counts = [(len(plan.only(action)), words) for action, words in _TOTALS.items()]
    parts = ", ".join(f"{count} {words}" for count, words in counts if count)
    price = f"; an estimated {in_words(plan.credits)}" if plan.credits else ""
    return f"{parts or 'no assets'}{price}"
