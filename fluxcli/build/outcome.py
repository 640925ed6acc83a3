"""The outcome of each asset, as planned and after a build, and what was charged for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Self

from fluxcli.build.steps import Action, Plan, PlanStep
from fluxcli.dataclass import dataclass
from fluxcli.output.text import credits as in_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fluxcli.errors import FluxError
    from fluxcli.task_types import Task

Result = Literal[
    "planned",
    "saved",
    "running",
    "unknown",
    "kept",
    "moved",
    "edited",
    "held",
    "orphan",
    "failed",
    "blocked",
    "capped",
]
Charge = Literal["none", "charged", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of one asset.

    planned  nothing was done yet          saved    made or collected, and on disk
    running  paid for, collected later     unknown  possibly accepted, see `error`
    kept up to date                    moved    its file or its name was changed
    edited   a person's file was kept      held     only a person can decide
    orphan   no longer in the manifest     failed   see `error`
    blocked  what it is made from failed   capped   not requested: over the credit limit

    `charge` is whether this build was charged for it: the price is `step.credits`.
    """

    step: PlanStep
    result: Result
    error: FluxError | None = None
    task: Task | None = None
    charge: Charge = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """The estimated credits of a build.

    `charged` covers every accepted task, `running` those of them whose image is not here yet;
    `unknown` is what was submitted without an answer, `planned` what was not begun.
    """

    charged: float
    running: float
    unknown: float
    planned: float

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Self:
        """Return the spending on these assets, past and planned."""
        found = [(one.charge, one.result, one.step.credits) for one in outcomes]
        return cls(
            charged=sum(price for charge, _, price in found if charge == "charged"),
            running=sum(
                price
                for charge, result, price in found
                if charge == "charged" and result == "running"
            ),
            unknown=sum(price for charge, _, price in found if charge == "unknown"),
            planned=sum(price for _, result, price in found if result == "planned"),
        )

    def __str__(self) -> str:
        """Return it in words."""
        parts = [f"an estimated {in_words(self.charged)} spent"]
        if self.running:
            parts.append(f"{self.running:g} of them for tasks that still run")
        if self.unknown:
            parts.append(f"{self.unknown:g} more if what got no answer was accepted")
        if self.planned:
            parts.append(f"{self.planned:g} to be spent")
        return ", ".join(parts)


_INITIAL: Final[dict[Action, Result]] = {
    Action.KEEP: "kept",
    Action.MOVED: "moved",
    Action.EDITED: "edited",
    Action.HELD: "held",
    Action.ORPHAN: "orphan",
}


def initial_outcomes(plan: Plan) -> dict[str, Outcome]:
    """Return the outcomes of a plan before the build."""
    return {
        step.name: Outcome(step=step, result=_INITIAL.get(step.action, "planned"))
        for step in plan.steps
    }
