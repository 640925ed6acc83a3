"""Any input from the service, the user's files and the shell: an error, never a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability import examples
from tests.reliability.experiments import canary
from tests.reliability.fault_server import FaultServer, envelope
from tests.reliability.faults import says
from tests.reliability.figures import Figure, Size

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.worlds import World


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


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (("status", "\udcff"), (2, "usage")),
        (("edit", "@\udcffabcd", "bluer"), (8, "task_not_found")),
    ],
)
def test_a_task_named_in_other_bytes_than_text(
    words: tuple[str, ...], outcome: tuple[int, str], world: World
) -> None:
    """A name that is not UTF-8 is reported like any other name of no task."""
    with FaultServer() as server:
        world.ask(server.api_url)
        assert world.run("generate", "a cat", "-o", "a.png").status == 0
        ran = world.run(*words, "--json")
        assert (ran.status, ran.code) == outcome


def test_half_a_letter_from_the_service(world: World) -> None:
    """Lone surrogates, which JSON can hold, end neither in the journal nor in a traceback."""
    with FaultServer() as server:
        world.ask(server.api_url)
        server.strike("submit", says("half", envelope(422, "\ud800", None)))
        ran = world.run("generate", "a cat", "-o", "a.png", "--json")
        assert (ran.status, ran.code) == (8, "rejected")
        assert world.run("status", "--json").record["state"] == "refused"
