r"""Help pages for any width, from the generated `fast_help.txt`.

Imports nothing that a bare Python has not loaded. The file has one entry for each page, below a
line of `MARK` and the page's name. The first characters of a line are its kind:

    `# TEXT`        a heading
    `$ TEXT`        an example command, never broken
    `- LEFT\\tRIGHT`  a row of a table
    `> TEXT`        text that is shown as it is
    `+ TEXT`        a usage line: its continuation is indented
    other text      a paragraph
"""

from __future__ import annotations

import os

from fluxcli import shipped

TYPE_CHECKING = False  # `typing` takes longer to load than all the rest
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Final

MARK: Final = "=== "
"""What the line above each page begins with; the page's name follows."""

DEFAULT_COLUMNS: Final = 80
_WIDEST: Final = 100
"""Longer lines are hard to read."""

_NARROWEST: Final = 20
_ROOMY: Final = 70
_LONGEST_LEFT: Final = 26
_EDGE: Final = "  "
_KINDS: Final = {"# ", "$ ", "- ", "> ", "+ "}


def known_text(arguments: Sequence[str], columns: int) -> str:
    """Return what a command line that asks for help prints; "" if the parser must decide.

    `COMMAND --help`, `help`, `help COMMAND`, `help TOPIC` and `help --json` are known, without
    other flags.

    Raises:
        OSError: a shipped file cannot be read.
    """
    words = list(arguments)
    asks_for_help = words[:1] == ["help"] and words[-1] not in {"-h", "--help"}
    if words == ["help", "--json"]:
        return document()
    words = words[1:] if asks_for_help else words[:-1]
    if any(word.startswith("-") for word in words):
        return ""
    return help_page(words, columns) if asks_for_help else command_page(words, columns)


def help_page(words: Sequence[str], columns: int) -> str:
    """Return what `help WORDS` prints: the page of a command or a topic; "" if there is none."""
    name = " ".join(words)
    return (
        skill()
        if name == "agents"
        else _text(f"topic {name}", columns) or command_page(words, columns)
    )


def command_page(words: Sequence[str], columns: int) -> str:
    """Return the page of a command, of the program for no words; "" if there is none."""
    return _text(" ".join(["fluxcli", *words]), columns)


def document() -> str:
    """Return the document of `help --json`: one line."""
    return _shipped("help.json").replace("\n", "") + "\n"


def skill() -> str:
    """Return the skill file for agents."""
    return _shipped(".agents/skills/fluxcli/SKILL.md")


def _text(name: str, columns: int) -> str:
    source = page(name)
    return render(source, columns) if source else ""


def page(name: str) -> str:
    """Return the source of the page `fluxcli COMMAND` or `topic NAME`; "" if there is none."""
    pages = _shipped("fast_help.txt")
    _, _, found = pages.partition(f"\n{MARK}{name}\n")
    return "" if "\n" in name else found.partition(f"\n{MARK}")[0].rstrip("\n")


def _shipped(name: str) -> str:
    """Return the text of a file of the package."""
    return shipped(name).decode().replace("\r\n", "\n")


def terminal_columns(env: Mapping[str, str]) -> int:
    """Return the width of the terminal that stdout is, or of `COLUMNS`; 80 without either.

    As `shutil.get_terminal_size`, whose import takes longer than all the rest.
    """
    try:
        named = int(env.get("COLUMNS") or 0)
    except ValueError:
        named = 0
    try:
        return named if named > 0 else os.get_terminal_size().columns or DEFAULT_COLUMNS
    except (OSError, ValueError):
        return DEFAULT_COLUMNS


def render(source: str, columns: int) -> str:
    """Return a page in lines of at most `columns`; examples may be longer."""
    width = max(_NARROWEST, min(columns, _WIDEST))
    out: list[str] = []
    before = ""
    for kind, lines in _blocks(source.split("\n")):
        if out and before != "# ":
            out.append("")
        before = kind
        if kind == "- ":
            out.extend(_table([line.split("\t") for line in lines], width))
        elif kind in {"$ ", "> "}:
            out.extend(_EDGE + line if line else "" for line in lines)
        else:
            for line in lines:
                out.extend(_wrapped(line, width, 0, len(_EDGE) * 2 if kind == "+ " else 0))
    return "\n".join(out) + "\n"


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines of a page, those of one kind that follow each other together."""
    block: list[str] = []
    before = ""
    for line in lines:
        kind = line[:2] if line[:2] in _KINDS else ""
        if block and (kind != before or kind in {"", "# "}):
            yield before, block
            block = []
        block.append(line[2:] if kind else line)
        before = kind
    yield before, block


def _table(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield rows: the right side beside the left one where that is short, else below it."""
    longest = _LONGEST_LEFT if width >= _ROOMY else width // 4
    short = [len(left) for left, *_ in rows if len(left) <= longest]
    indent = max(short) + 2 * len(_EDGE) if short else 2 * len(_EDGE)
    if width < _ROOMY and len(short) < len(rows):
        longest, indent = 0, 2 * len(_EDGE)
    for left, *rest in rows:
        right = "".join(rest)
        if len(left) <= longest:
            head = (_EDGE + left).ljust(indent)
            first, *more = _wrapped(right, width, indent, indent) or [head]
            yield (head + first[indent:]).rstrip()
            yield from more
        else:
            yield from _wrapped(left, width, len(_EDGE), 2 * len(_EDGE))
            yield from _wrapped(right, width, indent, indent)


def _wrapped(text: str, width: int, first: int, indent: int) -> list[str]:
    """Return a text in lines; the first and the others are indented.

    Lines break at blanks, and not within back-ticks where what they enclose fits in a line.
    """
    if first + len(text) <= width:
        return [" " * first + text] if text else []
    lines: list[str] = []
    line = " " * first
    empty = True
    words = _words(text, width - max(first, indent)) if "`" in text else text.split(" ")
    for word in words:
        if not empty and len(line) + 1 + len(word) > width:
            lines.append(line)
            line, empty = " " * indent, True
        line += word if empty else " " + word
        empty = False
    return [*lines, line]


def _words(text: str, space: int) -> list[str]:
    """Return the words of a text; what is between back-ticks is one of them if it fits `space`."""
    words: list[str] = []
    literal = False
    for word in text.split(" "):
        if literal and len(words[-1]) + 1 + len(word) <= space:
            words[-1] += " " + word
        else:
            words.append(word)
        literal ^= word.count("`") % 2 == 1
    return words
