"""Commands to paste, for POSIX shells and for PowerShell."""

from __future__ import annotations

import subprocess

import pytest

from fluxcli.system import shell_syntax as shell

WORDS = [
    "plain",
    "a fox",
    "",
    "it's",
    'a "quoted" word',
    "$HOME and `id`",
    "a\\b",
    "!history",
    "--flag=value",
    "C:\\Users\\a b\\x.png",
    "50%",
    "*?[a]",
    "naïve ✓",
]


@pytest.mark.parametrize("word", WORDS)
def test_a_posix_shell_reads_the_word_back(word: str) -> None:
    line = f"printf %s {shell.quote(word, posix=True)}"
    ran = subprocess.run(["sh", "-c", line], capture_output=True, timeout=30, check=True)
    assert ran.stdout.decode() == word


@pytest.mark.parametrize("word", WORDS)
def test_a_posix_variable_holds_the_word(word: str) -> None:
    line = f"{shell.set_variable('WORD', word, posix=True)}; sh -c 'printf %s \"$WORD\"'"
    ran = subprocess.run(["sh", "-c", line], capture_output=True, timeout=30, check=True)
    assert ran.stdout.decode() == word


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plain", "plain"),
        ("C:\\Users\\x.png", "C:\\Users\\x.png"),
        ("a fox", '"a fox"'),
        ("it's a fox", '"it\'s a fox"'),
        ("$env:PATH", "'$env:PATH'"),
        ('a "fox"', "'a \"fox\"'"),
        ("$it's", "'$it''s'"),
        ("C:\\a b\\", "'C:\\a b\\'"),
        ("@last", '"@last"'),
        ("", "''"),
    ],
)
def test_a_word_for_powershell(word: str, expected: str) -> None:
    """In double quotes where cmd can read them too, and nothing is expanded."""
    assert shell.quote(word, posix=False) == expected


def test_variables_in_powershell() -> None:
    assert shell.set_variable("EDITOR", "it's", posix=False) == "$env:EDITOR = 'it''s'"
    assert shell.unset_variable("EDITOR", posix=False) == "Remove-Item Env:EDITOR"
    assert shell.below_working_folder("A", "b", posix=False) == '$env:A = "$PWD\\b"'


def test_variables_in_a_posix_shell() -> None:
    assert shell.unset_variable("EDITOR", posix=True) == "unset EDITOR"
    assert shell.below_working_folder("A", "b", posix=True) == 'export A="$PWD/b"'


def test_words_are_one_line() -> None:
    assert shell.join(["fluxcli", "edit", "a b.png"], posix=False) == 'fluxcli edit "a b.png"'
