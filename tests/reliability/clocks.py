"""The real program under wrong clocks (libfaketime), against a service whose own clock is right.

Each story is a user's: an image is submitted, polled, rerun, saved, edited, another one is
collected. At one step, or from that step on, the clock of the machine is wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.reliability.figures import Figure
from tests.reliability.strikes import room
from tests.worlds import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reliability.figures import Size

ROOT: Final = Path(__file__).parents[2]
OFFSETS: Final = tuple(
    f"{sign}{span}" for span in ("5s", "1h", "1d", "20d", "1y", "10y") for sign in "+-"
)
LIBRARY: Final = "faketime/libfaketime.so.1"
FOLDERS: Final = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib")
IMAGES: Final = 3
PRICE: Final = 5
SECONDS: Final = 60

STORY: Final = (
    ("submit", "generate", "a fox", "-o", "fox.png", "--no-wait"),
    ("submit again", "generate", "a fox", "-o", "./fox.png", "--no-wait"),
    ("status", "status", "@last", "--wait"),
    ("rerun", "generate", "a fox", "-o", "fox.png"),
    ("rerun when done", "generate", "a fox", "-o", "fox.png"),
    ("edit @last", "edit", "@last", "make it night", "-o", "night.png", "--no-wait"),
    ("rerun the edit", "edit", "@last", "make it night", "-o", "night.png"),
    ("another", "generate", "a dog", "-o", "dog.png", "--no-wait"),
    ("download --unsaved", "download", "--unsaved"),
    ("status at last", "status", "--json"),
)
FILES: Final = ("fox.png", "night.png", "dog.png")
DENIALS: Final = ("expired", "no longer available", "nothing was charged", "gone")


def library() -> Path | None:
    """Return libfaketime, if it is installed."""
    found = (Path(folder) / LIBRARY for folder in FOLDERS)
    return next((path for path in found if path.exists()), None)


@dataclass(frozen=True, slots=True)
class Case:
    """One wrong clock: at the step `first`, and after it if `lasts`."""

    offset: str
    first: int
    lasts: bool

    @property
    def name(self) -> str:
        """The case in words."""
        return f"{self.offset} {'from' if self.lasts else 'at'} `{STORY[self.first][0]}`"

    def is_wrong_at(self, step: int) -> bool:
        """Return whether the clock is wrong at this step."""
        return step == self.first or (self.lasts and step > self.first)


def clocks(size: Size) -> Figure:
    """Run the scenario with each wrong clock at each step."""
    figure = Figure(
        "clocks -10 y … +10 y at each step (libfaketime)",
        "0 paid twice, 0 lost, 0 denials, status 0 everywhere",
    )
    preload = library()
    if preload is None:
        figure.fail("libfaketime is not installed: apt-get install libfaketime")
        return figure
    cases = [
        Case(offset, first, lasts)
        for offset in OFFSETS
        for first in range(len(STORY))
        for lasts in (False, True)
    ]
    for case in cases[size.seed % size.step :: size.step]:
        figure.trials += 1
        for kind, detail in wrongs(case, preload):
            figure.found[kind] += 1
            figure.fail(f"{case.name}: {kind}: {detail}")
    figure.found["commands"] = figure.trials * len(STORY)
    return figure


def wrongs(case: Case, preload: Path) -> Iterator[tuple[str, str]]:
    """Run the scenario once; yield what is wrong."""
    with room() as root, served(root) as (url, env):
        world = World(root)
        world.ask(url)
        for step, (name, *words) in enumerate(STORY):
            extra = faked(preload, case.offset) if case.is_wrong_at(step) else {}
            try:
                ran = fluxcli(world, words, env | extra)
            except subprocess.TimeoutExpired as hung:
                yield "hang", f"`{name}`: {hung.stderr!r}"
                return
            if ran.returncode:
                yield "status", f"`{name}` ended with {ran.returncode}: {ran.stderr[-300:]}"
            if any(word in ran.stderr + ran.stdout for word in DENIALS):
                yield "denial", f"`{name}`: {ran.stderr[-300:]}"
        charges = len(ledger(url)["charges"])
        if charges != IMAGES:
            yield "charges", f"{charges} for {IMAGES} images"
        lost = [name for name in FILES if not (world.cwd / name).exists()]
        if lost:
            yield "lost", " ".join(lost)


def faked(preload: Path, offset: str) -> dict[str, str]:
    """Return the variables that make a process's clock wrong; its monotonic clock stays right."""
    return {
        "LD_PRELOAD": str(preload),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def fluxcli(
    world: World, words: list[str], extra: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run the program as its user does."""
    return subprocess.run(
        [sys.executable, "-m", "fluxcli", *words],
        cwd=world.cwd,
        env=world.env | extra,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextmanager
def served(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve the sandbox from a process of its own; yield its address and our environment."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    own = World(root / "server").env | env
    with subprocess.Popen(
        [sys.executable, "-m", "fluxcli", "sandbox", "--port", "0", "--seconds", "0.3"],
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            yield line.strip().rpartition("=")[2], env | {"FLUXCLI_INTERVAL": "0.2"}
        finally:
            server.terminate()


def ledger(url: str) -> dict[str, Any]:
    """Return the service's own books."""
    with urllib.request.urlopen(f"{url}/sandbox/ledger", timeout=SECONDS) as answer:  # noqa: S310 - our own server
        found: dict[str, Any] = json.load(answer)
    return found
