"""A build that is killed anywhere goes on from there, here or on another machine, paying once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import pytest

from tests.worlds import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from fluxcli.sandbox.account import Charge

POINTS: Final = int(os.environ.get("FLUXCLI_TEST_KILLS", "8"))
"""At so many points a build is killed; each takes about a second."""

ASSETS: Final = 20
MANIFEST: Final = (
    "version = 1\n"
    + "".join(f"[assets.a{n}]\nprompt = 'picture {n}'\n" for n in range(16))
    + "".join(
        f"[assets.b{n}]\nedit = '@{'b' if n else 'a'}{max(n - 1, 0)}'\nprompt = 'edit {n}'\n"
        for n in range(4)
    )
)


class BuildForker:
    """The process that builds are forked from."""

    def __init__(self) -> None:
        self._age = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.build.killable"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=60)

    def run(self, root: Path, *arguments: str, kill_at: int = 0) -> dict[str, Any]:
        """Run one command line in the world at `root`."""
        # Each process runs later than the one before it.
        self._age += 3600
        job = {"root": str(root), "arguments": arguments, "kill_at": kill_at, "age": self._age}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(job), file=self._process.stdin, flush=True)
        return dict(json.loads(self._process.stdout.readline()))


@pytest.fixture(scope="module")
def forker() -> Iterator[BuildForker]:
    with BuildForker() as made:
        yield made


def site(root: Path) -> Path:
    world = World(root)
    (world.cwd / "assets.toml").write_text(MANIFEST)
    return root


def charges(root: Path) -> list[Charge]:
    with closing(World(root).context(env={"FLUXCLI_SANDBOX": "1"})) as context:
        return context.sandbox_service.charges()


def elsewhere(root: Path, other: Path) -> Path:
    """Move to another machine: a copy of the folder, the same service, an empty journal."""
    world = World(other)
    shutil.copytree(root / "work", world.cwd, dirs_exist_ok=True)
    world.state.mkdir(parents=True, exist_ok=True)
    for file in (root / "state").glob("sandbox*"):
        shutil.copy(file, world.state)
    return other


def fresh(root: Path, other: Path) -> Path:
    """Check the project out anew: without lock and images, with the journal of the killed job."""
    site(other)
    if (root / "state").is_dir():  # not if it was killed before anything was recorded
        shutil.copytree(root / "state", other / "state", dirs_exist_ok=True)
    return other


def build(forker: BuildForker, root: Path, *, kill_at: int = 0) -> dict[str, Any]:
    return forker.run(root, "build", "--yes", "--json", "--sandbox", kill_at=kill_at)


def settle(forker: BuildForker, root: Path, document: dict[str, Any]) -> None:
    """Look up, as a person would in the service's log, what came of each lost answer."""
    known = {charge.prompt: charge.id for charge in charges(root)}
    for asset in document["assets"]:
        error = asset["error"]
        if error is None or error["code"] != "outcome_unknown":
            continue
        kind, number = asset["name"][0], asset["name"][1:]
        prompt = f"{'picture' if kind == 'a' else 'edit'} {number}"
        outcome = known.get(prompt, "not-charged")
        ran = forker.run(root, "status", error["ref"], "--settle", outcome, "--sandbox")
        assert ran["status"] == 0, ran["err"]


def finish(forker: BuildForker, root: Path) -> int:
    """Build until everything is there; return how often a person was asked."""
    for requested in range(6):
        ran = build(forker, root)
        if ran["status"] == 0:
            return requested
        assert ran["status"] in {9, 11}, ran["err"]
        settle(forker, root, json.loads(ran["out"]))
    pytest.fail(f"no end in sight: {ran['err']}")


def test_a_killed_build_is_finished_without_paying_twice(
    forker: BuildForker, tmp_path: Path
) -> None:
    whole = build(forker, site(tmp_path / "whole"))
    assert whole["status"] == 0, whole["err"]
    total, killed, requested = whole["calls"], 0, 0
    for point in range(POINTS):
        root = site(tmp_path / f"here-{point}")
        kill_at = total * (point + 1) // (POINTS + 1)
        killed += build(forker, root, kill_at=kill_at)["status"] == -9
        if point % 4 == 1:
            root = elsewhere(root, tmp_path / f"there-{point}")
        elif point % 4 == 3:
            root = fresh(root, tmp_path / f"there-{point}")
        requested += finish(forker, root)
        paid = Counter(charge.prompt for charge in charges(root))
        assert len(paid) == ASSETS
        assert set(paid.values()) == {1}, f"paid twice, killed at call {kill_at}"
        assert forker.run(root, "build", "--check", "--sandbox")["status"] == 0
        # Elsewhere, it is unknown whose temporary file came with the copy.
        kept = {".sandbox", ".gitignore"}
        litter = [path.name for path in (root / "work").rglob(".*") if path.name not in kept]
        assert point % 2 or not litter, f"killed at call {kill_at}"
        shutil.rmtree(root)
    assert killed >= POINTS * 9 // 10
    print(f"{killed} of {POINTS} killed; a person was asked {requested} times")  # noqa: T201 - with -s
