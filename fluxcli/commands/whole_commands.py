"""A hint that is a flag or a word becomes the whole corrected command line, to be pasted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fluxcli.errors import FluxError, ProblemsError
from fluxcli.system.shell_syntax import join

if TYPE_CHECKING:
    from collections.abc import Sequence

_FLAG: Final = re.compile(r"(--[a-z][a-z-]*)(?: ([^\s'\"`(]+))?")
_MEANT: Final = re.compile(r"did you mean `([^`]+)`(?: or (`[^`]+`))?\?")
_QUOTED: Final = re.compile(r"`([^`]+)`")
_SHORT: Final = {"--count": "-n", "--model": "-m", "--aspect-ratio": "-a", "--output": "-o"}
_LONGEST: Final = 300
"""Of a longer command line, most of it a prompt, only the flag is shown."""


def with_whole_commands(error: FluxError, arguments: Sequence[str]) -> FluxError:
    """Return the error; a hint such as `--count 3` is the typed command with that flag."""
    for one in error.errors if isinstance(error, ProblemsError) else [error]:
        one.hint = _completed(one.hint, arguments) or _corrected(one, arguments)
    if isinstance(error, ProblemsError):
        error.hint = error.errors[0].hint
    return error


def _completed(hint: str | None, arguments: Sequence[str]) -> str | None:
    found = _FLAG.fullmatch(hint or "")
    if found is None or not arguments:
        return None
    flag, value = found[1], found[2]
    if value is not None and value.isupper():
        # It is a word in the place of a value.
        return None
    line = join(["fluxcli", *_replaced(arguments, flag, value)])
    return line if len(line) <= _LONGEST and "\n" not in line else hint


def _corrected(error: FluxError, arguments: Sequence[str]) -> str | None:
    """Return the command with the word that is meant, if the hint asks for one that was typed."""
    found = _MEANT.fullmatch(error.hint or "")
    typed = next((one for one in _QUOTED.findall(error.message) if one in arguments), None)
    if found is None or typed is None:
        return error.hint
    words = ["fluxcli", *(found[1] if one == typed else one for one in arguments)]
    return join(words) + (f"  (or {found[2]})" if found[2] else "")


def _replaced(arguments: Sequence[str], flag: str, value: str | None) -> list[str]:
    """Return the words with the flag's value replaced, or with the flag at their end."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    short = _SHORT.get(flag, flag)
    kept: list[str] = []
    words = iter(arguments[:end])
    for word in words:
        if word in {flag, short}:
            if value is not None:
                next(words, None)
        elif not (
            word.startswith(f"{flag}=")
            or (short != flag and word.startswith(short) and not word.startswith("--"))
        ):
            kept.append(word)
    return [*kept, flag, *([] if value is None else [value]), *arguments[end:]]
