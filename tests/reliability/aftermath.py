"""What a user does after something went wrong: runs the same command again, until it is done.

Where it is not known whether a submission was accepted (status 11), it does what a person
would: looks for the task in the service's logs, and settles it by what is found there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.reliability.fault_server import FaultServer
    from tests.worlds import Ran

TRIES = 8
TRY_AGAIN, PARTIAL, UNKNOWN = 5, 9, 11
_REF = re.compile(r"fluxcli status ([2-9a-hjkmnp-tv-z]{8}) --settle")


class Place(Protocol):
    """Where commands run: in this process (`World`), or each in one of its own."""

    cwd: Path

    def run(self, *arguments: str) -> Ran:
        """Run one command line."""
        ...


@dataclass(slots=True)
class Aftermath:
    """How it went on: the statuses of the reruns, how many were settled, what is wrong at last."""

    statuses: list[int] = field(default_factory=list)
    unknown: int = 0
    wrong: list[str] = field(default_factory=list)
    message: list[str] = field(default_factory=list)


def finish(
    world: Place,
    server: FaultServer,
    arguments: Sequence[str],
    *,
    files: Sequence[Path],
    prompt: str,
    before: Ran | None = None,
    tries: int = TRIES,
) -> Aftermath:
    """Run the command again until it is done, and judge: one charge and one whole file each.

    `files` are the pictures that it is to leave behind. `before` is how the first run ended, if
    it came to an end.
    """
    after = Aftermath()
    ran = before
    for _ in range(tries):
        if ran is not None:
            after.unknown += _settle(world, server, ran, prompt, after)
            if _is_over(ran):
                break
        ran = world.run(*arguments)
        after.statuses.append(ran.status)
        after.message.append(ran.err)
    else:
        after.wrong.append(f"not done after {tries} runs: {after.message[-1]}")
    _judge(world, server, files, after)
    return after


def _is_over(ran: Ran) -> bool:
    """Return whether it is done; a command killed after its output finds its own file."""
    return ran.status == 0 or (ran.status == 2 and "already exists" in ran.err)


def _settle(world: Place, server: FaultServer, ran: Ran, prompt: str, after: Aftermath) -> int:
    """Look into the service's logs, as a person would, and say what is there; return how often."""
    refs = list(dict.fromkeys(_REF.findall(ran.err)))
    if (ran.status == UNKNOWN) != bool(refs) and ran.status != PARTIAL:
        after.wrong.append(f"status {ran.status} with {len(refs)} in doubt: {ran.err}")
    for ref in refs:
        known = world.run("status", "--all", "--offline", "--json").records
        taken = {record["task_id"] for record in known}
        found = [made.id for made in server.made_for(prompt) if made.id not in taken]
        outcome = found[0] if found else "not-charged"
        message = [world.run("status", ref, "--settle", outcome)]
        while message[-1].status == TRY_AGAIN and len(message) < TRIES:
            message.append(world.run("status", ref, "--settle", outcome))
        if message[-1].status != 0:
            after.wrong.append(f"cannot be settled: {message[-1].err}")
    return len(refs)


def _judge(world: Place, server: FaultServer, files: Sequence[Path], after: Aftermath) -> None:
    if server.charges > len(files):
        after.wrong.append(f"paid {server.charges} times for {len(files)}")
    whole = {made.picture for made in server.tasks.values()}
    kept = {path.read_bytes() for path in files if path.exists()}
    if len(kept) < len(files):
        after.wrong.append("lost")
    # Bytes after a picture's end do it no harm, and are kept as they came.
    if any(not data.startswith(tuple(whole)) for data in kept):
        after.wrong.append("a wrong file was kept")
    ours = {*files}
    left = [path for path in world.cwd.rglob("*") if path.is_file() and path not in ours]
    left = [path for path in left if path.name != "input.png"]
    if left:
        after.wrong.append(f"left behind: {left}")
    if any("Traceback" in message for message in after.message):
        after.wrong.append("a traceback")
    if any("a bug in fluxcli" in message for message in after.message):
        after.wrong.append(f"a bug: {[said for said in after.message if 'a bug in' in said]}")
