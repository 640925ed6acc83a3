"""Previews on pseudo-terminals that answer a query as real ones do: at once, late, never, badly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pexpect
import pyte
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
QUERY = b"\x1b[>q\x1b[c"

PREVIEW = """
import os, sys, time
from pathlib import Path
from fluxcli.clock import SystemClock
from fluxcli.output.output import Output

output = Output(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr, env=os.environ,
                clock=SystemClock())
if "typed" in sys.argv:
    print("type now", flush=True)
    time.sleep(0.3)
began = time.monotonic()
for path in sys.argv[1].split(":"):
    output.preview(Path(path))
print("took", "long" if time.monotonic() - began > 2.6 else "a moment")
"""
# The shell shows what is left of the input, and whether the terminal echoes again.
SHELL = """
%s "$@" %s
stty -a | grep -qw -- -echo && echo "no echo"
stty -a | grep -qw -- -icanon && echo "no lines"
stty -icanon; IFS= read -r -s -n 99 -t 0.2 left; echo "left: <$left>"
"""


class Shown(NamedTuple):
    """What a terminal was sent, what it shows, and whether it was asked."""

    sent: bytes
    lines: list[str]
    asked: int


def ends(shown: Shown, left: str = "") -> bool:
    """Whether the screen ends as it should, with all of the terminal's answer read."""
    return shown.lines[-2:] == ["took a moment", f"left: <{left}>"]


def show(
    images: Sequence[Path],
    *,
    env: dict[str, str] | None = None,
    answer: Sequence[bytes | float] = (),
    typed: bytes = b"",
    around: tuple[str, str] = ("", ""),
) -> Shown:
    """Preview `images` on a terminal that sends `answer`, with pauses in it, to a query."""
    arguments = [":".join(map(str, images)), *(["typed"] if typed else [])]
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG", "PYTHONUTF8"}}
    child = pexpect.spawn(
        "bash",
        ["-c", SHELL % around, "-", sys.executable, "-c", PREVIEW, *arguments],
        env=kept | {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT)} | (env or {}),
        dimensions=(24, 80),
        timeout=20,
    )
    sent, typing = b"", list([typed] if typed else [])
    todo: list[bytes | float] = []
    asked, due = 0, 0.0
    try:
        while True:
            try:
                sent += child.read_nonblocking(65536, 0.02)
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                break
            if typing and b"type now" in sent:
                child.send(typing.pop())
            if sent.count(QUERY) > asked:
                asked, todo = sent.count(QUERY), list(answer)
            while todo and time.monotonic() >= due:
                match todo.pop(0):
                    case bytes() as piece:
                        child.send(piece)
                    case pause:
                        due = time.monotonic() + pause
    finally:
        child.close(force=True)
    screen = pyte.Screen(80, 24)
    pyte.ByteStream(screen).feed(sent)
    lines = [line.rstrip() for line in screen.display if line.strip()]
    return Shown(sent, lines, asked)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "p.png"
    Image.effect_noise((64, 32), 90).convert("RGB").save(path)
    return path


DA1 = b"\x1b[?62;22c"
DA1_SIXEL = b"\x1b[?62;4;22c"


@pytest.mark.parametrize(
    ("env", "answer", "start"),
    [
        ({}, [DA1_SIXEL], b"\x1bPq"),
        ({}, [b"\x1bP>|XTerm(390)\x1b\\", DA1], b"\x1b[38;5;"),
        ({"COLORTERM": "truecolor"}, [b"\x1bP>|VTE(7600)\x1b\\" + DA1], b"\x1b[38;2;"),
        ({}, [b"\x1bP>|kitty(0.36.1)\x1b\\\x1b[?62;c"], b"\x1b_Ga=T"),
        ({}, [b"\x1bP>|WezTerm 20240203\x1b\\", DA1_SIXEL], b"\x1b]1337;File="),
        ({"TERM_PROGRAM": "vscode"}, [DA1_SIXEL], b"\x1b]1337;File="),
        ({"TERM_PROGRAM": "vscode"}, [b"\x1b[?1;2c"], b"\x1b[38;2;"),
        ({"TMUX": "x"}, [b"\x1bP>|tmux 3.4\x1b\\\x1b[?1;2;4c"], b"\x1bPq"),
    ],
)
def test_the_way_is_that_of_the_answer(
    image: Path, env: dict[str, str], answer: list[bytes], start: bytes
) -> None:
    shown = show([image, image], env=env, answer=answer)
    assert start in shown.sent
    assert shown.asked == 1
    assert ends(shown)


