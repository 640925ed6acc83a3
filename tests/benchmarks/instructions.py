"""Count instructions instead of time: a gate that a busy machine does not disturb.

`python -m tests.benchmarks.instructions [--record]`, in an environment that has the program.
Counts what valgrind's callgrind sees of common commands, each divided by a floor that is
counted in the same run: bare Python, or the imports that the command cannot do without. It
fails if a ratio is more than 3 % away from the one in `instructions.json`, in either direction.
`--record` writes the ratios of this Python there, for a change that is meant.

Where the floors themselves do not compare as they did when the ratios were recorded (another
build of Python, other versions of the packages), 3 % would prove nothing: then 15 % is allowed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.completions.shells import LISTS_TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORDED: Final = Path(__file__).with_suffix(".json")
CLOSE: Final = 0.03
LOOSE: Final = 0.15

_START: Final = "import sys; sys.argv[0] = 'fluxcli'; from fluxcli.__main__ import run; run()"
BARE, TYPER, HTTPX = "pass", "import typer", "import typer, httpx"
_ASSETS: Final = 100


@dataclass(frozen=True, slots=True)
class Counted:
    """A command whose instructions are counted, the floor of it, and its exit status."""

    words: tuple[str, ...]
    floor: str
    status: int = 0


COMMANDS: Final[dict[str, Counted]] = {
    "--version": Counted(("--version",), BARE),
    "--help": Counted(("--help",), BARE),
    "generate --help": Counted(("generate", "--help"), BARE),
    "help exit-codes": Counted(("help", "exit-codes"), BARE),
    "completion bash": Counted(("completion", "bash"), BARE),
    "TAB on task ids": Counted(tuple(LISTS_TASKS.split()), BARE),
    "a mistyped command": Counted(("generat",), TYPER, status=2),
    "config list": Counted(("config", "list"), TYPER),
    "status --offline": Counted(("status", "--offline"), TYPER),
    "build --check, 100 assets": Counted(("build", "--check", "--sandbox"), TYPER, status=10),
    "generate --dry-run": Counted(("generate", "a cat", "--dry-run"), HTTPX),
    "generate --sandbox": Counted(("generate", "a cat", "--sandbox", "--new", "-fo", "x"), HTTPX),
}


def main() -> int:
    """Count, compare or record, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.instructions")
    parser.add_argument("--record", action="store_true", help="keep what is counted now")
    given = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.stdout.write("skipped: valgrind is missing\n")
        return 0
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    found = ratios()
    if given.record:
        recorded[version] = {name: round(value, 4) for name, value in found.items()}
        RECORDED.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n")
        return 0
    if version not in recorded:
        sys.stdout.write(f"skipped: nothing is recorded for Python {version}; see --record\n")
        return 0
    lines, good = compared(found, recorded[version])
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0 if good else 1


def compared(found: Mapping[str, float], recorded: Mapping[str, float]) -> tuple[list[str], bool]:
    """Return a line for each ratio, and whether all of them are as recorded."""
    floors = [floor for floor in (TYPER, HTTPX) if floor in recorded]
    same = all(_off(found[floor], recorded[floor]) <= CLOSE for floor in floors)
    allowed = CLOSE if same else LOOSE
    lines, good = [], True
    for name in COMMANDS:
        value, before = found[name], recorded.get(name)
        if before is None:
            lines.append(f"{name}: {value:.3f}, nothing is recorded: run with --record")
            good = False
            continue
        off = _off(value, before)
        mark = "ok" if off <= allowed else "MORE" if value > before else "LESS: run with --record"
        good &= off <= allowed
        floor = COMMANDS[name].floor
        lines.append(f"{name}: {value:.3f} x `{floor}`, recorded {before:.3f}, {mark}")
    if not same:
        lines.append(f"this Python or its packages count differently: {LOOSE:.0%} are allowed")
    return lines, good


def _off(value: float, recorded: float) -> float:
    return abs(value / recorded - 1)


def ratios() -> dict[str, float]:
    """Return how many times the instructions of its floor each command takes; the floors' too."""
    with tempfile.TemporaryDirectory(prefix="fluxcli-instructions-") as name:
        home = Path(name) / "home"
        home.mkdir()
        (home / "assets.toml").write_text(
            "version = 1\n"
            + "".join(f"[assets.a{n}]\nprompt = 'image {n}'\n" for n in range(_ASSETS))
        )
        _run(home, "-c", _START, *COMMANDS["generate --sandbox"].words)
        with ThreadPoolExecutor(2) as pool:
            floors = {floor: pool.submit(_counted, home, floor) for floor in (BARE, TYPER, HTTPX)}
            counts = {
                key: pool.submit(_counted, home, _START, *one.words, status=one.status)
                for key, one in COMMANDS.items()
            }
        bare = floors[BARE].result()
        found = {floor: floors[floor].result() / bare for floor in (TYPER, HTTPX)}
        return found | {
            key: counts[key].result() / floors[one.floor].result() for key, one in COMMANDS.items()
        }


def _counted(home: Path, code: str, *words: str, status: int = 0) -> int:
    """Return how many instructions Python takes for `code`, its imports compiled before."""
    ended = _run(home, "-c", code, *words).returncode
    if ended != status:
        raise RuntimeError(f"{' '.join(words)} ended with {ended}")
    tool = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
    message = _run(home, "-c", code, *words, tool=tool).stderr
    found = re.search(r"Collected : (\d+)", message)
    if found is None:
        raise RuntimeError(message)
    return int(found[1])


def _run(home: Path, *words: str, tool: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    # With a fixed seed of its hashes, Python takes the same instructions in every run.
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "FLUXCLI_STATE_DIR": str(home / "state"),
        "FLUXCLI_SANDBOX_SECONDS": "0",
        "COLUMNS": "80",
        "PYTHONHASHSEED": "0",
    }
    command = [*tool, sys.executable, *words]
    return subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
