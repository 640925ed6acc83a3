"""Make what is generated from the program's words: `python -m tests.completions [--check]`.

With `--check` nothing is written; a file that differs is named, and the status is 1.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from tests.completions import bash, fish, pages, powershell, zsh
from tests.completions.words import program

ROOT: Final = Path(__file__).parents[2]


def made() -> dict[str, str]:
    """Return every generated file by its path in the repository."""
    root = program()
    return {
        "completions/fluxcli.bash": bash.script(root),
        "completions/_fluxcli": zsh.script(root),
        "completions/fluxcli.fish": fish.script(root),
        "completions/fluxcli.ps1": powershell.script(root),
        "fluxcli/fast_help.txt": pages.text(root),
    }


def stale(root: Path) -> list[str]:
    """Return the paths below `root` whose files are not what would be made."""
    return [path for path, text in made().items() if _bytes(root / path) != text.encode()]


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def main(arguments: list[str]) -> int:
    """Write the files, or check them; return the exit status."""
    changed = stale(ROOT)
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m tests.completions [--check]\n")
        return 2
    if arguments and changed:
        sys.stderr.write(f"out of date: {' '.join(changed)}\nhint: python -m tests.completions\n")
        return 1
    if not arguments:
        for path, text in made().items():
            (ROOT / path).parent.mkdir(exist_ok=True)
            (ROOT / path).write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
