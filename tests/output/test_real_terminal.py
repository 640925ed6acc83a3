"""Progress in real processes on a pseudo-terminal, with signals; and what is imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pyte
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"

PROGRAM = """
import os, queue, signal, sys
from fluxcli import events
from fluxcli.prices_and_limits import PRO
from fluxcli.clock import SystemClock
from fluxcli.output.output import Output
from fluxcli.task_types import Request

sys.tracebacklimit = 0
clock = SystemClock()
output = Output(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr, env=os.environ,
                clock=clock)
request = Request(mode="generate", prompt="灯台の夜明け " * 9, model=PRO, aspect_ratio="1:1",
                  output_format="png", safety_tolerance=2)

def stop(number, frame):
    raise SystemExit(128 + number)

def stop_at_once(number, frame):
    output.restore_terminal()
    os._exit(128 + number)

signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGHUP, stop_at_once)
with output.progress(3, 12.0) as progress:
    for key in "123":
        progress.see(events.Started(key=key, ref="k7", request=request))
        progress.see(events.Accepted(key=key, ref="k7", task_id="task-" + key))
    output.answer("ready")
    while True:
        clock.receive(queue.SimpleQueue(), 0.02, busy=False)
        progress.tick()
"""


class TerminalProcess:
    """A process on a pseudo-terminal, and its screen."""

    def __init__(self, argv: list[str], *, columns: int, lines: int) -> None:
        env = {k: v for k, v in os.environ.items() if k not in {"CI", "COLUMNS", "LINES"}}
        env |= {"TERM": "xterm-256color", "NO_COLOR": "1", "PYTHONUTF8": "1"}
        self.child = pexpect.spawn(
            argv[0],
            argv[1:],
            env=env | {"PYTHONPATH": str(ROOT)},
            dimensions=(lines, columns),
            encoding="utf-8",
            timeout=20,
        )
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.Stream(self.screen)
        self.seen = ""

    def until(self, text: str) -> None:
        """Read and draw until `text` was written."""
        self.child.expect_exact(text)
        self._draw(self.child.before + self.child.after)

    def until_like(self, pattern: str) -> None:
        """Read and draw until something that matches `pattern` was written."""
        self.child.expect(pattern)
        self._draw(self.child.before + self.child.after)

    def end(self) -> list[str]:
        """Read and draw to the end; return the lines of the screen."""
        self.child.expect(pexpect.EOF)
        self._draw(self.child.before)
        self.child.wait()
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def _draw(self, text: str) -> None:
        self.seen += text
        self.stream.feed(text)


@pytest.fixture
def start() -> Iterator[Callable[..., TerminalProcess]]:
    started: list[TerminalProcess] = []

    def make(*argv: str, columns: int = 80, lines: int = 24) -> TerminalProcess:
        command = [*argv, sys.executable, "-c", PROGRAM]
        started.append(TerminalProcess(command, columns=columns, lines=lines))
        return started[-1]

    yield make
    for one in started:
        one.child.close(force=True)


@pytest.mark.parametrize(
    ("columns", "lines", "number"), [(80, 24, signal.SIGTERM), (40, 12, signal.SIGINT)]
)
def test_a_signal_leaves_the_terminal_clean(
    start: Callable[..., TerminalProcess], columns: int, lines: int, number: int
) -> None:
    """The ids stay, the rows are removed, the cursor is shown."""
    one = start(columns=columns, lines=lines)
    one.until("ready")
    one.until(HIDE)
    one.until("of 3 saved · 1 s")
    drawn = [line.rstrip() for line in one.screen.display if "generating" in line]
    assert len(drawn) == 3
    assert max(map(len, drawn)) < columns
    one.child.kill(number)
    rest = one.end()
    assert [f"{n}: task task-{n} accepted" for n in "123"] == rest[:3]
    assert rest[3] == "ready"
    assert "".join(rest[4:6]).startswith("· 0 of 3 saved, 3 still running (already")
    assert not any("generating" in line for line in rest)
    assert one.seen.rindex(SHOW) > one.seen.rindex(HIDE)


def test_an_immediate_exit_leaves_the_terminal_clean(start: Callable[..., TerminalProcess]) -> None:
    """As after a second Ctrl-C, which may interrupt a write."""
    one = start()
    one.until("ready")
    one.until("of 3 saved")
    one.child.kill(signal.SIGHUP)
    assert not any("generating" in line for line in one.end())
    assert not one.screen.cursor.hidden


def test_ctrl_z_restores_the_terminal_and_fg_draws_again(
    start: Callable[..., TerminalProcess],
) -> None:
    """Twice: stopped, the cursor is shown and the rows are removed."""
    # A shell with job control, which can stop and continue a process as a person does.
    again = "echo stopped; read; fg"
    one = start("bash", "-c", f'set -m; "$@"; {again}; {again}', "-")
    one.until("of 3 saved · 1 s")
    for _ in range(2):
        one.child.sendcontrol("z")
        one.until("stopped\r\n")
        assert not one.screen.cursor.hidden
        assert not any("generating" in line for line in one.screen.display)
        one.child.send("\n")
        one.until(HIDE)
        one.until("of 3 saved")
        assert sum("generating" in line for line in one.screen.display) == 3
    one.child.sendintr()
    assert one.end()[-1] != ""
    assert not one.screen.cursor.hidden


def test_the_rows_fit_a_window_that_became_narrower(start: Callable[..., TerminalProcess]) -> None:
    one = start()
    one.until("of 3 saved · 1 s")
    one.child.setwinsize(24, 40)
    # What stands now has no time beside it: at 80 columns, the usual one stood there.
    one.until_like(r"generating   \d s")
    one.until("of 3 saved")
    rows = one.seen.rpartition("\x1b[2K")[2]
    assert "about" not in rows
    assert rows.count("generating") == 3


def modules(program: str) -> set[str]:
    """Return the modules that a program has imported at its end."""
    source = textwrap.dedent(program) + "\nprint(*sys.modules)"
    argv = [sys.executable, "-c", "import sys\n" + source]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split())


def test_errors_tables_and_plain_progress_do_not_import_rich() -> None:
    """Nor any other library that is slow to import."""
    loaded = modules("""
        from fluxcli.clock import SystemClock
        from fluxcli.errors import Code, FluxError
        from fluxcli.output.output import Output
        output = Output(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr, env={},
                        clock=SystemClock(), color="always")
        output.error(FluxError(Code.USAGE, "no prompt", hint="fluxcli generate PROMPT"))
        output.table([["a"]], ["b"])
        with output.progress(2, 12.0) as progress:
            progress.tick()
    """)
    assert not {"rich", "httpx", "typer", "PIL"} & loaded
