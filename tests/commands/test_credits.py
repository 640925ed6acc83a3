"""`fluxcli credits`: the balance, as a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.balance import BALANCE

if TYPE_CHECKING:
    from tests.worlds import World


def test_the_answer_is_the_number(box: World) -> None:
    ran = box.run("credits")
    assert (ran.status, ran.lines) == (0, [str(BALANCE)])
    assert ran.err.startswith("credits, enough for an estimated 20000 with ")


def test_as_json(box: World) -> None:
    assert box.run("credits", "--json").record == {"credits": float(BALANCE), "sandbox": True}


def test_quiet(box: World) -> None:
    assert box.run("credits", "-q").err == ""


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("401", 3, "auth_refused"),
        ("1010", 5, "edge_blocked"),
        ("refuse", 5, "network"),
        ("429", 5, "rate_limited"),
        ("455", 5, "maintenance"),
        ("html", 5, "service_error"),
        ("timeout", 5, "network"),
    ],
)
def test_failures(box: World, fault: str, status: int, code: str) -> None:
    ran = box.run("credits", "--json", env={"FLUXCLI_SANDBOX_FAULTS": f"credits:{fault}"})
    assert (ran.status, ran.code) == (status, code)


def test_without_a_key(world: World) -> None:
    del world.env["FLUXCLI_API_KEY"]
    ran = world.run("credits", "--json")
    assert (ran.status, ran.code) == (3, "auth_missing_key")


def test_a_refused_key(world: World) -> None:
    """The sandbox takes any key but one; over no network at all."""
    world.ask("http://127.0.0.1:9")
    ran = world.run("credits", "--json")
    assert (ran.status, ran.code) == (5, "network")
    assert "cannot connect to 127.0.0.1" in ran.err
