"""Other programs for the same service, struck by lost answers and kills, and run again.

They come from npm, pinned, into a cache folder: `FLUXCLI_PEERS` or the platform's. Node 20 or
newer and npm are needed. `lost answer`: the task exists, and what the client gets is another
answer or none. `killed`: SIGKILL once the task exists.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from platformdirs import user_cache_path

from tests.reliability.comparison import SCRIPT
from tests.reliability.fault_server import Answer, FaultServer
from tests.reliability.faults import MURKY
from tests.reliability.figures import Figure
from tests.reliability.strikes import room
from tests.worlds import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reliability.fault_server import Fault, Made
    from tests.reliability.figures import Size

PACKAGES: Final = {"ai-sprite-image-generator": "1.0.7", "@felores/kie-ai-mcp-server": "5.0.0"}
RUNS: Final = 4
"""So often a command is run until it reports success; only the first run is struck."""

PROMPT: Final = "a lighthouse"
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Peer:
    """A program with its version, and the command line by which it makes one image."""

    name: str
    words: tuple[str, ...]


def peers(size: Size) -> Figure:
    """Strike every peer, the plain script and this program likewise."""
    figure = Figure("peers: lost answers and kills, rerun", "(beside ours)")
    faults = MURKY[:: max(1, size.step)]
    for peer in _peers(_installed()):
        paid, trials = 0, 0
        for fault in (None, *faults):
            trials += 1
            paid += struck(peer, fault) > 1
        figure.trials += trials
        figure.found[f"{peer.name}: paid twice"] = paid
        figure.notes.append(f"{peer.name}: {paid} of {trials} paid twice")
    return figure


def struck(peer: Peer, fault: Fault | None) -> int:
    """Run a peer with one lost answer, or None for a kill, then again; return the charges."""
    with room() as root, _Jobs(idle=2.0) as server:
        world = World(root)
        world.ask(server.api_url)
        env = world.env | {"KIE_API_KEY": world.env["FLUXCLI_API_KEY"], "PATH": os.environ["PATH"]}
        env |= {"PYTHONPATH": str(_HERE.parents[1]), "FLUXCLI_INTERVAL": "0.1"}
        if fault is not None:
            server.strike("submit", fault, when="after")
        for number in range(RUNS):
            process = subprocess.Popen(
                peer.words,
                env=env,
                cwd=world.cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            kills = number == 0 and fault is None
            if _status(process, server, kills=kills) in {0, 11}:
                break
            server.heal()
        return server.charges


def _status(process: subprocess.Popen[bytes], server: FaultServer, *, kills: bool) -> int:
    """Return how a process ended: by itself, within a minute, or killed after its submission."""
    until = time.monotonic() + 60.0
    while time.monotonic() < until and not (kills and server.charges):
        try:
            return process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


class _Jobs(FaultServer):
    """The server, whose records serve the clients of both APIs, whichever made the task."""

    def _record(self, task_id: str, *, jobs: bool) -> Answer:
        task: Made | None = self.tasks.get(task_id)
        answer = super()._record(task_id, jobs=jobs if task is None else task.jobs)
        document = json.loads(answer.body)
        if task is not None and document["data"].get("successFlag") == 1:
            document["data"] |= {
                "state": "success",
                "resultJson": json.dumps({"resultUrls": [self._link(task)]}),
            }
        elif task is not None:
            document["data"] |= {"state": "generating"}
        return Answer(answer.status, json.dumps(document).encode(), answer.headers)


def _peers(modules: Path) -> Iterator[Peer]:
    mcp, sprites = modules / "@felores/kie-ai-mcp-server", modules / "ai-sprite-image-generator"
    yield Peer("fluxcli", (sys.executable, "-m", "fluxcli", "generate", PROMPT, "-o", "out.png"))
    yield Peer("twelve-line script", (sys.executable, str(SCRIPT), PROMPT, "out.png"))
    agent = (sys.executable, str(_HERE / "peer_mcp.py"))
    yield Peer(_version(mcp), (*agent, str(mcp / "dist/index.js"), PROMPT, "out.png"))
    node = ("node", "--import", str(_HERE / "peer_hosts.mjs"))
    grid = ("-x", "1", "-y", "1", "--existing", "skip")
    yield Peer(_version(sprites), (*node, str(sprites / "dist/cli.js"), PROMPT, *grid))


def _version(folder: Path) -> str:
    package = json.loads((folder / "package.json").read_text("utf-8"))
    return f"{package['name']} {package['version']}"


def _installed() -> Path:
    """Return the folder of the packages; install them once."""
    named = os.environ.get("FLUXCLI_PEERS")
    folder = Path(named) if named else user_cache_path("fluxcli-peers", appauthor=False)
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
        command = ["npm", "install", "--no-fund", "--no-audit", "--silent", *wanted]
        subprocess.run(command, cwd=folder, check=True, timeout=600)
        (folder / "installed").touch()
    return folder / "node_modules"
