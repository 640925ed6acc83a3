"""Which tasks cost credits, and that everything that shows or counts them agrees."""

from __future__ import annotations

import pytest

from fluxcli.errors import Code
from fluxcli.output.spending import spent_by_day
from fluxcli.output.task_card import card
from fluxcli.task_types import State, Task, is_charged
from tests.journal.samples import request
from tests.worlds import NOON


def task(state: State, error: Code | None = None) -> Task:
    return Task(
        ref="k7",
        state=state,
        request=request(),
        sandbox=False,
        output="/x.png",
        created_at=NOON,
        error_code=error,
    )


@pytest.mark.parametrize(
    ("state", "error", "charged"),
    [
        (State.SENDING, None, None),
        (State.UNKNOWN, Code.OUTCOME_UNKNOWN, None),
        (State.RUNNING, None, True),
        (State.SUCCEEDED, None, True),
        (State.SAVED, None, True),
        (State.REFUSED, Code.REJECTED, False),
        (State.FAILED, Code.GENERATION_FAILED, False),
        (State.FAILED, Code.MODERATED, False),
        (State.FAILED, Code.EXPIRED, True),
    ],
)
def test_no_view_denies_a_charge(state: State, error: Code | None, *, charged: bool | None) -> None:
    one = task(state, error)
    assert is_charged(one) is charged
    days = spent_by_day([one], 0.0)
    assert sum(float(str(day["estimated_credits"])) for day in days) == (5 if charged else 0)
    assert sum(int(str(day["unknown"])) for day in days) == (state is State.UNKNOWN)
    estimate = dict(card(one, [], NOON))["estimate"]
    assert ("not charged" in estimate) == (charged is False)
