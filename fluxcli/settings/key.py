"""The API key: a value that does not show itself, and the places it is read from.

Knows nothing of the config file. A key's form is undocumented, so only what could never
be sent in a header is refused, and no message repeats any of it.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.settings.parsers import BadValueError
from fluxcli.system.shell_syntax import unset_variable

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLES: Final = ("FLUXCLI_API_KEY", "KIE_API_KEY", "KIE_AI_API_KEY")
"""The environment variables that may hold the key itself, the strongest first."""

WEBHOOK_VARIABLE: Final = "FLUXCLI_WEBHOOK_HMAC_KEY"
"""The environment variable that may hold the key of callbacks."""

FILE_VARIABLE: Final = "FLUXCLI_API_KEY_FILE"
"""The environment variable that may name a file with the key in it."""

_LARGEST: Final = 64 * 1024
_QUOTES: Final = tuple("\"'`\u2018\u2019\u201c\u201d")


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """Text that shows as `***` wherever it is printed, formatted or logged."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        """Return the text itself, for the header it belongs in."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("***", spec)


def parse_key(raw: object) -> Secret:
    """Read a key; blanks and line ends around it are dropped."""
    text = raw.strip() if isinstance(raw, str) else ""
    if not text:
        raise BadValueError("expected a key, not empty text", secret=True)
    if text.startswith(_QUOTES) or text.endswith(_QUOTES):
        raise BadValueError("the key is in quotes; write it without them", secret=True)
    if text.lower().startswith(("bearer ", "bearer\t")):
        raise BadValueError("the key begins with `Bearer`; write it without that", secret=True)
    if re.match(r"(?:export\s+)?[A-Z][A-Z0-9_]*=(?!=*$)", text):
        message = "the key begins with the name of a variable and `=`; write it without them"
        raise BadValueError(message, secret=True)
    if not all("!" <= ch <= "~" for ch in text):
        raise BadValueError("expected one word of plain letters, digits and signs", secret=True)
    return Secret(text)


def key_file(env: Mapping[str, str]) -> Secret | None:
    """Read the key from the file that `FLUXCLI_API_KEY_FILE` names; None if it names none.

    Raises:
        FluxError: the file cannot be read, or holds no key.
    """
    name = env.get(FILE_VARIABLE)
    if not name:
        return None
    try:
        return parse_key(_content(Path(name)).decode("utf-8-sig"))
    except OSError as error:
        problem = f"cannot be read: {reason_of(error)}"
    except UnicodeDecodeError:
        problem = "does not hold a key: expected text"
    except BadValueError as error:
        problem = f"does not hold a key: {error.expected}"
    except ValueError as error:
        problem = f"cannot be a key file: {error}"
    raise FluxError(
        Code.CONFIG_INVALID,
        f"`{name}`, named by `{FILE_VARIABLE}`, {problem}",
        hint=unset_variable(FILE_VARIABLE),
    )


def _content(path: Path) -> bytes:
    """Return the bytes of a regular file, and never wait for a FIFO or a device.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a regular file, or is too large for a key.
    """
    if path.is_dir():
        raise ValueError("it is a folder")
    if path.exists() and not path.is_file():
        raise ValueError("it is not a regular file")
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - opened without waiting
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is not a regular file")
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError(f"it is over {_LARGEST >> 10} KB")
    return data
