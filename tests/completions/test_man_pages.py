"""The man pages: one for the program and each command, with every flag, and without lint."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from fluxcli.completion.__main__ import ROOT
from fluxcli.completion.program import program
from fluxcli.errors import STATUSES
from tests.completions.shells import require

if TYPE_CHECKING:
    from fluxcli.completion.program import Command

_FOLDER: Final = ROOT / "completions" / "man1"
_ROOT: Final = program()
_PAGES: Final = (_ROOT, *_ROOT.commands)

each_page = pytest.mark.parametrize("command", _PAGES, ids=lambda one: one.path)


def _source(command: Command) -> str:
    name = command.path.replace(" ", "-")
    return (_FOLDER / f"{name}.1").read_text(encoding="utf-8")


def test_there_is_one_for_the_program_and_each_command() -> None:
    names = {f"{one.path.replace(' ', '-')}.1" for one in _PAGES}
    assert {path.name for path in _FOLDER.iterdir()} == names


@each_page
def test_mandoc_finds_nothing(command: Command) -> None:
    ran = subprocess.run(
        [require("mandoc"), "-Tlint", "-Wall"],
        input=_source(command),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@each_page
def test_every_flag_argument_and_example_is_shown(command: Command) -> None:
    ran = subprocess.run(
        [require("mandoc"), "-Tascii", "-O", "width=200"],
        input=_source(command),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    text = " ".join(_struck_once(ran.stdout).split())
    described = command.all() if command is not _ROOT else [command]
    for one in described:
        assert all(name in text for flag in one.flags for name in flag.names)
        assert all(" ".join(argument.usage.split()) in text for argument in one.arguments)
    assert all(" ".join(example.split()) in text for example in command.examples)
    numbers = STATUSES if command is _ROOT else command.statuses
    assert all(STATUSES[number].meaning in text for number in numbers)


def _struck_once(text: str) -> str:
    """Return a page without its overstrikes, by which terminals show bold and underlined text."""
    out: list[str] = []
    for character in text:
        if character == "\b":
            out.pop()
        else:
            out.append(character)
    return "".join(out)
