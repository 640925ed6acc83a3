"""What real shells offer at a TAB, and that it costs no process."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from fluxcli.completion.program import program
from fluxcli.fields import RATIOS
from tests.completions import shells
from tests.completions.shells import LISTS_TASKS, TASKS, Fish, Home, Shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_STARTED = re.compile(r"\b(?:execve|v?fork|clone3?)\((?!.*CLONE_THREAD)")
_COMMANDS = list(program().all())
_OPEN: dict[str, Callable[..., Any]] = {
    "bash": shells.bash,
    "zsh": shells.zsh,
    "fish": lambda home, *before: Fish(home, before),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module", params=_OPEN)
def shell(request: pytest.FixtureRequest, home: Home) -> Iterator[Shell]:
    opened = _OPEN[request.param](home)
    yield opened
    if not isinstance(opened, Fish):
        opened.close()


@pytest.mark.parametrize("command", _COMMANDS, ids=lambda command: command.words or "fluxcli")
def test_every_flag_of_every_command_is_offered(shell: Shell, command: Any) -> None:
    expected = sorted(
        name for flag in command.flags for name in flag.names if name.startswith("--")
    )
    assert shell.complete(f"fluxcli {command.words} --".replace("  ", " ")) == expected


@pytest.mark.parametrize("words", ["", "config"])
def test_the_words_below_are_offered(shell: Shell, words: str) -> None:
    (command,) = (one for one in _COMMANDS if one.words == words)
    expected = sorted(one.word for one in command.commands)
    assert shell.complete(f"fluxcli {words} ".replace("  ", " ")) == expected


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fluxcli gen", ["generate"]),
        ("fluxcli --color never --json gen", ["generate"]),
        ("fluxcli generate -q --model ", ["max", "pro"]),
        ("fluxcli edit a.png 'make it night' -m ", ["max", "pro"]),
        ("fluxcli generate --model=p", ["--model=pro"]),
        ("fluxcli generate -a ", sorted(RATIOS)),
        ("fluxcli generate -a 1", ["16:9", "1:1"]),
        ("fluxcli generate -a 16:", ["16:9"]),
        ("fluxcli generate --aspect-ratio=9:1", ["--aspect-ratio=9:16"]),
        ("fluxcli generate --output-format ", ["jpeg", "png"]),
        ("fluxcli generate --safety-tolerance ", list("0123456")),
        ("fluxcli edit --safety-tolerance ", list("012")),
        ("fluxcli --color ", ["always", "auto", "never"]),
        ("fluxcli status --settle ", ["not-charged"]),
        ("fluxcli config set edit.m", ["edit.model"]),
        ("fluxcli config get --json c", ["color"]),
        ("fluxcli config unset api_", ["api_key"]),
        ("fluxcli config set color ", []),
        ("fluxcli generate ", []),
        ("fluxcli generate --count ", []),
    ],
)
def test_words_and_values(shell: Shell, line: str, offered: list[str]) -> None:
    assert shell.complete(line) == sorted(offered)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fluxcli generate --model max --mo", "--mo"),
        ("fluxcli generate -m max --mo", "--mo"),
        ("fluxcli generate --model=max --mo", "--mo"),
        ("fluxcli generate --no-upload-cn --upl", "--upl"),
        ("fluxcli sandbox --fault submit:reset --fa", "--fault"),
        ("fluxcli generate 'with --model in it' --mo", "--model"),
        ("fluxcli generate -- --mo", "--mo"),
    ],
)
def test_a_flag_is_offered_until_it_is_given(shell: Shell, line: str, offered: str) -> None:
    """One that may be repeated always is; nothing after `--` is one."""
    assert shell.complete(line) == [offered]


@pytest.mark.parametrize(
    "line",
    [
        "fluxcli edit pi",
        "fluxcli generate -o pi",
        "fluxcli generate --prompt-file pi",
        "fluxcli download --output pi",
    ],
)
def test_files(shell: Shell, line: str) -> None:
    assert [word.replace("\\", "") for word in shell.complete(line)] == ["picture one.png"]


@pytest.mark.parametrize(
    ("line", "question"),
    [
        ("fluxcli status ", ""),
        ("fluxcli status --sandbox @last ", " --sandbox"),
        ("fluxcli download --force x ", ""),
    ],
)
def test_tasks(shell: Shell, home: Home, line: str, question: str) -> None:
    """Ids come from the journal alone; the sandbox has tasks of its own."""
    assert shell.complete(line) == sorted(["@last", *TASKS])
    assert home.requested[-1] == LISTS_TASKS + question


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fluxcli build ", ["assets.toml", "other.toml", "hero", "icon[1:1,mail]"]),
        ("fluxcli build h", ["hero"]),
        ("fluxcli build hero i", ["icon[1:1,mail]"]),
        ("fluxcli build other.toml ", ["banner"]),
        ("fluxcli build --reroll ", ["hero", "icon[1:1,mail]"]),
        ("fluxcli assets pick h", ["hero"]),
        ("fluxcli assets explain other.toml b", ["banner"]),
    ],
)
def test_assets_and_manifests(shell: Shell, line: str, offered: list[str]) -> None:
    assert [word.replace("\\", "") for word in shell.complete(line)] == sorted(offered)


def test_topics_and_commands_of_help(shell: Shell) -> None:
    assert shell.complete("fluxcli help m") == ["manifest", "money"]
    assert shell.complete("fluxcli help gen") == ["generate"]
    assert shell.complete("fluxcli completion ") == ["bash", "fish", "powershell", "zsh"]


def test_tasks_that_begin_as_typed(shell: Shell) -> None:
    assert shell.complete("fluxcli status e7") == [TASKS[0]]
    assert shell.complete("fluxcli status @l") == ["@last"]


def test_tasks_to_edit(shell: Shell) -> None:
    assert shell.complete("fluxcli edit @") == sorted(["@last", *(f"@{task}" for task in TASKS)])
    assert shell.complete("fluxcli edit @e7") == [f"@{TASKS[0]}"]


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_words_and_flags_start_no_process(name: str, tmp_path: Path) -> None:
    shells.require("strace")
    trace = tmp_path / "trace"
    home = Home(tmp_path)
    shell = _OPEN[name](home, "strace", "-f", "-qq", "-e", "trace=process", "-o", str(trace))
    try:
        assert shell.complete("fluxcli conf") == ["config"]
        before = len(_started(trace))
        assert before
        assert shell.complete("fluxcli generate -q --mo") == ["--model"]
        assert shell.complete("fluxcli generate --aspect-ratio 16") == ["16:9"]
        assert shell.complete("fluxcli config set edit.m") == ["edit.model"]
        assert len(_started(trace)) == before
        shell.complete("fluxcli status ")
        assert len(_started(trace)) > before
    finally:
        shell.close()


@pytest.mark.parametrize("line", ["fluxcli conf", "fluxcli generate --mo", "fluxcli edit -a 16"])
def test_words_and_flags_start_no_process_in_fish(line: str, tmp_path: Path) -> None:
    shells.require("strace")
    trace = tmp_path / "trace"
    traced = ("strace", "-f", "-qq", "-e", "trace=process", "-o", str(trace))
    Fish(Home(tmp_path), traced).complete(line)
    assert len(_started(trace)) == 1, "fish itself, and nothing else"


def _started(trace: Path) -> list[str]:
    return [row for row in trace.read_text().splitlines() if _STARTED.search(row)]
