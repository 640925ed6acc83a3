"""Commands in environments that lack something: a limit, a folder, a stream, a variable.

Each cell of the matrix is a real process. It must end in time with a documented status, without a
traceback, with nothing charged that the status denies; and afterwards the same command in an
ordinary environment makes the image at no second charge.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import fluxcli
from tests.reliability.fault_server import FaultServer
from tests.reliability.figures import Figure
from tests.reliability.pictures import png
from tests.reliability.strikes import room
from tests.worlds import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reliability.figures import Size

SECONDS: Final = 60
MANIFEST: Final = "version = 1\n[assets.hero]\nprompt = 'a fox'\n"
MANY: Final = "version = 1\n" + "".join(f"[assets.h{n}]\nprompt = 'a fox'\n" for n in range(8))
NOTHING_SENT: Final = frozenset({2, 3, 5, 7, 10})
DOCUMENTED: Final = frozenset({0, 1, *range(2, 12), 141})


@dataclass(frozen=True, slots=True)
class Environment:
    """What is different: lines of shell before the command, variables, options of Python."""

    name: str
    before: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    after: str = ""
    lacks: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    """A command that starts the shell: with other rights, or in a mount namespace."""
    needs_root: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """How one command ended in one environment."""

    status: int
    charges: int
    out: str
    err: str
    wrong: tuple[str, ...]


COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "version": ("--version",),
    "help": ("--help",),
    "help command": ("help", "generate"),
    "completion": ("completion", "zsh"),
    "generate": ("generate", "a fox", "-o", "fox.png"),
    "generate 8": ("generate", "a fox", "-n", "8", "-o", "fox.png", "--yes"),
    "edit": ("edit", "in.png", "a fox", "-o", "fox.png"),
    "dry run": ("generate", "a fox", "-o", "fox.png", "--dry-run"),
    "sandbox": ("generate", "a fox", "-o", "fox.png", "--sandbox"),
    "stdout": ("generate", "a fox", "-o", "-"),
    "status": ("status",),
    "download": ("download", "--unsaved"),
    "credits": ("credits",),
    "config list": ("config", "list"),
    "config check": ("config", "check"),
    "build": ("build", "--yes"),
    "build plan": ("build", "--plan"),
    "served sandbox": ("sandbox", "--print-env"),
}
LIMITED: Final[dict[str, tuple[str, ...]]] = COMMANDS | {
    "build 8": ("build", "--yes", "-f", "many.toml"),
    "download 8": ("download", "--unsaved"),
}
PREPARED: Final = {"download 8": ("generate", "a fox", "-n", "8", "--yes", "--no-wait")}
"""What an ordinary process has done before."""

IMAGES: Final = {"generate": ("fox.png",), "edit": ("fox.png",), "build": ("hero.png",)} | {
    "generate 8": tuple(f"fox-{n}.png" for n in range(1, 9)),
    "build 8": tuple(f"h{n}.png" for n in range(8)),
}


def _limit(flag: str, *values: int) -> Iterator[Environment]:
    for value in values:
        yield Environment(f"ulimit -{flag} {value}", before=f"ulimit -{flag} {value}")


_NOBODY: Final = 65534
_AS_NOBODY: Final = tuple(f"setpriv --reuid {_NOBODY} --regid {_NOBODY} --clear-groups".split())
_MOUNTS: Final = ("unshare", "--mount")


def _by_nobody(name: str, before: str = "", **variables: str) -> Environment:
    """Return an environment of a user without rights, who owns the working folder alone."""
    return Environment(name, before, variables, prefix=_AS_NOBODY, needs_root=True)


def _small(name: str, size: int, before: str, **variables: str) -> Environment:
    """Return an environment with a disk of `size` KB, named `small`, for one purpose."""
    mount = f"mkdir small; mount -t tmpfs -o size={size}k none small; {before}"
    return Environment(
        f"{name} on {size} KB",
        mount,
        variables,
        lacks=("fox.png",),
        prefix=_MOUNTS,
        needs_root=True,
    )


def _small_disks() -> Iterator[Environment]:
    for size in (4, 16, 64, 128, 256, 1024, 3000, 4096):
        yield _small("state", size, 'export FLUXCLI_STATE_DIR="$PWD/small/state"')
        yield _small("output", size, "cp assets.toml many.toml in.png small; cd small")
        yield _small("temporary folder", size, 'export TMPDIR="$PWD/small"')


ENVIRONMENTS: Final[tuple[Environment, ...]] = (
    Environment("ordinary"),
    *_limit("n", 5, 6, 8, 10, 12, 16, 24, 64),
    *_limit("v", 60_000, 100_000, 150_000, 200_000, 300_000, 600_000),
    *_limit("f", 0, 1, 8, 64, 200),
    *_limit("s", 256),
    *_limit("t", 20),
    Environment("no HOME", before="unset HOME"),
    Environment("HOME=/", variables={"HOME": "/"}),
    Environment("HOME empty", variables={"HOME": ""}),
    Environment("HOME relative", variables={"HOME": "some/where"}),
    Environment("HOME missing", variables={"HOME": "/nonexistent/x"}),
    Environment("HOME a file", variables={"HOME": "/etc/passwd"}),
    Environment("HOME is /proc", variables={"HOME": "/proc"}),
    Environment("TMPDIR missing", variables={"TMPDIR": "/nonexistent/x"}),
    Environment("TMPDIR is /proc", variables={"TMPDIR": "/proc"}),
    Environment("stdin closed", after="<&-"),
    Environment("stdout closed", after=">&-"),
    Environment("stderr closed", after="2>&-"),
    Environment("all closed", after="<&- >&- 2>&-"),
    Environment("stdout full", after=">/dev/full"),
    Environment("stderr full", after="2>/dev/full"),
    Environment("both full", after=">/dev/full 2>/dev/full"),
    Environment("reader gone", after="| true; exit ${PIPESTATUS[0]}"),
    Environment("LANG=C", variables={"LANG": "C", "LC_ALL": "C"}),
    Environment(
        "no UTF-8", variables={"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    ),
    Environment("ascii", variables={"PYTHONIOENCODING": "ascii:strict"}),
    Environment("LC_ALL odd", variables={"LC_ALL": "xx_YY.nonsense"}),
    Environment("safe path", variables={"PYTHONSAFEPATH": "1"}),
    Environment("-I", options=("-I",)),
    Environment("-OO", options=("-OO",)),
    Environment("-bb", options=("-bb",)),
    Environment("warnings are errors", options=("-W", "error")),
    Environment("-X dev", options=("-X", "dev")),
    Environment("umask 077", before="umask 077"),
    Environment("umask 000", before="umask 000"),
    Environment("umask 777", before="umask 777"),
    Environment("TZ odd", variables={"TZ": "Nowhere/At_All"}),
    Environment("TZ broken", variables={"TZ": ":/etc/passwd"}),
    Environment("COLUMNS=1", variables={"COLUMNS": "1", "LINES": "1"}),
    Environment("COLUMNS=0", variables={"COLUMNS": "0"}),
    Environment("COLUMNS=x", variables={"COLUMNS": "x"}),
    Environment("COLUMNS huge", variables={"COLUMNS": "9" * 5000}),
    Environment("TERM=dumb", variables={"TERM": "dumb"}),
    Environment("proxy refused", variables={"ALL_PROXY": "http://127.0.0.1:9"}),
    Environment("proxy odd", variables={"HTTP_PROXY": "http://[", "HTTPS_PROXY": "nonsense://x"}),
    Environment("no_proxy odd", variables={"NO_PROXY": "[::1,fe80::/999,*.,,"}),
    Environment("certificates odd", variables={"SSL_CERT_FILE": "/etc/passwd"}),
    Environment("cwd removed", before='mkdir gone; cd gone; rmdir "$PWD"', lacks=("fox.png",)),
    Environment("cwd read-only", before="cd /proc/self", lacks=("fox.png",)),
    Environment("state a file", variables={"FLUXCLI_STATE_DIR": "/etc/passwd/x"}),
    Environment("state in /proc", variables={"FLUXCLI_STATE_DIR": "/proc/x"}),
    Environment("cache in /proc", variables={"FLUXCLI_CACHE_DIR": "/proc/x"}),
    Environment("config a folder", variables={"FLUXCLI_CONFIG": "/etc"}),
    Environment("config a device", variables={"FLUXCLI_CONFIG": "/dev/zero"}),
    Environment("config full", variables={"FLUXCLI_CONFIG": "/dev/full"}),
    Environment(
        "key file a FIFO",
        before="mkfifo key; unset FLUXCLI_API_KEY",
        variables={"FLUXCLI_API_KEY_FILE": "key"},
    ),
    Environment(
        "key file endless",
        before="unset FLUXCLI_API_KEY",
        variables={"FLUXCLI_API_KEY_FILE": "/dev/zero"},
    ),
    Environment("signals ignored", before="trap '' INT TERM HUP PIPE"),
    Environment(
        "XDG relative",
        variables={"XDG_STATE_HOME": "a", "XDG_CONFIG_HOME": "b", "XDG_CACHE_HOME": "c"},
    ),
    Environment("env -i", before="export -n PATH HOME LANG; unset PATH HOME LANG"),
    _by_nobody("another user"),
    _by_nobody("another user, HOME=/", HOME="/"),
    _by_nobody("another user, HOME=/root", HOME="/root"),
    _by_nobody("another user's config", FLUXCLI_CONFIG="/etc/shadow"),
    _by_nobody(
        "another user's key file", "unset FLUXCLI_API_KEY", FLUXCLI_API_KEY_FILE="/etc/shadow"
    ),
    _by_nobody("another user's state", FLUXCLI_STATE_DIR="/etc/fluxcli"),
    _by_nobody("cwd unreadable", "chmod 333 ."),
    _by_nobody("cwd not to be written to", "chmod 555 ."),
    *(_by_nobody(f"ulimit -u {most}", f"ulimit -u {most}") for most in (1, 2, 3, 4, 6, 12)),
    Environment("no /dev/shm", "umount -l /dev/shm", prefix=_MOUNTS, needs_root=True),
    Environment("no /proc", "umount -l /proc", prefix=_MOUNTS, needs_root=True),
    *_small_disks(),
)


def run(environment: Environment, command: str, root: Path) -> Cell:
    """Run one command in one environment, then again in an ordinary one; check both."""
    cwd, home = root / "work", root / "home"
    cwd.mkdir()
    home.mkdir()
    (cwd / "assets.toml").write_text(MANIFEST)
    (cwd / "many.toml").write_text(MANY)
    (cwd / "in.png").write_bytes(png("in"))
    if environment.prefix == _AS_NOBODY:
        root.chmod(0o755)
        for path in (cwd, home, *cwd.iterdir()):
            os.chown(path, _NOBODY, _NOBODY)
    with FaultServer() as server:
        plain = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "FLUXCLI_API_KEY": KEY,
            "FLUXCLI_BASE_URL": server.api_url,
            "FLUXCLI_UPLOAD_URL": server.api_url,
            "FLUXCLI_INTERVAL": "0.1",
            "FLUXCLI_TIMEOUT": "20",
            "FLUXCLI_SANDBOX_SECONDS": "0.1",
            "FLUXCLI_NO_INPUT": "1",
        }
        words = LIMITED[command]
        if command in PREPARED:
            _started(Environment(""), PREPARED[command], cwd, plain)
        before = server.charges
        status, out, err = _started(environment, words, cwd, plain | environment.variables)
        charges = server.charges - before
        wrong = list(_wrong(status, charges, out, err))
        if charges and status == 1 and "stdout" not in err + environment.after:
            wrong.append(f"status 1 after {charges} charges")
        if command in IMAGES and not environment.lacks and server.charges:
            state = dict(environment.variables)
            kept = {
                name: state[name] for name in state if name.startswith(("FLUXCLI_STATE", "XDG_"))
            }
            again, _, message = _started(Environment(""), words, cwd, plain | kept)
            wanted = len(IMAGES[command])
            if server.charges > wanted or (again and again != 2):
                wrong.append(f"again: status {again}, {server.charges} charges: {message[-300:]}")
    return Cell(status, charges, out, err, tuple(wrong))


def _started(
    environment: Environment, words: tuple[str, ...], cwd: Path, env: dict[str, str]
) -> tuple[int, str, str]:
    python, path = _interpreter(environment.prefix)
    # A shell of its own would be a process more for a user who may have one only.
    begin = "" if "|" in environment.after else "exec"
    line = f'{environment.before or ":"}; {begin} "$PYTHON" "$@" {environment.after}'
    env = env | {"PYTHON": python} | ({"PYTHONPATH": path} if path else {})
    shell = [*environment.prefix, "bash", "-c", line, "bash"]
    arguments = [*shell, *environment.options, "-m", "fluxcli", *words]
    try:
        ran = subprocess.run(
            arguments,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return -1, str(error.stdout), str(error.stderr)
    return ran.returncode, ran.stdout.decode(errors="replace"), ran.stderr.decode(errors="replace")


@functools.cache
def _interpreter(prefix: tuple[str, ...]) -> tuple[str, str]:
    """Return an interpreter that the user of `prefix` may run, and its `PYTHONPATH`."""
    trial = [*prefix, "bash", "-c", 'exec "$0" -c ""', sys.executable]
    own = subprocess.run(trial, capture_output=True, check=False)
    if own.returncode == 0:
        return sys.executable, ""
    root = str(Path(fluxcli.__file__).parents[1])
    return "/usr/bin/python3", os.pathsep.join([root, sysconfig.get_path("purelib")])


def _wrong(status: int, charges: int, out: str, err: str) -> Iterator[str]:
    if status == -1:
        yield "hangs"
    elif status not in DOCUMENTED:
        yield f"status {status}"
    for text in ("Traceback", "a bug in fluxcli", "Exception ignored", "Fatal Python"):
        if text in err or text in out:
            yield text
    if charges and status in NOTHING_SENT:
        yield f"status {status} after {charges} charges"
    if KEY in err or KEY in out:
        yield "the key is shown"


LIMITS: Final = (
    *_limit("v", *range(60_000, 500_000, 5000)),
    *_limit("n", *range(5, 41)),
    *_limit("f", *range(0, 128, 8), *range(128, 7000, 512)),
    *_limit("s", 128, 256, 512, 2048),
    *_limit("t", 1),
)
"""A process that meets one of them ends in order, with nothing spent or with its images."""

SPENDING: Final = ("generate", "generate 8", "edit", "build", "build 8", "download 8")


def environments(size: Size) -> Figure:
    """Run each command in each environment."""
    return _tried("odd environments", ENVIRONMENTS, tuple(COMMANDS), size)


def limits(size: Size) -> Figure:
    """Run what submits or downloads within each limit, from far too little to enough."""
    return _tried("limits", LIMITS, SPENDING, size)


def _tried(
    name: str, environments: tuple[Environment, ...], commands: tuple[str, ...], size: Size
) -> Figure:
    figure = Figure(f"commands x {name}", "0 tracebacks, 0 hangs, 0 charges denied")
    able = [one for one in environments if not one.needs_root or os.geteuid() == 0]
    cells = [(one, command) for one in able for command in commands]
    for environment, command in cells[:: size.step]:
        with room() as root:
            cell = run(environment, command, root)
        figure.trials += 1
        figure.found[f"status {cell.status}"] += 1
        for wrong in cell.wrong:
            figure.fail(f"{environment.name}, {command}: {wrong}: {cell.err[-300:]}")
    return figure
