"""Commands that a user can paste: POSIX shells, or PowerShell on Windows.

Git for Windows brings bash, which its variable `MSYSTEM` shows.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

POSIX: Final = sys.platform != "win32" or "MSYSTEM" in os.environ

END_OF_INPUT: Final = "Ctrl-Z and Enter" if sys.platform == "win32" else "Ctrl-D"
"""The keys that end what is typed into a terminal."""

_PLAIN: Final = r"(?a)[\w./\\:=+-]+"
_SPECIAL: Final = frozenset('"$`%!\\')
"""What some shell changes between double quotes."""


def quote(word: str, *, posix: bool = POSIX) -> str:
    """Return a word as one argument, in double quotes (which cmd reads too) where they do."""
    if posix:
        import shlex

        if shlex.quote(word) == word:
            return word
    elif re.fullmatch(_PLAIN, word):
        return word
    if word and _SPECIAL.isdisjoint(word):
        return f'"{word}"'
    return shlex.quote(word) if posix else _single(word)


def join(words: Iterable[str], *, posix: bool = POSIX) -> str:
    """Return words as one command line."""
    return " ".join(quote(word, posix=posix) for word in words)


def set_variable(name: str, value: str, *, posix: bool = POSIX) -> str:
    """Return the command that sets an environment variable for the programs that follow."""
    if posix:
        return f"export {name}={quote(value, posix=True)}"
    return f"$env:{name} = {_single(value)}"


def below_working_folder(name: str, folder: str, *, posix: bool = POSIX) -> str:
    """Return the command that sets a variable to a folder below the shell's own."""
    return f'export {name}="$PWD/{folder}"' if posix else f'$env:{name} = "$PWD\\{folder}"'


def unset_variable(name: str, *, posix: bool = POSIX) -> str:
    """Return the command that removes an environment variable."""
    return f"unset {name}" if posix else f"Remove-Item Env:{name}"


def _single(text: str) -> str:
    """Return text between PowerShell's single quotes, where only they have a meaning."""
    return "'" + text.replace("'", "''") + "'"
