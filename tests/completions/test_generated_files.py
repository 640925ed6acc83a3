"""What is generated is what is committed, and says what the program says."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from fluxcli.cli import main
from fluxcli.fast_help import page
from tests.completions.__main__ import ROOT, made, stale
from tests.completions.__main__ import main as generate
from tests.completions.words import program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.worlds import World

_COMMANDS = list(program().all())


def test_the_committed_files_are_up_to_date() -> None:
    """Whoever changes a flag runs `python -m tests.completions`."""
    assert stale(ROOT) == []
    assert generate(["--check"]) == 0


def test_a_file_that_differs_in_one_byte_is_found(tmp_path: Path) -> None:
    for path in made():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    assert stale(tmp_path) == []
    with (tmp_path / "completions/_fluxcli").open("ab") as file:
        file.write(b"\n")
    (tmp_path / "completions/fluxcli.fish").unlink()
    assert stale(tmp_path) == ["completions/_fluxcli", "completions/fluxcli.fish"]


def test_an_unknown_argument_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(["--chek"]) == 2
    assert capsys.readouterr().err.startswith("usage: ")


@pytest.mark.parametrize("command", _COMMANDS, ids=lambda one: one.words or "fluxcli")
@pytest.mark.parametrize("columns", ["80", "200"])
def test_the_pages_are_what_the_program_would_show(
    command: object,
    columns: str,
    world: World,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = getattr(command, "words", "")
    monkeypatch.setenv("COLUMNS", columns)
    assert main([*words.split(), "--help"], world.context()) == 0
    assert capsys.readouterr().out == page(words).decode()


def test_the_pages_are_plain() -> None:
    """They are written as they are, whatever the terminal's character set."""
    pages = [page(command.words) for command in _COMMANDS]
    assert all(one.isascii() and one.startswith(b"Usage: ") for one in pages)
    assert len(set(pages)) == len(pages)


@pytest.mark.parametrize("words", ["generat", "generate\nUsage", "=== fluxcli", "\udcff"])
def test_there_is_no_page_for_what_is_no_command(words: str) -> None:
    assert page(words) == b""


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
    assert script.isascii()
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
