"""The API key: a value that does not show itself, and the places it is read from.

Knows nothing of the config file. A key's form is undocumented, so only what could never
be sent in a header is refused, and no message repeats any of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.settings.parsers import BadValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLES: Final = ("FLUXCLI_API_KEY", "KIE_API_KEY", "KIE_AI_API_KEY")
"""The environment variables that may hold the key itself, the strongest first."""

FILE_VARIABLE: Final = "FLUXCLI_API_KEY_FILE"
"""The environment variable that may name a file with the key in it."""

_LARGEST: Final = 64 * 1024


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
        with Path(name).open("rb") as file:
            text = file.read(_LARGEST).decode("utf-8-sig")
        return parse_key(text)
    except OSError as error:
        problem = f"cannot be read: {reason_of(error)}"
    except UnicodeDecodeError:
        problem = "does not hold a key: expected text"
    except BadValueError as error:
        problem = f"does not hold a key: {error.expected}"
    raise FluxError(
        Code.CONFIG_INVALID,
        f"`{name}`, named by `{FILE_VARIABLE}`, {problem}",
        hint=f"unset {FILE_VARIABLE}",
    )
