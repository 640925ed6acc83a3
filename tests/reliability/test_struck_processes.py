"""Real processes, killed, interrupted and failed at system calls of theirs."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.reliability import comparison, processes
from tests.reliability.fault_server import Answer, FaultServer
from tests.reliability.faults import says
from tests.reliability.fork_server import ForkServer
from tests.reliability.matrix import Case
from tests.reliability.strikes import HIDE, PLANS, SHOW, Plan, strike
from tests.reliability.tracing import CONNECT, POSSIBLE, Strike, Tracer
from tests.worlds import World

if TYPE_CHECKING:
    from collections.abc import Iterator

REASON = "NO KILLS TESTED: this needs Linux on x86-64"
pytestmark = [
    pytest.mark.kills,
    pytest.mark.skipif(not POSSIBLE and "FLUXCLI_CI" not in os.environ, reason=REASON),
]


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServer]:
    with ForkServer() as fork_server:
        yield fork_server


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
@pytest.mark.parametrize("at", range(30, 700, 110))
def test_killed_and_run_again(fork_server: ForkServer, plan: Plan, at: int) -> None:
    """Wherever it is killed: the same command, run again, pays nothing twice and loses nothing."""
    assert not strike(fork_server, plan, Strike(at=at, signal=signal.SIGKILL)).after.wrong


@pytest.mark.parametrize("at", [1, 2_000, 4_000])
def test_killed_from_its_start_on(at: int) -> None:
    """The same holds for the command as it is started, its interpreter and imports included."""
    killed = processes.killed(Strike(at=at, signal=signal.SIGKILL))
    assert killed.traced.struck is not None
    assert not killed.after.wrong


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("at", [60, 230, 420, 600, 650, 670, 690])
def test_interrupted(fork_server: ForkServer, number: int, at: int) -> None:
    """A signal ends it with its own status, the cursor shown, nothing in doubt."""
    struck = strike(fork_server, PLANS[0], Strike(at=at, signal=number), terminal=True)
    assert not struck.after.wrong
    assert struck.after.unknown == 0
    assert struck.ran.status == 128 + number or struck.traced.struck in {None, "exit_group"}
    assert struck.screen.rfind(HIDE) <= struck.screen.rfind(SHOW)
    assert "Traceback" not in struck.ran.err


@pytest.mark.parametrize("left", [2, 1, 0])
def test_interrupted_while_it_gives_the_signals_back(fork_server: ForkServer, left: int) -> None:
    """A signal during the change of handlers waits: it is neither lost nor shown as a traceback.

    No thread takes it instead, not even one that was started before the first call.
    """
    at = strike(fork_server, PLANS[0], None).traced.calls.count("rt_sigaction") - left
    struck = strike(
        fork_server, PLANS[0], Strike(at=at, call="rt_sigaction", signal=signal.SIGTERM)
    )
    assert struck.traced.struck == "rt_sigaction"
    assert struck.ran.status == 128 + signal.SIGTERM
    assert "Traceback" not in struck.ran.err
    assert not struck.after.wrong


@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("openat", errno.EMFILE),
        ("openat", errno.ENOSPC),
        ("pwrite64", errno.ENOSPC),
        ("fdatasync", errno.EIO),
        ("link", errno.EACCES),
        ("write", errno.ENOSPC),
        ("socket", errno.EMFILE),
    ],
)
@pytest.mark.parametrize("at", [1, 5])
def test_a_call_that_fails(fork_server: ForkServer, call: str, number: int, at: int) -> None:
    """A failing disk or table of files loses no id, leaves no part, shows no traceback."""
    struck = strike(fork_server, PLANS[0], Strike(at=at, call=call, errno=number))
    assert not struck.after.wrong
    assert not struck.partial
    assert not struck.lost_ids
    assert "Traceback" not in struck.ran.err
    assert "a bug in fluxcli" not in struck.ran.err


def test_the_harness_sees_what_a_plain_script_pays(tmp_path: Path) -> None:
    """Killed after its submission and run again, submit-poll-save pays twice: it can be seen."""
    with FaultServer() as server:
        env = World(tmp_path).env | {"FLUXCLI_BASE_URL": server.api_url}
        script = str(Path(__file__).with_name("baseline.py"))
        argv = [sys.executable, script, "a cat", str(tmp_path / "out.png")]
        streams = [Path("/dev/null"), tmp_path / "1", tmp_path / "2"]
        killed = Tracer(CONNECT, Strike(at=3, call="connect", signal=9))
        assert killed.run(argv, env=env, streams=streams).struck == "connect"
        subprocess.run(argv, env=env, check=True, timeout=60)
        assert server.charges == 2


def test_the_harness_sees_what_a_plain_script_keeps(
    fork_server: ForkServer, tmp_path: Path
) -> None:
    """A script that submits, polls and saves keeps an error page as the image: it is found."""
    case = Case("result", says("gone", Answer(404, b"<html>gone</html>")))
    flaws = {"picture lost", "wrong file kept", "status 0 without a whole picture"}
    assert comparison.scripted(case, fork_server, tmp_path) == flaws
