"""A hint that is a flag is the typed command line with that flag, ready to be pasted."""

from __future__ import annotations

import pytest

from fluxcli.commands.whole_commands import with_whole_commands
from fluxcli.errors import Code, FluxError, ProblemsError


@pytest.mark.parametrize(
    ("typed", "hint", "whole"),
    [
        ("generate fox -n 0", "--count 1", "fluxcli generate fox --count 1"),
        ("generate fox -n0 -o x.png", "--count 1", "fluxcli generate fox -o x.png --count 1"),
        ("generate --count=0 fox", "--count 1", "fluxcli generate fox --count 1"),
        ("generate --count 0 -- -fox", "--count 1", "fluxcli generate --count 1 -- -fox"),
        ("generate fox", "--max-credits 9", "fluxcli generate fox --max-credits 9"),
        ("generate fox", "--yes", "fluxcli generate fox --yes"),
        ("generate fox --no-children", "--reroll ASSET", "--reroll ASSET"),
        ("generate fox", "--model pro, or --model max", "--model pro, or --model max"),
        ("generate fox", "fluxcli credits", "fluxcli credits"),
        ("generate " + "x" * 400, "--count 1", "--count 1"),
        ("", "--count 1", "--count 1"),
        ("config get timout", "did you mean `timeout`?", "fluxcli config get timeout"),
        (
            "config set timout 9",
            "did you mean `a` or `b`?",
            "fluxcli config set a 9  (or `b`)",
        ),
        ("build", "did you mean `timeout`?", "did you mean `timeout`?"),
    ],
)
def test_a_hint_is_completed(typed: str, hint: str, whole: str) -> None:
    error = FluxError(Code.USAGE, "no setting is called `timout`", hint=hint)
    assert with_whole_commands(error, typed.split()).hint == whole


def test_each_of_several_problems_gets_its_own_command() -> None:
    errors = [FluxError(Code.USAGE, name, hint=f"--{name} 1") for name in ("count", "interval")]
    made = with_whole_commands(ProblemsError(errors), ["generate", "fox"])
    assert isinstance(made, ProblemsError)
    assert [one.hint for one in made.errors] == [
        "fluxcli generate fox --count 1",
        "fluxcli generate fox --interval 1",
    ]
    assert made.hint == made.errors[0].hint


def test_an_error_without_a_hint_stays_without_one() -> None:
    error = FluxError(Code.USAGE, "no")
    assert with_whole_commands(error, ["generate"]).hint is None
