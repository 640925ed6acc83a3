"""A few real processes: signals, closed and short pipes, a terminal, a long path."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pexpect
import pytest

from tests.worlds import SwiftClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.worlds import World

ROOT: Final = Path(__file__).parents[1]
PROGRAM: Final = f"{sys.executable} -m fluxcli"
SECONDS: Final = 30
"""More than any of these takes, on a machine that is busy."""


@pytest.fixture
def env(world: World) -> dict[str, str]:
    """The environment of a sandbox whose pictures take no time."""
    return world.env | {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "FLUXCLI_SANDBOX": "1",
        "FLUXCLI_SANDBOX_SECONDS": "0.1",
        "FLUXCLI_INTERVAL": "0.2",
    }


def shell(world: World, env: Mapping[str, str], script: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell; `fluxcli` is the program."""
    line = f'fluxcli() {{ {PROGRAM} "$@"; }}; {script}'
    return subprocess.run(
        ["bash", "-c", line],
        cwd=world.cwd,
        env=env,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )


class Begun:
    """A process that has a task accepted, and waits for it."""

    def __init__(self, world: World, env: Mapping[str, str], *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fluxcli", "generate", "a fox", "-o", "fox.jpg", *words],
            cwd=world.cwd,
            env={**env, "FLUXCLI_SANDBOX_SECONDS": "600"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.message = ""
        while " accepted" not in self.message:
            line = self.process.stderr.readline()
            assert line
            self.message += line

    def ended(self, number: int) -> tuple[int, str, str]:
        """Send a signal; return the status and what was written since."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, err


class TestSignals:
    @pytest.mark.parametrize(
        ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
    )
    def test_while_waiting_it_leaves_at_once(
        self, world: World, env: dict[str, str], number: signal.Signals, status: int
    ) -> None:
        """The task still runs; the command that resumes it is printed."""
        found, out, err = Begun(world, env).ended(number)
        assert (found, out) == (status, "")
        assert f"error: stopped by {number.name}; 1 task is already paid and still running" in err
        assert "hint: fluxcli download --unsaved" in err
        assert "Traceback" not in err

    def test_a_script_reads_what_happened(self, world: World, env: dict[str, str]) -> None:
        status, out, _ = Begun(world, env, "--json").ended(signal.SIGTERM)
        assert status == 143
        assert json.loads(out)["error"]["code"] == "interrupted"

    def test_the_same_command_resumes_it(self, world: World, env: dict[str, str]) -> None:
        """Nothing is paid twice, and the journal is whole."""
        Begun(world, env).ended(signal.SIGINT)
        world.env["FLUXCLI_SANDBOX"] = "1"
        # The run began in real time and is read later, at any time.
        world.clock = SwiftClock(time.time() + 10_000)
        ran = world.run("generate", "a fox", "-o", "fox.jpg")
        assert (ran.status, ran.lines) == (0, [str(world.cwd / "fox.jpg")])
        assert "no extra charge" in ran.err

    def test_a_download_says_that_it_can_be_resumed(
        self, world: World, env: dict[str, str]
    ) -> None:
        slow = {**env, "FLUXCLI_SANDBOX_SECONDS": "600"}
        shell(world, slow, "fluxcli generate 'a fox' --no-wait")
        process = subprocess.Popen(
            [sys.executable, "-m", "fluxcli", "download", "@last"],
            cwd=world.cwd,
            env=slow,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        assert "resuming task" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 130
        assert "hint: fluxcli download --unsaved" in err

    def test_one_that_was_ignored_from_outside_stays_so(
        self, world: World, env: dict[str, str]
    ) -> None:
        """As with `nohup`: the work goes on without the terminal."""
        script = (
            "trap '' HUP; fluxcli generate 'a fox' -o fox.jpg & sleep 0.3; kill -HUP $!; wait $!"
        )
        ran = shell(world, {**env, "FLUXCLI_SANDBOX_SECONDS": "1"}, script)
        assert ran.returncode == 0
        assert (world.cwd / "fox.jpg").exists()


class TestPipes:
    def test_a_long_path_is_one_line(self, world: World, env: dict[str, str]) -> None:
        path = world.cwd / ("d" * 100) / ("n" * 100 + ".png")
        ran = shell(world, env, f"out=$(fluxcli generate 'a fox' -o {path}); printf %s \"$out\"")
        assert ran.stdout.decode() == str(path)

    def test_the_whole_answer_is_the_path(self, world: World, env: dict[str, str]) -> None:
        script = "out=$(fluxcli generate 'a [cat] on a [/open] mat' -o cat.png); echo \"<$out>\""
        ran = shell(world, env, script)
        assert ran.stdout.decode() == f"<{world.cwd}/cat.png>\n"

    def test_a_reader_that_goes_away(self, world: World, env: dict[str, str]) -> None:
        """`| head -1`: quiet, and every picture that is paid for is saved."""
        script = "fluxcli generate 'a fox' -n 4 -o fox.jpg | head -1; exit ${PIPESTATUS[0]}"
        ran = shell(world, env, script)
        assert ran.returncode == 0
        assert b"Traceback" not in ran.stderr
        assert b"BrokenPipe" not in ran.stderr
        assert len(list(world.cwd.glob("fox-*.jpg"))) == 4

    def test_help_into_a_reader_that_goes_away(self, world: World, env: dict[str, str]) -> None:
        ran = shell(world, env, "fluxcli generate --help | true")
        assert ran.stderr == b""

    @pytest.mark.parametrize(
        "script",
        [
            "fluxcli generate 'a fox' -o fox.jpg >&-",
            "fluxcli generate 'a fox' -o fox.jpg >&- 2>&- <&-",
            "fluxcli --help >&-",
            "fluxcli --version >&-",
            "fluxcli status --json 2>&-",
        ],
    )
    def test_closed_streams(self, world: World, env: dict[str, str], script: str) -> None:
        ran = shell(world, env, script)
        assert (ran.returncode, b"Traceback" in ran.stderr) == (0, False)
        assert (world.cwd / "fox.jpg").exists() == ("generate" in script)

    def test_bytes_through_a_pipe(self, world: World, env: dict[str, str]) -> None:
        ran = shell(world, env, "fluxcli generate 'a fox' -o - | fluxcli edit - night -o n.png")
        assert ran.stdout.decode() == f"{world.cwd}/n.png\n"

    def test_many_at_once_on_a_new_machine(self, world: World, env: dict[str, str]) -> None:
        """`xargs -P` just works, from the very first time."""
        script = f"seq 8 | xargs -P 8 -I@ {PROGRAM} generate 'fox @' -q -o fox@.jpg"
        ran = shell(world, env, script)
        assert (ran.returncode, ran.stderr) == (0, b"")
        assert len(list(world.cwd.glob("fox*.jpg"))) == 8

    def test_two_at_once_make_one_image(self, world: World, env: dict[str, str]) -> None:
        """The second reports which process works, and pays nothing."""
        slow = {**env, "FLUXCLI_SANDBOX_SECONDS": "600"}
        begun = Begun(world, slow)
        ran = shell(world, slow, "fluxcli generate 'a fox' -o fox.jpg --json")
        begun.ended(signal.SIGINT)
        assert ran.returncode == 5
        error = json.loads(ran.stdout)["error"]
        assert (error["code"], error["retryable"]) == ("busy", True)
        assert f"process {begun.process.pid} is working" in error["message"]


class TestATerminal:
    @pytest.fixture
    def child(self, world: World, env: dict[str, str]) -> pexpect.spawn[bytes]:
        """The program in a terminal of its own, waiting for a picture."""
        child = pexpect.spawn(
            f"{PROGRAM} generate 'a fox' -o fox.jpg",
            cwd=str(world.cwd),
            env={**env, "TERM": "xterm-256color", "FLUXCLI_SANDBOX_SECONDS": "600"},
            dimensions=(24, 80),
            timeout=SECONDS,
        )
        child.expect("task [0-9a-f]{32} accepted")
        return child

    def test_ctrl_c_gives_it_back(self, child: pexpect.spawn[bytes]) -> None:
        """The cursor is shown again, and the last lines are readable."""
        child.sendintr()
        child.expect(pexpect.EOF)
        child.close()
        written = child.before
        assert child.exitstatus == 130
        assert b"\x1b[?25h" in written
        assert b"\x1b[?25l" not in written[written.rindex(b"\x1b[?25h") :]
        assert b"still running" in written


def test_as_a_module_and_as_a_command_it_is_the_same(world: World, env: dict[str, str]) -> None:
    assert shell(world, env, "fluxcli --version").stdout.startswith(b"fluxcli ")
    ran = shell(world, env, "fluxcli bogus")
    assert ran.returncode == 2
    assert ran.stderr.startswith(b"error: no such command `bogus`")


def test_a_folder_that_was_removed_during_the_run(world: World, env: dict[str, str]) -> None:
    ran = shell(world, env, 'mkdir gone; cd gone; rmdir "$PWD"; fluxcli status')
    assert ran.returncode == 0
    assert b"Traceback" not in ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("columns", ["80", "50"])
@pytest.mark.parametrize(
    "words",
    [
        "--version",
        "--help",
        "-h",
        "--json --version",
        "generate --help",
        "config set -h",
        "assets --help",
        "help",
        "help --json",
        "help exit-codes",
        "completion zsh",
        "config list",
        "config path",
        "credits",
        "sandbox --print-env",
        "assets schema",
        "generate fox --dry-run",
        "generate fox -o fox.jpg",
        "generate fox -o fox.jpg --json",
    ],
)
def test_a_full_device_is_reported_by_every_command_that_prints(
    world: World, env: dict[str, str], words: str, columns: str
) -> None:
    ran = shell(world, {**env, "COLUMNS": columns}, f"fluxcli {words} >/dev/full")
    assert ran.returncode == 1
    assert b"error: cannot write to stdout: no space left on device" in ran.stderr
    assert b"a bug" not in ran.stderr
