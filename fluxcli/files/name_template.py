"""The syntax of an output template: `{name}` is filled in, `{{` and `}}` are plain braces.

Knows the placeholders' names, not their values, and no file system.
"""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple

from fluxcli.errors import Code, FluxError
from fluxcli.files.quoting import quoted

MEANINGS = {
    "id": "the task's id",
    "prompt": "the beginning of the prompt, fit for a file name",
    "n": "the image's number, from 1",
    "date": "the day of the submission, as 2026-11-25",
    "model": "pro or max",
    "ratio": "the aspect ratio, as 16x9",
    "ext": "the ending of the format that came: jpg, png, ...",
}
"""The placeholders that a template may hold, and what each becomes."""

FIELDS = tuple(MEANINGS)

_TOKENS = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")


class Piece(NamedTuple):
    """A placeholder (`text` is its name) or literal text."""

    is_field: bool
    text: str


def pieces(template: str) -> list[Piece]:
    """Split a template into its pieces.

    Raises:
        FluxError: `invalid_request`: an unknown placeholder, or a lone brace.
    """
    return [_piece(token, template) for token in _TOKENS.findall(template)]


def fields(template: str) -> set[str]:
    """Return the names of the placeholders in it."""
    return {piece.text for piece in pieces(template) if piece.is_field}


def literal(template: str) -> str:
    """Return the text of a template without placeholders, or the text around them."""
    return "".join(piece.text for piece in pieces(template) if not piece.is_field)


def escaped(text: str) -> str:
    """Return the template that means exactly `text`."""
    return text.replace("{", "{{").replace("}", "}}")


def _piece(token: str, template: str) -> Piece:
    if token in {"{{", "}}"}:
        return Piece(is_field=False, text=token[0])
    if token in {"{", "}"}:
        raise FluxError(
            Code.INVALID_REQUEST,
            f"a lone brace in the output {quoted(template)}",
            hint=f"a plain one is written `{token * 2}`",
        )
    if token[0] != "{":
        return Piece(is_field=False, text=token)
    name = token[1:-1]
    if name not in FIELDS:
        raise _unknown(name)
    return Piece(is_field=True, text=name)


def _unknown(name: str) -> FluxError:
    near = difflib.get_close_matches(name.lower(), FIELDS, n=1, cutoff=0.0)[0]
    shown = quoted("{" + name + "}")
    return FluxError(
        Code.INVALID_REQUEST,
        f"no placeholder {shown} in an output; the nearest is `{{{near}}}`",
        hint="use "
        + " ".join(f"`{{{field}}}`" for field in FIELDS)
        + ", or `{{` for a plain brace",
    )
