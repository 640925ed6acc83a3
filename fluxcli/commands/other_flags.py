"""The corrected command line for a flag of another tool: its value is kept where it has one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fluxcli.commands.other_words import EDIT, FLAGS_MEANT, RATIO_FLAGS
from fluxcli.fields import RATIOS
from fluxcli.system.shell_syntax import join, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHAPE: Final = re.compile(r"(\d{1,5})(?:[x\u00d7:*/](\d{1,5}))?(?:px)?", re.IGNORECASE)


def command_with(flag: str, arguments: Sequence[str]) -> str:
    """Return the whole command line with fluxcli's flags; "" if a value cannot be known.

    Other flags of the line that have an equivalent are replaced too.
    """
    words = _replaced(flag, arguments)
    if not words:
        return ""
    for other in {one.partition("=")[0].casefold() for one in _before_end(words)} & {*FLAGS_MEANT}:
        words = _replaced(other, words)
        if not words:
            return ""
    note = "  (the size follows from the aspect ratio)" if flag in RATIO_FLAGS else ""
    return join(["fluxcli", *words]) + note


def with_words(meant: str, words: Sequence[str]) -> str:
    """Return the command that is meant with the typed words in the places of its arguments."""
    if not words:
        return meant
    if meant.endswith('IMAGE "PROMPT"'):
        image, *prompt = words
        shown = quote(" ".join(prompt)) if prompt else '"PROMPT"'
        return meant.replace('IMAGE "PROMPT"', f"{quote(image)} {shown}")
    if meant == "fluxcli status":
        return f"{meant} {join(words)}"
    if meant == "fluxcli download --unsaved":
        return f"fluxcli download {join(words)}"
    one, several = quote(" ".join(words)), join(words)
    pair = several if len(words) > 1 else f"{several} VALUE"
    places = {'"PROMPT"': one, "WORDS": one, "NAME VALUE": pair, "NAME": several, "@last": several}
    for place, typed in places.items():
        if place in meant:
            return meant.replace(place, typed)
    takes_words = meant.startswith(("fluxcli assets ", "fluxcli help"))
    return f"{meant} {join(words)}" if takes_words else meant


def _before_end(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("--")] if "--" in words else words


def _replaced(flag: str, arguments: Sequence[str]) -> list[str]:
    """Return the words with the flag that is meant; [] if it or its value is not known."""
    if flag in RATIO_FLAGS:
        kept, values = _without(arguments, RATIO_FLAGS)
        ratio = _nearest_ratio(values)
        return _with_flag(kept, ["--aspect-ratio", ratio]) if ratio else []
    if FLAGS_MEANT[flag] == EDIT:
        kept, values = _without(arguments, {flag})
        image, (command, *rest) = values.get(flag), kept or [""]
        return ["edit", image, *rest] if image and command in {"generate", "edit"} else []
    meant, _, value = FLAGS_MEANT[flag].partition(" ")
    if not meant.startswith("--"):
        return []
    if not value.isupper():
        kept, _ = _without(arguments, {flag}, values=False)
        return _with_flag(kept, [meant, *value.split()])
    kept, values = _without(arguments, {flag})
    typed = values.get(flag)
    if not typed or (value == "N" and not typed.isdecimal()):
        return []
    folder = "/" if value.endswith("/") and not typed.endswith("/") else ""
    return _with_flag(kept, [meant, typed + folder])


def _with_flag(words: list[str], flag: list[str]) -> list[str]:
    place = len(_before_end(words))
    return [*words[:place], *flag, *words[place:]]


def _nearest_ratio(values: Mapping[str, str]) -> str:
    """Return the ratio nearest to the typed size; "" if it cannot be read."""
    shapes = {name: _SHAPE.fullmatch(value.strip()) for name, value in values.items()}
    width, height = (_number(shapes.get(name)) for name in ("--width", "--height"))
    whole = [one for name, one in shapes.items() if one and name not in {"--width", "--height"}]
    if whole:
        width = int(whole[0][1])
        height = int(whole[0][2] or width)
    if not (width and height):
        return ""
    return min(RATIOS, key=lambda one: _distance(one, width / height))


def _number(shape: re.Match[str] | None) -> int:
    return int(shape[1]) if shape else 0


def _distance(ratio: str, wanted: float) -> float:
    """Return by what factor two shapes differ, 1 for none."""
    width, _, height = ratio.partition(":")
    factor = int(width) / int(height) / wanted
    return max(factor, 1 / factor)


def _without(
    arguments: Sequence[str], flags: frozenset[str] | set[str], *, values: bool = True
) -> tuple[list[str], dict[str, str]]:
    """Return the words without these flags, and the value of each that has one."""
    kept: list[str] = []
    found: dict[str, str] = {}
    rest = iter(arguments)
    for word in rest:
        if word == "--":
            kept += [word, *rest]
            break
        name, equals, value = word.partition("=")
        if name.casefold() not in flags:
            kept.append(word)
        elif equals or not values:
            found[name.casefold()] = value
        else:
            found[name.casefold()] = next(rest, "")
    return kept, found
