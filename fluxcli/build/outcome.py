"""What becomes of each asset: as planned, and after a build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from fluxcli.build.steps import Action, Plan, PlanStep

if TYPE_CHECKING:
    from fluxcli.errors import FluxError
    from fluxcli.models import Task

Result = Literal[
    "planned", "saved", "kept", "moved", "edited", "held", "orphan", "failed", "blocked", "capped"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an asset.

    planned  nothing was done yet          saved    made or collected, and on disk
    kept     up to date                    moved    its file or its name was changed
    edited   a person's file was kept      held     only a person can decide
    orphan   no longer in the manifest     failed   see `error`
    blocked  what it is made from failed   capped   not requested: over the credit limit
    """

    step: PlanStep
    result: Result
    error: FluxError | None = None
    task: Task | None = None


_INITIAL: Final[dict[Action, Result]] = {
    Action.KEEP: "kept",
    Action.MOVED: "moved",
    Action.EDITED: "edited",
    Action.HELD: "held",
    Action.ORPHAN: "orphan",
}


def initial_outcomes(plan: Plan) -> dict[str, Outcome]:
    """Return the outcomes of a plan before anything is done."""
    return {
        step.name: Outcome(step=step, result=_INITIAL.get(step.action, "planned"))
        for step in plan.steps
    }
