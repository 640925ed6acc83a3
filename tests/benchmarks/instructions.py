"""Start-up in instructions rather than time: a gate that a busy machine cannot shake.

Usage: python -m tests.benchmarks.instructions, in an environment that has the program. Counts
what valgrind's callgrind sees of each command and of bare Python, and fails if a ratio is out
of its order of magnitude: when something heavy is imported that was not before.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from typing import Final

from tests.completions.shells import LISTS_TASKS

_START: Final = "import sys; sys.argv[0] = 'fluxcli'; from fluxcli.__main__ import run; run()"
_GATES: Final[dict[str, float]] = {
    "--version": 1.25,
    "--help": 1.25,
    "generate --help": 1.25,
    "generat": 9.5,
    "config list": 10.5,
    "status --offline": 10.5,
    LISTS_TASKS: 7.0,
}
"""Commands, a mistyped and a completion script's one among them, and how many times bare
Python's instructions each may take."""

_MISTYPED: Final = 2


def main() -> None:
    """Count all, tell what was counted, and end with 1 if a gate is passed."""
    with tempfile.TemporaryDirectory(prefix="fluxcli-instructions-") as home:
        bare = _counted(home, "pass")
        ratios = {words: _counted(home, _START, *words.split()) / bare for words in _GATES}
    for words, found in ratios.items():
        sys.stdout.write(f"{words}: {found:.2f} x bare Python, of {_GATES[words]:g} allowed\n")
    sys.exit(any(found > _GATES[words] for words, found in ratios.items()))


def _counted(home: str, code: str, *words: str) -> int:
    """Return how many instructions Python takes for `code`, its imports compiled before."""
    env = {"PATH": os.environ["PATH"], "HOME": home, "FLUXCLI_STATE_DIR": home, "COLUMNS": "80"}
    python = [sys.executable, "-c", code, *words]
    status = subprocess.run(python, env=env, capture_output=True, check=False).returncode
    if status not in {0, _MISTYPED}:
        raise RuntimeError(f"{' '.join(words)} ended with {status}")
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    said = subprocess.run([*tool, *python], env=env, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", said.stderr)
    if found is None:
        raise RuntimeError(said.stderr)
    return int(found[1])


if __name__ == "__main__":
    main()
