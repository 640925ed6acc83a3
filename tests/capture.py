"""The display as an SVG for the README: `python -m tests.capture` writes .github/fluxcli.svg.

Real commands run against the stand-in service on a pseudo-terminal; what they leave on the
screen is drawn with its colours.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

import pexpect
import pyte
from rich.console import Console
from rich.text import Text

COLUMNS, LINES = 92, 40
TARGET = Path(__file__).parents[1] / ".github" / "fluxcli.svg"
COMMANDS = (
    ("generate", "a fox in the snow, flat vector", "-n", "3", "-o", "fox.png"),
    ("edit", "@last", "make it night", "-o", "night.png"),
    ("generate", "a [fails] fox", "-o", "fails.png"),
    ("status",),
    ("credits", "--since", "30d"),
)
COLORS = {"brown": "yellow"}


def screen_of(folder: Path, words: tuple[str, ...]) -> list[Text]:
    """Run one command line in `folder`; return what it leaves on a terminal."""
    kept = {name: text for name, text in os.environ.items() if name not in {"CI", "NO_COLOR"}}
    env = kept | {
        "TERM": "xterm-256color",
        "PYTHONUTF8": "1",
        "PYTHONPATH": str(TARGET.parents[1]),
        "FLUXCLI_SANDBOX": "1",
        "FLUXCLI_STATE_DIR": str(folder / "state"),
        "FLUXCLI_CONFIG": str(folder / "config.toml"),
    }
    child = pexpect.spawn(
        sys.executable,
        ["-m", "fluxcli", *words],
        cwd=str(folder),
        env=env,
        dimensions=(LINES, COLUMNS),
        encoding="utf-8",
        timeout=60,
    )
    child.expect(pexpect.EOF)
    screen = pyte.Screen(COLUMNS, LINES)
    pyte.Stream(screen).feed(child.before.replace(f"{folder}/", ""))
    lines = [_line(screen, number) for number in range(LINES)]
    while lines and not lines[-1].plain:
        lines.pop()
    return lines


def _line(screen: pyte.Screen, number: int) -> Text:
    text = Text()
    for column in range(COLUMNS):
        cell = screen.buffer[number][column]
        color = "" if cell.fg == "default" else COLORS.get(cell.fg, cell.fg)
        text.append(cell.data, f"{'bold ' if cell.bold else ''}{color}".strip())
    text.rstrip()
    return text


def main() -> None:
    """Run the commands and write the SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as name:
        for words in COMMANDS:
            shown = " ".join(f'"{word}"' if " " in word else word for word in words)
            console.print(Text(f"$ fluxcli {shown}", "bold"))
            for line in screen_of(Path(name), words):
                console.print(line, soft_wrap=True)
            console.print()
    TARGET.parent.mkdir(exist_ok=True)
    console.save_svg(str(TARGET), title="fluxcli")


if __name__ == "__main__":
    main()
