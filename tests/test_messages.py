"""The rules that every error message follows; `python -m tests.messages` prints them all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from fluxcli.completion.program import program
from tests.hints import unusable
from tests.messages import Message, messages
from tests.modules import ROOT

_MESSAGES: Final = [one for one in messages() if one.is_text]
_PERSONIFIED: Final = re.compile(
    r"\b(tells?|told|teller|mouth|looks?(?! like)|whoever|whatever|somebody|nobody|let go|bless"
    r"|tends?|at rest|wish|owed|stray|mishap|fate|door|visit|kennel|verdict|taken up|seldom|amid"
    r"|anew|thereof|hence"
    r"|pictures?|is there already|mends?|for ever|forever|please|sorry|oops)\b",
    re.IGNORECASE,
)

each_message = pytest.mark.parametrize("one", _MESSAGES, ids=lambda one: one.place)


def test_the_table_has_the_errors_of_every_layer() -> None:
    places = {one.place.split("/")[1] for one in _MESSAGES}
    assert {"build", "client", "commands", "files", "journal", "requests", "tasks"} <= places
    assert len(_MESSAGES) > 100


@each_message
def test_messages_are_one_line_in_lower_case_without_a_full_stop(one: Message) -> None:
    for text in filter(None, (one.message, one.hint)):
        assert "\n" not in text
        assert not text.endswith((".", "!")) or text.endswith("...")
        assert text[0] in "`{-" or not text[0].isupper() or text.startswith("FLUXCLI")


@pytest.mark.parametrize("one", [one for one in messages() if one.hint], ids=lambda one: one.place)
def test_hints_are_command_lines_that_the_parser_accepts(one: Message) -> None:
    # `World.run` checks each hint that a test prints, too, with all that is filled in.
    if not re.search(r"fluxcli (config )?\{", one.hint):
        assert unusable(one.hint) is None


def test_a_wrong_command_in_a_hint_is_found() -> None:
    assert unusable("fluxcli statsu") == "fluxcli statsu: No such command 'statsu'."
    assert unusable("run `fluxcli generate --nope x` again")
    assert unusable("--nope 3") == "no command has the flag --nope"


@each_message
def test_messages_use_plain_words(one: Message) -> None:
    texts = re.sub(r"`[^`]*`|\{[^}]*\}|\S*\.jpg", "", f"{one.message} {one.hint}")
    assert _PERSONIFIED.findall(texts) == []


@pytest.mark.parametrize("command", list(program().all()), ids=lambda one: one.path)
def test_help_uses_plain_words(command: object) -> None:
    flags = [flag.help for flag in getattr(command, "flags", ())]
    arguments = [one.help for one in getattr(command, "arguments", ())]
    texts = [getattr(command, "help", ""), *getattr(command, "text", ()), *flags, *arguments]
    assert [_PERSONIFIED.findall(text) for text in texts if _PERSONIFIED.search(text)] == []


SOURCES: Final = sorted([*(ROOT / "fluxcli").rglob("*.py"), *(ROOT / "tests").rglob("*.py")])
_NOT_IN_SOURCE: Final = re.compile(
    r"\b(tells|told|teller|telling|mouth|whoever|whatever|somebody|let go|bless|at rest|wish|owed"
    r"|stray|mishaps?|fate|kennel|verdict|seldom|amid|anew|thereof|hence|as it stands)\b"
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_docstrings_comments_and_names_use_plain_words(path: Path) -> None:
    text = path.read_text("utf-8").replace("_", " ")
    assert _NOT_IN_SOURCE.findall(text) == [] or path == Path(__file__)
