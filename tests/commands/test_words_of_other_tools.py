"""Words and flags of other tools: each gets an answer that names what exists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from fluxcli.commands import COMMANDS, TOPICS
from fluxcli.commands.other_words import (
    COMMANDS_MEANT,
    COMPLETION,
    EDIT,
    FLAGS_MEANT,
    RATIO_FLAGS,
    WITHIN_GROUPS,
)
from fluxcli.completion.program import program

if TYPE_CHECKING:
    from tests.worlds import World

_ALL: Final = list(program().all())
_PATHS: Final = {one.path for one in _ALL}
_FLAGS: Final = {name for one in _ALL for flag in one.flags for name in flag.names}


@pytest.mark.parametrize("answer", sorted({*COMMANDS_MEANT.values(), *FLAGS_MEANT.values()}))
def test_answers_name_what_exists(answer: str) -> None:
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", answer)) <= {*_FLAGS, "--upgrade"}
    for line in re.findall(r"fluxcli [a-z]+(?: [a-z-]+)?", answer):
        words = line.split()
        assert " ".join(words[:2]) in _PATHS
        if words[1] in {"config", "assets", "callback"}:
            assert line in _PATHS
        if words[1] == "help" and len(words) > 2:
            assert words[2] in TOPICS


def test_no_word_is_a_command_of_fluxcli() -> None:
    assert not {*COMMANDS_MEANT, *COMPLETION} & set(COMMANDS)
    (generate,) = (one for one in _ALL if one.words == "generate")
    assert not set(FLAGS_MEANT) & {name for flag in generate.flags for name in flag.names}


@pytest.mark.parametrize("word", sorted(COMMANDS_MEANT))
def test_each_word_gets_its_answer(world: World, word: str) -> None:
    ran = world.run(word)
    assert (ran.status, ran.out) == (2, b"")
    assert ran.err.splitlines() == [
        f"error: no such command `{word}`",
        f"hint: {COMMANDS_MEANT[word]}",
    ]


_WITHIN: Final = [
    (group, word, meant) for group, words in WITHIN_GROUPS.items() for word, meant in words.items()
]


@pytest.mark.parametrize(("group", "word", "meant"), _WITHIN)
def test_each_word_within_a_group_gets_its_answer(
    world: World, group: str, word: str, meant: str
) -> None:
    assert f"{group} {word}" not in {path.removeprefix("fluxcli ") for path in _PATHS}
    assert meant.removesuffix(" NAME VALUE").removesuffix(" NAME").removesuffix(" --plan") in {
        *_PATHS,
        "fluxcli config set api_key",
    }
    ran = world.run(group, word)
    assert (ran.status, ran.out) == (2, b"")
    assert ran.err.splitlines() == [f"error: no such command `{word}`", f"hint: {meant}"]


@pytest.mark.parametrize("flag", sorted(FLAGS_MEANT))
def test_each_flag_gets_its_answer(world: World, flag: str) -> None:
    ran = world.run("generate", "a cat", f"{flag}=x")
    assert (ran.status, ran.out) == (2, b"")
    error, hint = ran.err.splitlines()
    assert error == f"error: no such flag `{flag}`"
    meant = FLAGS_MEANT[flag]
    command = 'fluxcli generate "a cat" '
    folder = "x/" if meant.endswith("/") else "x"
    kept = f"{meant.split()[0]} {folder}" if meant.split()[-1].isupper() else meant
    is_flag = meant.startswith("--") and not meant.endswith(" N") and flag not in RATIO_FLAGS
    if meant == EDIT:
        assert hint == 'hint: fluxcli edit x "a cat"'
    else:
        assert hint == (f"hint: {command}{kept}" if is_flag else f"hint: {meant}")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--size 1024x768", "--aspect-ratio 4:3"),
        ("--size=1024", "--aspect-ratio 1:1"),
        ("--width 800 --height 1400", "--aspect-ratio 9:16"),
        ("--RATIO 16/9", "--aspect-ratio 16:9"),
        ("--ar 2.39:1", ""),
        ("--size", ""),
        ("--size 0x0", ""),
        ("--out y.png --overwrite", "--output y.png --force"),
        ("--out y.png --seed 3", ""),
        ("--dir out/", "--output out/"),
        ("--n 3 --", "--count 3 --"),
        ("--n three", ""),
        ("--n", ""),
    ],
)
def test_the_value_of_another_tools_flag_is_kept(world: World, typed: str, meant: str) -> None:
    ran = world.run("generate", "a cat", *typed.split())
    _, hint = ran.err.splitlines()
    if meant:
        assert hint.partition("  (")[0] == f'hint: fluxcli generate "a cat" {meant}'
    else:
        assert "fluxcli generate" not in hint
