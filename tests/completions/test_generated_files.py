"""What is generated is what is committed."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from fluxcli.completion.__main__ import ROOT, made, stale
from fluxcli.completion.__main__ import main as generate
from fluxcli.completion.program import program

if TYPE_CHECKING:
    from pathlib import Path

_COMMANDS = list(program().all())


def test_the_committed_files_are_up_to_date() -> None:
    """After a change of a flag or a help text: `python -m fluxcli.completion`."""
    assert stale(ROOT) == []
    assert generate(["--check"]) == 0


def test_a_file_that_differs_or_is_left_over_is_found(tmp_path: Path) -> None:
    for path in made():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    assert stale(tmp_path) == []
    with (tmp_path / "completions/_fluxcli").open("ab") as file:
        file.write(b"\n")
    (tmp_path / "completions/fluxcli.fish").unlink()
    (tmp_path / "completions/man1/fluxcli-old.1").touch()
    assert stale(tmp_path) == [
        "completions/_fluxcli",
        "completions/fluxcli.fish",
        "completions/man1/fluxcli-old.1",
    ]


def test_an_unknown_argument_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(["--chek"]) == 2
    assert capsys.readouterr().err.startswith("usage: ")


@pytest.mark.parametrize("path", made())
def test_generated_files_are_ascii_without_control_characters(path: str) -> None:
    text = (ROOT / path).read_text(encoding="ascii")
    assert not set(map(chr, range(32))) - {"\n", "\t"} & set(text)


def test_the_script_for_powershell_knows_every_flag() -> None:
    """There is no PowerShell where this is tested: its tables are read instead."""
    script = (ROOT / "completions/fluxcli.ps1").read_text(encoding="utf-8")
    table = re.findall(
        r"@\{ Names = @\((.*?)\)(; Takes = @\(.*?\))?(?:; In = @\((.*?)\))?\n", script
    )
    found = {(names, words): takes for names, takes, words in table}
    for command in _COMMANDS:
        for flag in command.flags:
            names = ", ".join(f"'{name}'" for name in flag.names)
            (takes,) = (
                takes
                for (known, words), takes in found.items()
                if known == names and (not words or f"'{command.words}'" in words)
            )
            assert bool(takes) == bool(flag.value)
            assert all(f"'{word}'" in takes for word in (flag.value.words if flag.value else ()))


def test_the_script_for_powershell_is_well_formed() -> None:
    """Outside of its texts and comments, all brackets are closed in order."""
    script = (ROOT / "completions/fluxcli.ps1").read_text(encoding="utf-8")
    bare = re.sub(
        r"'(?:[^']|'')*'|\"(?:\$\(.*?\)\)?|[^\"])*\"|^ *#.*$", "", script, flags=re.MULTILINE
    )
    open_brackets: list[str] = []
    for sign in re.findall(r"[(){}\[\]]", bare):
        if sign in "({[":
            open_brackets.append(sign)
        else:
            assert open_brackets.pop() + sign in {"()", "{}", "[]"}
    assert not open_brackets
    assert "'" not in bare
    assert '"' not in bare
