"""Real shells at a terminal, asked what they make of a TAB.

Each completes the last word of a line to all that it offers at once; a function of the shell
then says the words of the line. No configuration of this machine is read.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import pexpect
import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRIPTS: Final = Path(__file__).parents[2] / "completions"
_PATIENCE: Final = 30.0
_DONE: Final = "<said>"

FAKE: Final = """\
#!/bin/sh
echo "$*" >> "$ASKED"
case $3 in
  tasks)
    printf 'e730dcfe4e5d59332daf52c08a960085\\ta cat: asleep (saved, 2 m ago)\\n'
    printf '0123456789abcdef0123456789abcdef\\t[two] dogs (running, 3 m ago)\\n'
    ;;
  assets) printf 'hero\\tA lighthouse\\nicon[1:1,mail]\\tA mail icon\\n' ;;
  other.toml) printf 'banner\\tA banner\\n' ;;
  presets) printf 'flat\\t{prompt}, flat vector\\nnight\\n' ;;
esac
"""
_SAID: Final = r"""said() { printf '%s\n' "$@" >"$SAID"; printf '<%s>\n' said; }"""
LISTS_TASKS: Final = "completion --list tasks"
"""What scripts run for the tasks of this machine."""

TASKS: Final = ("e730dcfe4e5d59332daf52c08a960085", "0123456789abcdef0123456789abcdef")


def require(tool: str) -> str:
    """Return the path of a tool of this machine; without it skip, but fail in CI."""
    found = shutil.which(tool)
    if found is None:
        reason = f"`{tool}` is not installed: apt-get install {tool}"
        if os.environ.get("FLUXCLI_CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@dataclass(frozen=True, slots=True)
class Home:
    """A folder in which shells start: with a stand-in for fluxcli on the path, and files."""

    root: Path
    env: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Furnish it."""
        binaries = self.root / "bin"
        binaries.mkdir()
        (binaries / "fluxcli").write_text(FAKE)
        (binaries / "fluxcli").chmod(0o755)
        (self.root / "picture one.png").touch()
        (self.root / "prompts").mkdir()
        (self.root / "assets.toml").touch()
        (self.root / "other.toml").touch()
        object.__setattr__(
            self,
            "env",
            {
                "PATH": f"{binaries}:/usr/local/bin:/usr/bin:/bin",
                "HOME": str(self.root),
                "ASKED": str(self.root / "asked"),
                "SAID": str(self.root / "said"),
                "TERM": "xterm",
                "LANG": "C.UTF-8",
            },
        )

    @property
    def requested(self) -> list[str]:
        """What the stand-in was asked, one command line each."""
        path = Path(self.env["ASKED"])
        return path.read_text().splitlines() if path.exists() else []


class Shell(Protocol):
    """A shell whose completions can be read."""

    def complete(self, line: str) -> list[str]:
        """Return all that the last word of `line` may become, sorted; if nothing, the word."""


class Terminal:
    """A shell at a terminal. `key` inserts all that it offers; `setup` defines `said`."""

    def __init__(
        self, command: Sequence[str], home: Home, *, setup: Sequence[str], key: str
    ) -> None:
        self._said = Path(home.env["SAID"])
        self._key = key
        name, *arguments = command
        self._child = pexpect.spawn(
            name,
            arguments,
            env=home.env,
            cwd=str(home.root),
            timeout=_PATIENCE,
            dimensions=(50, 1000),
            encoding="utf-8",
        )
        for line in setup:
            self._child.sendline(line)

    def complete(self, line: str) -> list[str]:
        """Return all that the last word of `line` may become, sorted; if nothing, the word."""
        self._child.send(f"{line}{self._key}\x01said \r")
        self._child.expect_exact(_DONE)
        words = self._said.read_text().splitlines()
        return sorted(words[len(shlex.split(line[: line.rfind(" ")])) :])

    def close(self) -> None:
        """End the shell."""
        self._child.close(force=True)


def bash(home: Home, *before: str) -> Terminal:
    """Return a bash with the script read in; `before` is what it is run by."""
    setup = (
        "bind 'set enable-bracketed-paste off'",
        "bind 'set mark-directories off'",
        f"source {SCRIPTS / 'fluxcli.bash'}",
        _SAID,
    )
    command = (*before, require("bash"), "--norc", "--noprofile", "-i")
    return Terminal(command, home, setup=setup, key="\x1b*")


def zsh(home: Home, *before: str) -> Terminal:
    """Return a zsh with the script on its `fpath`; `before` is what it is run by."""
    setup = (
        f"fpath=({SCRIPTS} $fpath)",
        "autoload -Uz compinit && compinit -u -D",
        "zle -C all-matches complete-word _generic",
        "bindkey '^T' all-matches",
        "zstyle ':completion:all-matches::::' completer _all_matches _complete",
        "zstyle ':completion:all-matches:*' insert true",
        _SAID,
    )
    command = (*before, require("zsh"), "-f", "-i")
    return Terminal(command, home, setup=setup, key="\x14")


@dataclass(frozen=True, slots=True)
class Fish:
    """A fish, which prints its completions with `complete -C`."""

    home: Home
    before: tuple[str, ...] = ()

    def complete(self, line: str) -> list[str]:
        """Return all that the last word of `line` may become, sorted; if nothing, the word."""
        code = f"source {SCRIPTS / 'fluxcli.fish'}; complete -C $LINE"
        ran = subprocess.run(
            [*self.before, require("fish"), "--no-config", "-c", code],
            env=self.home.env | {"LINE": line},
            cwd=self.home.root,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
        )
        assert not ran.stderr
        found = sorted(row.partition("\t")[0] for row in ran.stdout.splitlines())
        return found or [word for word in [line.rpartition(" ")[2]] if word]
