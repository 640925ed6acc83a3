"""The documented ways to load a completion script, in real shells with the real program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pexpect
import pytest

from fluxcli.fast_completion import SCRIPTS, script
from tests.completions.shells import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.worlds import World

_READY: Final = "<ready>"
_LISTED: Final = "a cat asleep (saved"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment of a home in which one image was made in the sandbox."""
    found = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TERM": "xterm",
        "LANG": "C.UTF-8",
        "FLUXCLI_SANDBOX": "1",
        "FLUXCLI_SANDBOX_SECONDS": "0",
    }
    words = ["fluxcli", "generate", "a cat\tasleep", "-o", str(tmp_path / "cat.png")]
    subprocess.run(words, env=found, check=True, capture_output=True, timeout=60)
    return found


def _listed(command: Sequence[str], load: str, env: dict[str, str]) -> str:
    """Return what a shell shows for `fluxcli status ` and TAB after its script was loaded."""
    name, *arguments = command
    child = pexpect.spawn(
        require(name), arguments, env=env, cwd=env["HOME"], dimensions=(40, 120), encoding="utf-8"
    )
    try:
        child.sendline(f"{load}; printf '<%s>\\n' ready")
        child.expect_exact(_READY, timeout=30)
        child.send("fluxcli status \t")
        time.sleep(0.2)
        child.send("\t")
        child.expect_exact(_LISTED, timeout=30)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", (child.before or "") + _LISTED)
    finally:
        child.close(force=True)


def test_bash_lists_tasks_with_their_prompts(env: dict[str, str]) -> None:
    bash = ["bash", "--norc", "--noprofile", "-i"]
    shown = _listed(bash, 'eval "$(fluxcli completion bash)"', env)
    assert re.search(r"@last +-- the latest task", shown)
    rows = re.findall(r"^[0-9a-f]{32}.*", shown, re.MULTILINE)
    assert rows
    assert all(" -- a cat" in row for row in rows), "no id stands alone"


def test_zsh_lists_tasks_with_their_prompts(env: dict[str, str]) -> None:
    shown = _listed(["zsh", "-f", "-i"], "source <(fluxcli completion zsh)", env)
    assert re.search(r"[0-9a-f]{32} +-- a cat asleep", shown)


def test_zsh_takes_the_script_from_fpath(env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "functions"
    folder.mkdir()
    (folder / "_fluxcli").write_bytes(script("zsh"))
    load = f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D"
    assert "@last" in _listed(["zsh", "-f", "-i"], load, env)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fluxcli gen", "generate"),
        ("fluxcli help exit", "exit-codes"),
        ("fluxcli status ", "a cat asleep (saved"),
        ("fluxcli completion po", "powershell"),
    ],
)
def test_fish_reads_the_script(line: str, offered: str, env: dict[str, str]) -> None:
    code = "fluxcli completion fish | source; complete -C $LINE"
    ran = subprocess.run(
        [require("fish"), "--no-config", "-c", code],
        env=env | {"LINE": line},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert offered in ran.stdout
    assert not ran.stderr


@pytest.mark.parametrize("shell", SCRIPTS)
class TestTheCommand:
    def test_it_prints_the_script(self, world: World, shell: str) -> None:
        ran = world.run("completion", shell)
        assert (ran.status, ran.err) == (0, "")
        assert ran.out == script(shell)

    def test_other_spellings_are_understood(self, world: World, shell: str) -> None:
        for word in (shell.upper(), f"/usr/bin/{shell}", f"{shell}.exe"):
            assert world.run("completion", word).out == script(shell)


class TestSlips:
    @pytest.mark.parametrize(
        ("words", "hint"),
        [
            (["completion"], "hint: fluxcli completion zsh"),
            (["completion", "bsh"], "hint: fluxcli completion bash"),
            (["completion", "fihs"], "hint: fluxcli completion fish"),
            (["completion", "tcsh"], "hint: fluxcli completion "),
            (["completion", "--list", "task"], "hint: fluxcli completion --list tasks"),
            (["completions"], "hint: fluxcli completion bash"),
            (["completions", "zsh"], "hint: fluxcli completion zsh"),
        ],
    )
    def test_the_hint_is_the_right_command(self, world: World, words: list[str], hint: str) -> None:
        ran = world.run(*words, env={"SHELL": "/bin/zsh"})
        assert (ran.status, ran.out) == (2, b"")
        assert hint in ran.err


class TestNames:
    @pytest.fixture
    def furnished(self, world: World) -> World:
        world.run("generate", "a red\tcube \x1b[31m", "--sandbox", "-o", "cube.png")
        (world.cwd / "assets.toml").write_text(
            "version = 1\n[assets.hero]\nprompt = 'A lighthouse'\n[assets.icon]\n"
            "prompt = 'An icon'\nmatrix = { what = ['mail', 'phone'] }\n"
        )
        (world.cwd / "other.toml").write_text("version = 1\n[assets.banner]\nprompt = 'A banner'\n")
        config = world.root / "config" / "config.toml"
        config.parent.mkdir()
        config.write_text("[presets.flat]\nstyle = '{prompt}, flat vector'\n[presets.plain]\n")
        return world

    def test_of_tasks_have_their_prompts(self, furnished: World) -> None:
        (row,) = furnished.run("completion", "--list", "tasks", "--sandbox").lines
        name, text = row.split("\t")
        assert len(name) == 32
        assert text == r"a red cube \x1b[31m (saved, just now)"

    def test_of_assets_have_their_prompts(self, furnished: World) -> None:
        assert furnished.run("completion", "--list", "assets").lines == [
            "hero\tA lighthouse",
            "icon[mail]\tAn icon",
            "icon[phone]\tAn icon",
        ]
        assert furnished.run("completion", "--list", "other.toml").lines == ["banner\tA banner"]

    def test_of_presets_have_their_styles(self, furnished: World) -> None:
        assert furnished.run("completion", "--list", "presets").lines == [
            "flat\t{prompt}, flat vector",
            "plain",
        ]
