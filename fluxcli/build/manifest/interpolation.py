"""`{name}` in a text: the value is filled in; `{{` and `}}` are plain braces.

Knows texts and values only. Variables may hold `{name}` of other variables, but not
of themselves, directly or indirectly.
"""

from __future__ import annotations

import graphlib
import re
from typing import TYPE_CHECKING, Final

from fluxcli.files import filename as components
from fluxcli.settings.parsers import BadValueError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TOKENS: Final = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")
_LONGEST: Final = 1 << 20


class InterpolationError(BadValueError):
    """A bad `{name}` or brace; `offset` is where in the text it begins, in characters."""

    def __init__(self, expected: str, *, offset: int, nearest: str | None = None) -> None:
        super().__init__(expected, nearest=nearest)
        self.offset = offset


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with every `{name}` replaced by its value.

    Raises:
        BadValueError: the result is longer than 1 MB.
        InterpolationError: a name that has no value, or a lone brace.
    """
    if "{" not in text and "}" not in text and len(text) <= _LONGEST:
        return text
    return "".join(_limited(_piece(token, values) for token in _TOKENS.finditer(text)))


def names_in(text: str) -> set[str]:
    """Return the names between braces in `text`."""
    return {token[1:-1] for token in _TOKENS.findall(text) if len(token) > 1 and _is_name(token)}


def resolved(
    variables: Mapping[str, str], above: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, BadValueError]]:
    """Fill variables into each other; return them, and the problems by variable.

    `above` are complete variables that they may use.
    """
    graph = {name: names_in(text) & variables.keys() for name, text in variables.items()}
    done: dict[str, str] = {}
    wrong: dict[str, BadValueError] = {}
    for name in _ordered(graph, wrong):
        try:
            done[name] = filled(variables[name], {**above, **done})
        except BadValueError as bad:
            # It is reported once, at its own place.
            done[name] = variables[name] if len(variables[name]) < _LONGEST else ""
            wrong.setdefault(name, bad)
    return done, wrong


def written(value: object) -> str:
    """Return a value of TOML as it is written into a text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def safe(value: str) -> str:
    """Return a value as a piece of a file's name: `16:9` becomes `16x9`."""
    return components.plain(value.replace(":", "x"))


def _ordered(graph: dict[str, set[str]], wrong: dict[str, BadValueError]) -> list[str]:
    """Return the names, those first that others need; the members of a cycle last."""
    while True:
        try:
            return list(graphlib.TopologicalSorter(graph).static_order())
        except graphlib.CycleError as error:
            cycle: list[str] = error.args[1]
            way = " → ".join(f"`{name}`" for name in reversed(cycle))
            wrong[cycle[0]] = BadValueError(f"it is made from itself: {way}")
            graph = graph | {cycle[0]: set()}


def _piece(found: re.Match[str], values: Mapping[str, str]) -> str:
    token = found[0]
    if token in {"{{", "}}"}:
        return token[0]
    if token in {"{", "}"}:
        message = f"there is a lone brace; a plain one is written `{token * 2}`"
        raise InterpolationError(message, offset=found.start())
    if token[0] != "{":
        return token
    name = token[1:-1]
    if name not in values:
        known = ", ".join(f"`{{{one}}}`" for one in sorted(values)) or "none"
        near = nearest(name, values)
        meant = "{" + near + "}" if near else None
        message = f"nothing is called `{token}` here (known: {known})"
        raise InterpolationError(message, nearest=meant, offset=found.start())
    return values[name]


def _is_name(token: str) -> bool:
    return token.startswith("{") and token.endswith("}")


def _limited(pieces: Iterator[str]) -> Iterator[str]:
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > _LONGEST:
            raise BadValueError(f"with its names filled in it is over {_LONGEST >> 20} MB")
        yield piece
