"""Power failures during a build: it goes on from there on this machine, and on another one.

A third of the reruns is on the same machine, a third on a fresh clone with the journal, a third
on another machine that has the lock and the images but no journal.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.reliability.aftermath import Aftermath
from tests.reliability.figures import Figure
from tests.reliability.power import count, note, recorded, scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.reliability.figures import Size
    from tests.reliability.power import Moment, Scene
    from tests.worlds import Ran, World

ASSETS: Final = 20
TRIES: Final = 6
PLACES: Final = ("here", "clone with the journal", "lock without a journal")
ELSEWHERE: Final = PLACES[1:]
_BUILD: Final = ("build", "--yes", "--json")
_SOME_FAILED, _UNKNOWN = 9, 11


def manifest(assets: int) -> str:
    """Declare so many images, a fifth of them a chain of edits."""
    edits = max(1, assets // 5)
    lines = ["version = 1"]
    for n in range(assets - edits):
        lines += [f"[assets.a{n}]", f"prompt = 'image a{n}'"]
    for n in range(edits):
        parent = f"b{n - 1}" if n else "a0"
        lines += [f"[assets.b{n}]", f"edit = '@{parent}'", f"prompt = 'image b{n}'"]
    return "\n".join(lines) + "\n"


def power_build(size: Size) -> Figure:
    """Cut the power at every moment of a build of 20 images, and build again."""
    return cut(size, ASSETS)


def power_syncs(size: Size) -> Figure:
    """Cut the power at every sync point of a build of 20 images, and build again elsewhere.

    Of each sync point two disks are tried: one on a fresh clone with the journal, one with the
    lock only.
    """
    figure = Figure(f"power lost at a sync point of a build of {ASSETS}", "0 paid twice, 0 lost")
    with recording(ASSETS) as at:
        # Of the other moments only the first is tried.
        moments = at.moments(step=sys.maxsize, seed=size.seed, each_sync=len(ELSEWHERE))
        for moment, place in zip(moments, itertools.cycle(ELSEWHERE), strict=False):
            count(figure, f"{place}, {moment.where}", rerun(at, moment, place, ASSETS))
        note(figure, "build", at)
    return figure


def cut(size: Size, assets: int) -> Figure:
    """Do that to a build of so many images."""
    figure = Figure(f"power lost in a build of {assets}, rerun", "0 paid twice, 0 lost")
    with recording(assets) as at:
        moments = at.moments(step=size.step, seed=size.seed)
        for moment, place in zip(moments, itertools.cycle(PLACES), strict=False):
            count(figure, f"{place}, {moment.where}", rerun(at, moment, place, assets))
        note(figure, "build", at)
    return figure


@contextmanager
def recording(assets: int) -> Iterator[Scene]:
    """Record a build of so many images, with all its moments."""
    with scene() as at:
        (at.world.cwd / "assets.toml").write_text(manifest(assets))
        recorded(at, [sys.executable, "-m", "fluxcli", *_BUILD])
        yield at


def rerun(at: Scene, moment: Moment, place: str, assets: int) -> Aftermath:
    """Bring a moment back, move on to another place, and build there until all is done."""
    at.restore(moment)
    world, after = at.world, Aftermath()
    if place == PLACES[1]:
        for path in world.cwd.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "assets.toml":
                path.unlink()
    elif place == PLACES[2]:
        shutil.rmtree(world.state, ignore_errors=True)
    for _ in range(TRIES):
        ran = world.run(*_BUILD)
        after.statuses.append(ran.status)
        after.message.append(ran.err)
        if ran.status == 0:
            break
        if ran.status not in {_SOME_FAILED, _UNKNOWN}:
            after.wrong.append(f"status {ran.status}: {ran.err}")
            return after
        after.unknown += _settle(at, ran, after)
    else:
        after.wrong.append(f"not done after {TRIES} builds: {after.message[-1]}")
    _judge(at, assets, after)
    return after


def _settle(at: Scene, ran: Ran, after: Aftermath) -> int:
    """Look for each lost answer in the service's log, as a person would; return how many."""
    settled = 0
    for asset in json.loads(ran.out)["assets"]:
        error = asset["error"]
        if error is None or error["code"] != "outcome_unknown":
            continue
        found = at.server.made_for(f"image {asset['name']}")
        outcome = found[0].id if found else "not-charged"
        message = at.world.run("status", error["ref"], "--settle", outcome)
        if message.status:
            after.wrong.append(f"cannot be settled: {message.err}")
        settled += 1
    return settled


def _judge(at: Scene, assets: int, after: Aftermath) -> None:
    paid = Counter(str(made.request["prompt"]) for made in at.server.tasks.values())
    for prompt, times in paid.items():
        if times > 1:
            after.wrong.append(f"paid {times} times for {prompt}")
    whole = {made.picture for made in at.server.tasks.values()}
    kept = _images(at.world)
    if len(set(kept.values())) < assets or not whole.issuperset(kept.values()):
        after.wrong.append(f"lost: {len(kept)} images")
    if (checked := at.world.run("build", "--check")).status:
        after.wrong.append(f"work is left: {checked.out.decode()}{checked.err}")
    if any("Traceback" in message or "a bug in fluxcli" in message for message in after.message):
        after.wrong.append(f"a bug: {after.message}")


def _images(world: World) -> Mapping[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in world.cwd.rglob("*.*")
        if path.is_file()
        and path.suffix in {".jpg", ".jpeg", ".png"}
        and not path.name.startswith(".")
    }
