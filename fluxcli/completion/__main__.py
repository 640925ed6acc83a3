"""Make what is generated from the program's own parser: `python -m fluxcli.completion [--check]`.

With `--check` nothing is written; a file that differs is named, and the status is 1.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from fluxcli.completion import bash, documents, fish, help_pages, man_pages, powershell, zsh
from fluxcli.completion.program import program

ROOT: Final = Path(__file__).parents[2]


def made() -> dict[str, str]:
    """Return the text of every generated file by its path in the repository."""
    root = program()
    return {
        "completions/fluxcli.bash": bash.script(root),
        "completions/_fluxcli": zsh.script(root),
        "completions/fluxcli.fish": fish.script(root),
        "completions/fluxcli.ps1": powershell.script(root),
        "fluxcli/fast_help.txt": help_pages.text(root),
        "fluxcli/help.json": documents.text(root),
        **{f"completions/man1/{name}": text for name, text in man_pages.pages(root).items()},
    }


def stale(root: Path) -> list[str]:
    """Return the paths below `root` whose files are out of date, or have no generator."""
    files = made()
    pages = (root / "completions/man1").glob("*")
    left_over = [f"completions/man1/{path.name}" for path in pages]
    changed = [path for path, text in files.items() if _bytes(root / path) != text.encode()]
    return changed + sorted(path for path in left_over if path not in files)


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def main(arguments: list[str]) -> int:
    """Write the files, or check them; return the exit status."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m fluxcli.completion [--check]\n")
        return 2
    if not (ROOT / "pyproject.toml").exists():
        sys.stderr.write("error: the files are generated in a checkout of the source\n")
        return 2
    changed = stale(ROOT)
    if arguments and changed:
        sys.stderr.write(f"out of date: {' '.join(changed)}\nhint: python -m fluxcli.completion\n")
        return 1
    if not arguments:
        _write(made(), changed)
    return 0


def _write(files: dict[str, str], changed: list[str]) -> None:
    for path in changed:
        file = ROOT / path
        if path in files:
            file.parent.mkdir(exist_ok=True)
            file.write_text(files[path], encoding="utf-8", newline="\n")
        else:
            file.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
