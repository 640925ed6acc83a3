"""The tool that makes the mutants, in an environment of its own: it brings a terminal's toolkit.

The environment is kept in a cache folder, `FLUXCLI_MUTANTS` or the platform's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["code", "texts"]

TOOL: Final = "mutmut==3.8.1"
"""Pinned: the functions that are used of it are its own, and promised to no one."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A file of the program with one change: its name in the repository, and its text."""

    name: str
    text: str


def mutants(
    root: Path, names: Sequence[str], *, kind: Kind, sample: int, seed: int
) -> list[Mutant]:
    """Make mutants of the files below `root`: all, or `sample` of them, chosen by `seed`.

    The kind `texts` changes what people read, `code` everything else.
    """
    script = str(Path(__file__).with_name("making.py"))
    said = _run(_python(), script, kind, str(seed), str(sample), *names, folder=root)
    # Two rules may make the same change.
    return list(dict.fromkeys(Mutant(**json.loads(line)) for line in said.splitlines()))


def _python() -> str:
    named = os.environ.get("FLUXCLI_MUTANTS")
    cache = Path(named) if named else user_cache_path("fluxcli-mutants", appauthor=False)
    place = cache / TOOL
    python = place / "bin" / "python"
    if not (place / "installed").exists():
        _run(sys.executable, "-m", "venv", "--clear", str(place), folder=Path())
        _run(str(python), "-m", "pip", "install", "-q", TOOL, folder=Path())
        (place / "installed").touch()
    return str(python)


def _run(*words: str, folder: Path) -> str:
    said = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if said.returncode:
        raise RuntimeError(f"{' '.join(words)}: {said.stderr.strip()}")
    return said.stdout
