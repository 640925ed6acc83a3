"""The tables of a manifest and their entries, each with its description."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final, assert_never

from fluxcli.build.manifest.asset import VERSION, Accept
from fluxcli.build.manifest.value_types import (
    Address,
    Choice,
    Either,
    Several,
    Switch,
    Text,
    Whole,
    Word,
)
from fluxcli.dataclass import dataclass
from fluxcli.fields import FIELDS, RequestField

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fluxcli.build.manifest.value_types import Kind

NAME: Final = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
"""The form of an asset's name and of a tag."""

VARIABLE: Final = "^[A-Za-z_][A-Za-z0-9_]{0,99}$"
"""The form of a name between `{` and `}`."""

_NAME_IN_WORDS: Final = "letters, digits and `.`, `_`, `-` (the first a letter or digit)"
_ONE_LINE: Final = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]{1,200}$"
_HUGE: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One entry of a table: its type and its description."""

    kind: Kind
    help: str


def _kind(field: RequestField) -> Kind:
    """Return the type of a request field in a manifest; an asset's mode is checked later."""
    match field.kind:
        case "choice":
            return Choice(field.values, field.shown)
        case "whole":
            return Whole(0, max(field.highest.values(), default=_HUGE))
        case "switch":
            return Switch()
        case "text":
            return Text()
        case "address":
            return Address()
        case _:
            assert_never(field.kind)


REQUEST: Final[Mapping[str, FieldSpec]] = {
    field.name: FieldSpec(_kind(field), field.help) for field in FIELDS
}
"""The fields of a request that a manifest may set, for all assets or for one."""

ACCEPT: Final[Mapping[str, FieldSpec]] = {
    field.name: FieldSpec(Whole(1, _HUGE), f"the image's {side} {what}")
    for field in fields(Accept)
    for side, _, name in [field.name.partition("_")]
    for what in [{"kb": "size in KB", "width": "width", "height": "height"}[name]]
}

_TAG: Final = Word(NAME, f"a tag: {_NAME_IN_WORDS}")
_VALUE: Final = Either(
    (Word(_ONE_LINE, "a line of text"), Whole(-_HUGE, _HUGE), Switch()),
    "expected a line of at most 200 characters, a whole number, `true` or `false`",
)

ASSET: Final[Mapping[str, FieldSpec]] = {
    "prompt": FieldSpec(Text(), "what to draw, or what to change; `{name}` is filled in"),
    "prompt_file": FieldSpec(
        Text(), "a text file inside the project with the prompt; `{name}` is filled in"
    ),
    "edit": FieldSpec(Text(), "the image to edit: `@asset`, a path or a URL"),
    "output": FieldSpec(
        Text(), "where it goes, below output_dir; `{name}` and `{ext}` are filled in"
    ),
    "tags": FieldSpec(Several(_TAG), "words to choose assets by: `build --tag WORD`"),
    "rev": FieldSpec(Whole(1, _HUGE), "raise it for another roll of the same request"),
    "frozen": FieldSpec(Switch(), "true: never made again unless it is named on the command line"),
    **REQUEST,
}
"""The entries of an asset, beside its tables `matrix` and `accept`."""

AXIS: Final = Several(_VALUE, least=1)
"""The values that one name of a matrix takes in turn."""

VARIABLE_VALUE: Final = Either((Text(), Whole(-_HUGE, _HUGE)), "expected text or a whole number")

EACH_VALUE: Final = Either(
    (Text(), Whole(-_HUGE, _HUGE), Switch()),
    "expected text that is not empty, a whole number, `true` or `false`",
)
"""One value of a member of `each`."""

MEMBER_VALUE: Final = _VALUE
"""One value of `matrix`, and what names a member of `each`."""

TOP: Final[Mapping[str, FieldSpec]] = {
    "version": FieldSpec(Whole(VERSION, VERSION), "the version of this file's form"),
    "output_dir": FieldSpec(Text(), "the folder for the images, inside this file's own"),
    "include": FieldSpec(Several(Text()), "other manifests, in or below this file's folder"),
}
"""The entries of the top level, beside its tables."""

TABLES: Final = ("defaults", "vars", "assets")
NOT_IN_MATRIX: Final = (
    "prompt",
    "prompt_file",
    "edit",
    "output",
    "tags",
    "rev",
    "frozen",
    "accept",
    "matrix",
    "each",
    "exclude",
)
"""Entries that neither `matrix` nor `each` sets; parts of a prompt, output or edit vary by name."""
