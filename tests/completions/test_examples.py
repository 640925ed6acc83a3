"""Every example of every help page runs unchanged against the sandbox."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from fluxcli.completion.program import program
from tests.completions.shells import require

_EXAMPLES: Final = [
    (command.words, example) for command in program().all() for example in command.examples
]
_OTHER_STATUSES: Final = {
    "fluxcli callback verify --body body.json": 3,
    "fluxcli callback verify --json < body.json": 3,
}
_SERVERS: Final = ("fluxcli sandbox --port", "fluxcli callback listen")


def _run(line: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    if "completion zsh" in line:
        shell = [require("zsh"), "-f", "-i", "-c"]
    elif "completion fish" in line:
        shell = [require("fish"), "--no-config", "-c"]
    else:
        shell = ["bash", "--norc", "-c"]
    return subprocess.run(
        [*shell, line],
        cwd=folder,
        env=env,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=90,
    )


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "EDITOR": "true",
        "FLUXCLI_SANDBOX": "1",
        "FLUXCLI_SANDBOX_SECONDS": "0",
        "FLUXCLI_WEBHOOK_HMAC_KEY": "c0ffee",
    }


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the files and tasks that examples speak of."""
    home = tmp_path_factory.mktemp("home")
    work = home / "work"
    work.mkdir()
    (work / "key.txt").write_text("c0ffee00c0ffee00c0ffee00c0ffee00\n")
    (work / "body.json").write_text('{"taskId": "0123456789abcdef"}')
    for line in (
        'fluxcli generate "a lighthouse at dusk" -o lighthouse.png',
        'fluxcli generate "a fox" --no-wait',
        "fluxcli assets init",
        "fluxcli build hero --candidates 2 --yes",
        "fluxcli build --yes --shard 1/2",
        "fluxcli build --yes --shard 2/2",
        "fluxcli assets merge assets.lock.*-of-2",
    ):
        ran = _run(line, work, _environment(home))
        assert ran.returncode == 0, (line, ran.stderr)
    return home


@pytest.mark.parametrize(
    ("words", "example"), _EXAMPLES, ids=[f"{words}: {line}" for words, line in _EXAMPLES]
)
def test_each_runs_unchanged(words: str, example: str, furnished: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(furnished, home)
    if example.startswith(_SERVERS):
        _serve(example, home)
        return
    if "generate" in example:
        (home / "work" / "lighthouse.png").unlink()
    ran = _run(example, home / "work", _environment(home))
    assert ran.returncode == _OTHER_STATUSES.get(example, 0), ran.stderr
    assert words.rpartition(" ")[2] in example


def _serve(example: str, home: Path) -> None:
    """Run a server until it says that it is ready, and end it with Ctrl-C."""
    process = subprocess.Popen(
        ["bash", "--norc", "-c", f"exec {example}"],
        cwd=home / "work",
        env=_environment(home),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    try:
        assert "Ctrl-C ends it" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.stderr.close()


@pytest.mark.parametrize("command", list(program().all()), ids=lambda one: one.path)
def test_each_command_has_two_or_three(command: object) -> None:
    examples = getattr(command, "examples", ())
    assert 2 <= len(examples) <= 3
    assert len(set(examples)) == len(examples)
