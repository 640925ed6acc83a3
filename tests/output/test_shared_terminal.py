"""A terminal that other programs write to as well: readers of a pipe, and other runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pyte
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
HIDE = "\x1b[?25l"
MAKE = f"{sys.executable} -m fluxcli generate --sandbox"


@pytest.fixture
def shown(tmp_path: Path) -> Callable[[str], tuple[str, list[str]]]:
    """Runs a shell command on a terminal; returns what it wrote and the screen at the end."""

    def run(command: str) -> tuple[str, list[str]]:
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "PYTHONUTF8"}}
        kept |= {"HOME": str(tmp_path), "FLUXCLI_STATE_DIR": str(tmp_path / "state")}
        kept |= {"FLUXCLI_SANDBOX_SECONDS": "0.6", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        child = pexpect.spawn(
            "sh",
            ["-c", command],
            env=kept | {"TERM": "xterm-256color", "PYTHONUTF8": "1"},
            cwd=tmp_path,
            dimensions=(40, 100),
            encoding="utf-8",
            timeout=30,
        )
        try:
            child.expect(pexpect.EOF)
            sent = child.before
        finally:
            child.close(force=True)
        screen = pyte.Screen(100, 40)
        pyte.Stream(screen).feed(sent)
        return sent, [line.rstrip() for line in screen.display if line.strip()]

    return run


def test_a_path_that_the_reader_of_a_pipe_prints_has_a_line_of_its_own(
    shown: Callable[[str], tuple[str, list[str]]], tmp_path: Path
) -> None:
    sent, lines = shown(f"{MAKE} fox -n 3 -o fox.png | cat")
    assert HIDE in sent
    paths = {str(tmp_path / f"fox-{number}.png") for number in (1, 2, 3)}
    assert paths <= set(lines)
    assert not any("generating" in line or "downloading" in line for line in lines)


def test_runs_without_input_print_lines_only(
    shown: Callable[[str], tuple[str, list[str]]], tmp_path: Path
) -> None:
    sent, lines = shown(f"printf '%s\\n' fox cat dog | xargs -P 3 -I@ {MAKE} -p @ -o @.png")
    assert HIDE not in sent
    assert {str(tmp_path / f"{name}.png") for name in ("fox", "cat", "dog")} <= set(lines)


def test_a_run_in_the_background_prints_lines_only(
    shown: Callable[[str], tuple[str, list[str]]], tmp_path: Path
) -> None:
    sent, lines = shown(f"set -m; {MAKE} fox -o fox.png & wait")
    assert HIDE not in sent
    assert str(tmp_path / "fox.png") in lines


def test_of_two_runs_one_draws(shown: Callable[[str], tuple[str, list[str]]]) -> None:
    """Both are in the foreground, and read the terminal."""
    both = "; ".join(f"{MAKE} {name} -o {name}.png < /dev/tty &" for name in ("fox", "cat"))
    sent, _ = shown(both.replace("&;", "&") + " wait")
    assert sent.count("\x1b[?25h") <= sent.count(HIDE) + 1
    assert "submitting\r\n" in sent
    assert HIDE in sent
