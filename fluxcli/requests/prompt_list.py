"""A prompt list: one prompt a line, or JSON Lines with request fields and an output.

Pure: takes text apart. Blank lines and lines that begin with `#` are skipped.
"""

from __future__ import annotations

import json
import re
from dataclasses import field
from typing import TYPE_CHECKING, Final

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, ProblemsError
from fluxcli.fields import FIELDS
from fluxcli.settings.parsers import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIST_LIMIT: Final = 16 << 20
"""The most bytes of a prompt list."""

_SHOWN: Final = 10
_OWN: Final = ("prompt", "output")
_KEYS: Final = (*_OWN, *(row.name for row in FIELDS))
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_EXAMPLE: Final = '{"prompt": "a red fox", "output": "fox.png"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """One line: `place` is `FILE:LINE`; `values` are its other entries as they were written."""

    place: str
    prompt: str
    values: Mapping[str, object] = field(default_factory=dict)


def read_prompts(text: str, name: str) -> list[ListEntry]:
    """Return the entries of the prompt list `name`, in their order.

    Raises:
        FluxError: INVALID_REQUEST: lines that cannot be used, all of them; or there is none.
    """
    lines = list(_lines(text, name))
    if not lines:
        raise FluxError(
            Code.INVALID_REQUEST,
            f"the prompt list `{name}` has no prompt",
            hint="write one prompt a line",
        )
    is_json = lines[0][1].startswith("{")
    entries: list[ListEntry] = []
    errors: list[FluxError] = []
    for place, line in lines:
        try:
            entries.append(_of_json(place, line) if is_json else _plain(place, line))
        except FluxError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        more = len(errors) - _SHOWN
        rest = [FluxError(Code.INVALID_REQUEST, f"and {more} more")] if more > 0 else []
        raise ProblemsError([*errors[:_SHOWN], *rest])
    return entries


def _lines(text: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield every line that counts, without blanks around it, and its place."""
    for number, line in enumerate(_LINE_END.split(text), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield f"{name}:{number}", stripped


def _plain(place: str, line: str) -> ListEntry:
    if line.startswith(("{", "[{")) or line == "[":
        raise _bad(place, "a prompt, or in every line a JSON object, was expected", _EXAMPLE)
    return ListEntry(place=place, prompt=_prompt(place, line))


def _of_json(place: str, line: str) -> ListEntry:
    try:
        found = json.loads(line, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _bad(place, f"not a JSON object: {_reason(error)}", _EXAMPLE) from None
    if not isinstance(found, dict):
        raise _bad(place, "not a JSON object", _EXAMPLE)
    for key in found:
        if key not in _KEYS:
            near = nearest(key.replace("-", "_").lower(), _KEYS)
            hint = f"did you mean `{near}`?" if near else f"known are {', '.join(_KEYS)}"
            raise _bad(place, f"`{key}` is not known", hint)
    if "prompt" not in found:
        raise _bad(place, "there is no `prompt`", _EXAMPLE)
    values = {key: value for key, value in found.items() if key != "prompt" and value is not None}
    return ListEntry(place=place, prompt=_prompt(place, found["prompt"]), values=values)


def _prompt(place: str, value: object) -> str:
    if not isinstance(value, str):
        raise _bad(place, "`prompt` is not text", _EXAMPLE)
    if not value.strip() or value.strip() == "-":
        raise _bad(place, f"`{value}` is not a prompt", None)
    if "\0" in value:
        raise _bad(place, "the prompt contains a zero byte", "save the list as UTF-8 text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _bad(place, "the prompt is not UTF-8 text", None) from None
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key appears twice")
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[:1].lower()}{error.msg[1:]} at column {error.colno}"
    return "brackets are too deep" if isinstance(error, RecursionError) else str(error)


def _bad(place: str, message: str, hint: str | None) -> FluxError:
    return FluxError(Code.INVALID_REQUEST, f"`{place}`: {message}; nothing was sent", hint=hint)