@pytest.mark.parametrize(
    "answer",
    [
        [0.7, DA1_SIXEL],
        [*(DA1_SIXEL[at : at + 1] for at in range(len(DA1_SIXEL)))],
        [b"\x1bP>|", 0.2, b"foot(1.16)\x1b", 0.2, b"\\\x1b[?6", 0.2, b"2;4c"],
        [b"\x1b]11;rgb:00/00/00\x07\xff\xfe" + DA1_SIXEL],
    ],
)
def test_a_late_answer_in_pieces_is_waited_for(image: Path, answer: list[bytes | float]) -> None:
    shown = show([image], answer=answer)
    assert b"\x1bPq" in shown.sent
    assert ends(shown)


@pytest.mark.parametrize(
    "answer", [[], [b"\x1b[?62;4"], [b"garbage\r\n"], [b"y" * 3000, 0.1, b"y" * 3000]]
)
def test_without_an_answer_half_blocks_are_drawn_after_two_seconds(
    image: Path, answer: list[bytes | float]
) -> None:
    """What came is no answer, and no command for the shell either."""
    shown = show([image, image], answer=answer)
    assert shown.asked == 1
    assert b"\x1b[38;5;" in shown.sent
    assert ends(shown)
    assert "garbage" not in "".join(shown.lines)


def test_what_was_typed_ahead_is_kept_for_the_shell(image: Path) -> None:
    shown = show([image], answer=[DA1_SIXEL], typed=b"ls -l")
    assert shown.asked == 0
    assert b"\x1b[38;5;" in shown.sent
    assert ends(shown, left="ls -l")


def test_a_process_in_the_background_asks_nothing(image: Path) -> None:
    """It would be stopped for changing the modes of the terminal."""
    shown = show([image], answer=[DA1_SIXEL], around=("set -m;", "& wait"))
    assert shown.asked == 0
    assert {"took a moment", "left: <>"} <= set(shown.lines)


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": "linux"}, {"STY": "1.pts"}])
def test_a_terminal_that_would_show_the_query_is_not_asked(
    image: Path, env: dict[str, str]
) -> None:
    shown = show([image], env=env, answer=[DA1_SIXEL])
    assert shown.asked == 0
    assert ends(shown)
    assert b"\x1bPq" not in shown.sent


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_in_tmux_nothing_but_the_image_is_seen(image: Path, tmp_path: Path) -> None:
    """Tmux answers for itself, not for the terminal it runs in."""
    script = tmp_path / "run"
    script.write_text(f"{sys.executable} -c '{PREVIEW}' {image}; echo $?ok; sleep 20\n")
    tmux = ["tmux", "-S", str(tmp_path / "socket"), "-f", os.devnull]
    env = os.environ | {"PYTHONPATH": str(ROOT), "KITTY_WINDOW_ID": "1", "PYTHONUTF8": "1"}
    env |= {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
    start = [*tmux, "new-session", "-d", "-x", "80", "-y", "24", f"sh {script}"]
    subprocess.run(start, check=True, env=env, timeout=10)
    try:
        deadline = time.monotonic() + 15
        text = ""
        while "0ok" not in text and time.monotonic() < deadline:
            done = subprocess.run(
                [*tmux, "capture-pane", "-p"], check=True, capture_output=True, text=True, env=env
            )
            text = done.stdout
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, env=env, timeout=10)
    lines = [line for line in text.splitlines() if line.strip()]
    assert lines[-2:] == ["took a moment", "0ok"]
    assert set("".join(lines[:-2])) == {"▀"}
