"""What is loaded before there is work to do: start-up is felt at every prompt and in every loop.

Times are for `tests/benchmarks`; here it is modules, which no noise can touch.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from fluxcli import __version__
from fluxcli.fast_help import command_page

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOT: Final = Path(__file__).parents[1]
_RUN: Final = "from fluxcli.__main__ import run; run()"
_MAIN: Final = (
    "import sys; from fluxcli.cli import main; from fluxcli.context import Context;"
    "main(sys.argv[1:], Context.of_process())"
)
_TAB: Final = "import sys; from fluxcli.__main__ import _is_listed; _is_listed(sys.argv[1:])"
_TYPER: Final = "import typer, typer.main, typer._click.decorators"
_ASKED: Final = ("completion", "--list", "tasks")
_LIST: Final = "; import sys; sys.stderr.write('\\nloaded: ' + ' '.join(sys.modules))"

_ROOMS: Final = frozenset(
    {"cli", "commands", "context", "files", "output", "settings"}
    | {
        "filelock",
        "task_types",
        "fields",
        "prices_and_limits",
        "clock",
        "signals",
        "errors",
        "system",
        "dataclass",
    }
)
_NEEDED: Final = frozenset(
    {"_bisect", "bisect", "_queue", "queue", "binascii", "dataclasses", "shlex", "unicodedata"}
)
"""Small modules of the standard library that typer does not load anyway."""

_JSON: Final = frozenset({"_json", "json", "json.decoder", "json.encoder", "json.scanner"})
_SQLITE: Final = frozenset({"_sqlite3", "sqlite3", "sqlite3.dbapi2"})


_HELP: Final = command_page([], 80)
_COVERAGE: Final = {name: text for name, text in os.environ.items() if name.startswith("COVERAGE")}
"""Lets processes be measured too, but where their modules are counted."""


def _loaded(code: str, *arguments: str, env: Mapping[str, str]) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", code + _LIST, *arguments],
        capture_output=True,
        env=env,
        text=True,
        check=True,
        timeout=60,
    )
    return set(ran.stderr.rpartition("loaded: ")[2].split())


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(_ROOT),
        "FLUXCLI_CONFIG": str(tmp_path / "config.toml"),
        "FLUXCLI_STATE_DIR": str(tmp_path / "state"),
        "FLUXCLI_CACHE_DIR": str(tmp_path / "cache"),
    }


@pytest.mark.parametrize(
    ("arguments", "modules"),
    [
        (["--version"], set()),
        ([], {"fluxcli.fast_help"}),
        (["--help"], {"fluxcli.fast_help"}),
        (["generate", "-h"], {"fluxcli.fast_help"}),
        (["config", "set", "--help"], {"fluxcli.fast_help"}),
        (["help"], {"fluxcli.fast_help"}),
        (["help", "config", "set"], {"fluxcli.fast_help"}),
        (["help", "exit-codes"], {"fluxcli.fast_help"}),
        (["help", "agents"], {"fluxcli.fast_help"}),
        (["help", "--json"], {"fluxcli.fast_help"}),
        (["completion", "zsh"], {"fluxcli.fast_completion"}),
    ],
)
def test_version_help_and_scripts_load_nothing(
    arguments: list[str], modules: set[str], env: dict[str, str]
) -> None:
    extra = _loaded(_RUN, *arguments, env=env) - _loaded("pass", env=env)
    assert extra == {"__future__", "gc", "fluxcli", "fluxcli.__main__"} | modules


@pytest.mark.parametrize(
    ("arguments", "rooms", "modules"),
    [
        (["generate", "--nope"], set(), set()),
        (["generat"], set(), set()),
        (["status", "--offline"], {"journal"}, _JSON | _SQLITE),
        (["config", "list"], set(), _JSON),
        (["config", "path"], set(), _JSON),
    ],
)
def test_a_command_loads_what_it_needs(
    arguments: list[str], rooms: set[str], modules: set[str], env: dict[str, str]
) -> None:
    """No httpx, no rich, none of the modules that make images, no other package."""
    extra = _loaded(_MAIN, *arguments, env=env) - _loaded(_TYPER, env=env)
    ours = {name for name in extra if name.partition(".")[0] == "fluxcli"}
    assert {name.split(".")[1] for name in ours if "." in name} <= _ROOMS | rooms
    assert extra - ours <= _NEEDED | modules | {"__future__"}


def test_a_command_loads_no_other_command(env: dict[str, str]) -> None:
    loaded = _loaded(_MAIN, "--json", "status", "--offline", env=env)
    commands = {name for name in loaded if name.startswith("fluxcli.commands.")}
    assert commands == {
        "fluxcli.commands.list_options",
        "fluxcli.commands.options",
        "fluxcli.commands.status",
        "fluxcli.commands.task_names",
        "fluxcli.commands.task_services",
        "fluxcli.commands.typer_binding",
    }


@pytest.mark.parametrize(
    "words", [["build", "--check"], ["build", "--plan"], ["assets", "explain", "hero"]]
)
def test_a_plan_loads_nothing_that_makes_images(
    words: list[str], tmp_path: Path, env: dict[str, str]
) -> None:
    """A plan needs neither network nor journal."""
    file = tmp_path / "assets.toml"
    file.write_text("version = 1\n[assets.hero]\nprompt = 'A lighthouse'\n")
    loaded = _loaded(_MAIN, *words, str(file), env=env)
    rooms = {name.split(".")[1] for name in loaded if name.startswith("fluxcli.")}
    needed = {"build", "client", "files", "tomltext"}
    assert needed <= rooms <= _ROOMS | needed
    client = {name for name in loaded if name.startswith("fluxcli.client.")}
    assert client == {"fluxcli.client.origins"}, "the remembered prices need no more"
    assert not loaded & {"httpx", "rich", "sqlite3", "tomli_w", "concurrent.futures"}


def test_a_tab_loads_no_typer(env: dict[str, str]) -> None:
    loaded = _loaded(_TAB, *_ASKED, env=env)
    assert "fluxcli.journal.journal" in loaded
    assert not loaded & {"typer", "httpx", "rich", "fluxcli.cli"}


@pytest.mark.parametrize("words", [[], ["--sandbox"]])
@pytest.mark.parametrize("setting", ["", "nosuch = 1", "color = 7"])
def test_a_tab_gets_what_the_command_prints(
    words: list[str], setting: str, tmp_path: Path, env: dict[str, str]
) -> None:
    """Of tasks, with an unknown setting, and with a broken one."""
    env["FLUXCLI_SANDBOX_SECONDS"] = "0"
    _process(_RUN, "generate", "a cat", "-o", str(tmp_path), "--sandbox", env=env)
    (tmp_path / "config.toml").write_text(setting)
    short = _process(_RUN, *_ASKED, *words, env=env)
    long = _process(_MAIN, *_ASKED, *words, env=env)
    assert (short.stdout, short.stderr) == (long.stdout, long.stderr)
    assert ("a cat" in short.stdout) == (words == ["--sandbox"] and setting != "color = 7")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["status", "--offline"]])
def test_the_fast_path_prints_what_the_parser_does(
    arguments: list[str], env: dict[str, str]
) -> None:
    short = _process(_RUN, *arguments, env=env)
    long = _process(_MAIN, *arguments, env=env)
    assert (short.stdout, short.stderr, short.returncode) == (long.stdout, long.stderr, 0)
    assert short.stdout in {f"fluxcli {__version__}\n", _HELP, ""}


@pytest.mark.parametrize("columns", ["1", "40", "60", "80", "120", "200", "wide", "-3"])
@pytest.mark.parametrize("words", [["--help"], ["generate", "-h"], ["help", "money"], ["help"]])
def test_the_fast_path_prints_the_same_help_at_every_width(
    words: list[str], columns: str, env: dict[str, str]
) -> None:
    short = _process(_RUN, *words, env=env | {"COLUMNS": columns})
    long = _process(_MAIN, *words, env=env | {"COLUMNS": columns})
    assert (short.stdout, short.returncode) == (long.stdout, 0)
    assert short.stdout.endswith("\n")


@pytest.mark.parametrize(("redirection", "status"), [("| true", 0), (">/dev/full", 1), (">&-", 0)])
@pytest.mark.parametrize("word", ["--version", "--help"])
def test_help_that_cannot_be_written(
    word: str, redirection: str, status: int, env: dict[str, str]
) -> None:
    """A reader that is gone and a closed stream are ignored; a full disk is reported."""
    line = f'set -o pipefail; "$0" -c "$1" {word} {redirection}'
    ran = subprocess.run(
        ["bash", "-c", line, sys.executable, _RUN],
        capture_output=True,
        env=env | _COVERAGE | {"PATH": os.environ["PATH"]},
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == status
    assert ("error: " in ran.stderr) == bool(status)
    assert "Traceback" not in ran.stderr


def _process(
    code: str, *arguments: str, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        env={**env, **_COVERAGE},
        text=True,
        check=False,
        timeout=60,
    )
