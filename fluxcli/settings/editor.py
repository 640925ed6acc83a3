"""The config file in the user's own editor.

Runs the editor and checks its exit status; the caller checks what was written. The file stays as
the user left it.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.settings import file
from fluxcli.settings.template import template
from fluxcli.system.shell_syntax import set_variable

if TYPE_CHECKING:
    from collections.abc import Mapping

_USUAL: Final = ("sensible-editor", "nano", "vim", "vi")
_CHOOSE: Final = set_variable("EDITOR", "notepad" if sys.platform == "win32" else "nano")


def edit(path: Path, env: Mapping[str, str]) -> None:
    """Let the user edit the file; one that is missing begins as a commented template.

    Raises:
        FluxError: the file cannot be made, or the editor cannot be run or fails.
    """
    import shutil
    import subprocess

    command = editor(env)
    target = Path(os.path.realpath(path))
    if not target.exists():
        file.write(target, template())
    # Windows starts `code.cmd` by its full name only.
    program = shutil.which(command[0], path=env.get("PATH")) or command[0]
    words = [program, *command[1:], str(path)]
    try:
        done = subprocess.run(words, env=dict(env), check=False)  # noqa: S603 - the user's own choice
    except OSError as error:
        reason = reason_of(error)
        raise _unusable(f"the editor `{command[0]}` cannot be started: {reason}") from error
    if done.returncode:
        raise _unusable(f"the editor `{command[0]}` ended with status {done.returncode}")


def editor(env: Mapping[str, str]) -> list[str]:
    """Return the editor's command: `VISUAL`, `EDITOR`, or what this machine usually has.

    Raises:
        FluxError: the variable cannot be read as a command, or there is no editor.
    """
    for name in ("VISUAL", "EDITOR"):
        if words := _words(name, env.get(name, "")):
            return words
    import shutil

    usual = ("notepad",) if sys.platform == "win32" else _USUAL
    found = next((name for name in usual if shutil.which(name, path=env.get("PATH"))), None)
    if found is None:
        raise _unusable("no editor was found: set `VISUAL` or `EDITOR`")
    return [found]


def _words(name: str, command: str) -> list[str]:
    try:
        return split_command(command)
    except ValueError as error:
        reason = str(error).lower().rstrip(".")
        raise _unusable(f"`{name}` is not a command: {reason}") from None


def split_command(command: str, *, windows: bool = sys.platform == "win32") -> list[str]:
    r"""Return a command's words; on Windows `\` does not escape, and quotes hold a path together.

    Raises:
        ValueError: a quote is not closed.
    """
    words = shlex.split(command, posix=not windows)
    if not windows:
        return words
    return [word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word for word in words]


def _unusable(message: str) -> FluxError:
    return FluxError(Code.ENVIRONMENT_INVALID, message, hint=_CHOOSE)
