"""Builds killed anywhere: each goes on elsewhere, and no image is paid for twice.

Half of the reruns is on a fresh clone that has the killed machine's journal, half on a machine
that has the lock and the images but no journal.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tests.reliability.figures import Figure
from tests.worlds import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from fluxcli.sandbox.account import Charge
    from tests.reliability.figures import Size

POINTS: Final = 120
ASSETS: Final = 20
TRIES: Final = 6
_EDITS: Final = 4
_SOME_FAILED, _UNKNOWN, _KILLED = 9, 11, -9
MANIFEST: Final = (
    "version = 1\n"
    + "".join(f"[assets.a{n}]\nprompt = 'image a{n}'\n" for n in range(ASSETS - _EDITS))
    + "".join(
        f"[assets.b{n}]\nedit = '@{'b' if n else 'a'}{max(n - 1, 0)}'\nprompt = 'image b{n}'\n"
        for n in range(_EDITS)
    )
)


class BuildForker:
    """The process that builds are forked from."""

    def __init__(self) -> None:
        self._age = 0

    def __enter__(self) -> Self:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.killable_build"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.communicate(timeout=60)

    def run(self, root: Path, *arguments: str, kill_at: int = 0) -> dict[str, Any]:
        """Run one command line in the world at `root`; return its status, streams and calls."""
        # Each process runs later than the one before it.
        self._age += 3600
        job = {"root": str(root), "arguments": arguments, "kill_at": kill_at, "age": self._age}
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no streams")
        print(json.dumps(job), file=self._process.stdin, flush=True)
        return dict(json.loads(self._process.stdout.readline()))

    def build(self, root: Path, *, kill_at: int = 0) -> dict[str, Any]:
        """Build the project at `root`."""
        return self.run(root, "build", "--yes", "--json", "--sandbox", kill_at=kill_at)


def killed_builds(size: Size) -> Figure:
    """Kill a build of 20 images at 120 points, and finish each one elsewhere."""
    goal = f"{ASSETS} charges each, 0 lost"
    figure = Figure(f"build of {ASSETS} killed, rerun elsewhere", goal)
    charged = 0
    with tempfile.TemporaryDirectory() as folder, BuildForker() as forker:
        whole = forker.build(site(Path(folder) / "whole"))
        for point in range(0, POINTS, size.step):
            root = site(Path(folder) / f"killed-{point}")
            kill_at = whole["calls"] * (point + 1) // (POINTS + 1)
            killed = forker.build(root, kill_at=kill_at)["status"] == _KILLED
            move, place = _PLACES[figure.trials % len(_PLACES)]
            other = move(root, Path(folder) / f"other-{point}")
            asked, wrong = _finished(forker, other)
            paid = charges(other)
            charged += len(paid)
            figure.trials += 1
            figure.found[place] += 1
            figure.found["killed"] += killed
            figure.found["a person was asked"] += asked
            for problem in (*wrong, *_judged(paid)):
                figure.fail(f"killed at call {kill_at}, {place}: {problem}")
            for one in (root, other):
                shutil.rmtree(one, ignore_errors=True)
    figure.found["charges"] = charged
    figure.notes.append(f"{charged} charges for {figure.trials * ASSETS} images")
    return figure


def site(root: Path) -> Path:
    """Make a machine with the project; return its folder."""
    world = World(root)
    (world.cwd / "assets.toml").write_text(MANIFEST)
    return root


def charges(root: Path) -> list[Charge]:
    """Return what the stand-in has charged."""
    with closing(World(root).context(env={"FLUXCLI_SANDBOX": "1"})) as context:
        return context.sandbox_service.charges()


def _with_the_lock(root: Path, other: Path) -> Path:
    """Move to another machine: a copy of the folder, the same service, an empty journal."""
    world = World(other)
    shutil.copytree(root / "work", world.cwd, dirs_exist_ok=True)
    world.state.mkdir(parents=True, exist_ok=True)
    for file in (root / "state").glob("sandbox*"):
        shutil.copy(file, world.state)
    return other


def _with_the_journal(root: Path, other: Path) -> Path:
    """Clone the project again: without lock and images, with the journal of the killed build."""
    site(other)
    if (root / "state").is_dir():  # not if it was killed before anything was recorded
        shutil.copytree(root / "state", other / "state", dirs_exist_ok=True)
    return other


_PLACES: Final[tuple[tuple[Callable[[Path, Path], Path], str], ...]] = (
    (_with_the_journal, "fresh clone with the journal"),
    (_with_the_lock, "lock without a journal"),
)


def _finished(forker: BuildForker, root: Path) -> tuple[int, list[str]]:
    """Build until everything is there; return how often a person was asked, and what is wrong."""
    for asked in range(TRIES):
        ran = forker.build(root)
        if ran["status"] == 0:
            checked = forker.run(root, "build", "--check", "--sandbox")["status"]
            return asked, [f"--check is {checked}"] if checked else []
        if ran["status"] not in {_SOME_FAILED, _UNKNOWN}:
            return asked, [f"status {ran['status']}: {ran['err']}"]
        problems = _settled(forker, root, json.loads(ran["out"]))
        if problems:
            return asked, problems
    return TRIES, [f"not done after {TRIES} builds"]


def _settled(forker: BuildForker, root: Path, document: dict[str, Any]) -> list[str]:
    """Look up, as a person would in the service's log, what came of each lost answer."""
    known = {charge.prompt: charge.id for charge in charges(root)}
    problems = []
    for asset in document["assets"]:
        error = asset["error"]
        if error is None or error["code"] != "outcome_unknown":
            continue
        outcome = known.get(f"image {asset['name']}", "not-charged")
        ran = forker.run(root, "status", error["ref"], "--settle", outcome, "--sandbox")
        if ran["status"]:
            problems.append(f"cannot be settled: {ran['err']}")
    return problems


def _judged(paid: list[Charge]) -> list[str]:
    counted = Counter(charge.prompt for charge in paid)
    problems = [f"paid {times} times for {one}" for one, times in counted.items() if times > 1]
    return [*problems, *([f"{len(counted)} paid for"] if len(counted) != ASSETS else [])]
