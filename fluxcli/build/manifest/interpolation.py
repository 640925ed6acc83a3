"""`{name}` in a text: what it stands for is filled in; `{{` and `}}` are plain braces.

Knows texts and values only. Variables may hold `{name}` of other variables, never of
themselves, not even by a detour.
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


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with every `{name}` replaced by its value.

    Raises:
        BadValueError: a name that has no value, a lone brace, or a text beyond all measure.
    """
    if "{" not in text and "}" not in text and len(text) <= _LONGEST:
        return text
    return "".join(_limited(_piece(token, values) for token in _TOKENS.findall(text)))


def names_in(text: str) -> set[str]:
    """Return the names between braces in `text`."""
    return {token[1:-1] for token in _TOKENS.findall(text) if len(token) > 1 and _is_name(token)}


def resolved(variables: Mapping[str, str]) -> tuple[dict[str, str], dict[str, BadValueError]]:
    """Fill variables into each other; return them, and what is wrong with which."""
    graph = {name: names_in(text) & variables.keys() for name, text in variables.items()}
    done: dict[str, str] = {}
    wrong: dict[str, BadValueError] = {}
    for name in _ordered(graph, wrong):
        try:
            done[name] = filled(variables[name], done)
        except BadValueError as bad:
            # Whoever uses it hears of it once, at its own place.
            done[name] = variables[name] if len(variables[name]) < _LONGEST else ""
            wrong.setdefault(name, bad)
    return done, wrong


def written(value: object) -> str:
    """Return a value of TOML as it stands in a text."""
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


def _piece(token: str, values: Mapping[str, str]) -> str:
    if token in {"{{", "}}"}:
        return token[0]
    if token in {"{", "}"}:
        raise BadValueError(f"there is a lone brace; a plain one is written `{token * 2}`")
    if token[0] != "{":
        return token
    name = token[1:-1]
    if name not in values:
        known = ", ".join(f"`{{{one}}}`" for one in sorted(values)) or "none"
        near = nearest(name, values)
        meant = "{" + near + "}" if near else None
        raise BadValueError(f"nothing is called `{token}` here (known: {known})", nearest=meant)
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
