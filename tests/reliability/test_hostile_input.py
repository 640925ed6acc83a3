"""Anything at all from the service, the user's files and the shell: told, never a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability import examples
from tests.reliability.experiments import Figure, Size, canary

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    "experiment",
    [examples.hostile_answers, examples.hostile_configs, examples.hostile_arguments],
)
def test_hostile_input(experiment: Callable[[Size], Figure]) -> None:
    """Neither a bug nor a wrong success comes of it."""
    figure = experiment(Size(examples=160))
    assert figure.trials >= 40
    assert figure.good, figure.notes


def test_the_key_stays_where_it_belongs() -> None:
    """It is in its header at the service, and in no stream, no file, no other request."""
    figure = canary(Size(step=80))
    assert figure.trials >= 10
    assert figure.good, figure.notes
