"""What this machine has spent, by day and model, as an estimate from its own tasks. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.clock import local_day
from fluxcli.prices_and_limits import CREDITS
from fluxcli.task_types import State, is_charged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fluxcli.task_types import Task


def spent_by_day(
    tasks: Iterable[Task], since: float, prices: Mapping[str, float] = CREDITS
) -> list[dict[str, object]]:
    """Return a record for each local day and model, newest first.

    Each has `day`, `model`, `images`, `estimated_credits`, and `unknown`, the number of
    submissions that may have been charged and are not counted. Refused tasks cost nothing, and
    failed ones are refunded, unless the result was made and has expired. What the service reported
    as charged counts, else the price list.
    """
    counts: dict[tuple[str, str], list[int]] = {}
    amounts: dict[tuple[str, str], float] = {}
    for task in tasks:
        paid_at = task.accepted_at or task.created_at
        charged = is_charged(task)
        if paid_at < since or charged is False or task.state is State.SENDING:
            continue
        day = local_day(paid_at)
        count = counts.setdefault((day, task.request.model), [0, 0])
        count[charged is None] += 1
        if charged:
            price = prices.get(task.request.model, 0) if task.credits is None else task.credits
            amounts[day, task.request.model] = amounts.get((day, task.request.model), 0) + price
    return [
        {
            "day": day,
            "model": model,
            "images": images,
            "estimated_credits": amounts.get((day, model), 0),
            "unknown": unknown,
        }
        for (day, model), (images, unknown) in sorted(counts.items(), reverse=True)
    ]
