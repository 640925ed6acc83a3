"""What `-o` means, and the path that each image gets.

Reads the file system (`stat`, `access`); creates and
changes nothing. The text after `-o` is the user's and is kept as it is; only the values put
into a template (a prompt, an id from the service) are made safe.
"""

from __future__ import annotations

import itertools
import os
import re
import stat
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Literal

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.fields import ENDINGS
from fluxcli.files import filename as components
from fluxcli.files import name_template
from fluxcli.files.default_name import DEFAULT_NAME
from fluxcli.files.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

_IS_WINDOWS = os.name == "nt"
_SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))
_PATH_LIMIT = 4095
_ANY_ENDING = ".{ext}"
_ENDING = re.compile(r"\.(?=[0-9]*[A-Za-z])[0-9A-Za-z]{1,10}\Z")
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,9})\Z")
_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


@dataclass(frozen=True, slots=True)
class OutputTarget:
    """What `-o` meant. `text` is absolute: a path, or a template with `{{` for a plain brace.

    For `stdout` it is `-`.
    """

    kind: Literal["file", "folder", "template", "stdout"]
    text: str

    def stored(self) -> str:
        """Return the journal's text for it; `restore` reads it back from any folder."""
        if self.kind == "file":
            return name_template.escaped(self.text)
        if self.kind == "folder":
            return os.path.join(name_template.escaped(self.text), "")  # noqa: PTH118 - pathlib drops the last separator
        return self.text

    @classmethod
    def restore(cls, text: str) -> OutputTarget:
        """Read back what `stored` wrote."""
        if text == "-":
            return STDOUT
        if name_template.fields(text):
            return cls("template", text)
        path = name_template.literal(text)
        return cls("folder" if path.endswith(os.sep) else "file", str(Path(path)))

    def folder(self) -> Path | None:
        """Return the deepest folder that is known before any value is; None for stdout."""
        if self.kind == "stdout":
            return None
        parts = Path(_template(self)).parent.parts
        known = itertools.takewhile(lambda part: not name_template.fields(part), parts)
        return Path(*map(name_template.literal, known))


STDOUT = OutputTarget("stdout", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class NameValues:
    """What a name is made from, one image of `count`.

    `id` is the task's, None while there is none; `n` counts from 1; `date` is `YYYY-MM-DD`;
    `model` the service's name; `ratio` None where an edit keeps its input's; `ext` without dot.
    """

    id: str | None
    prompt: str
    n: int
    count: int
    date: str
    model: str
    ratio: str | None
    ext: str


def parse_target(text: str | None, *, cwd: Path) -> OutputTarget:
    """Return what `-o text` means in the folder `cwd` (absolute).

    Raises:
        FluxError: `invalid_request`: an unknown placeholder, a lone brace, no possible path.
    """
    # A list that was written on Windows, or a paste, may leave a carriage return or blanks.
    text = text.rstrip() if text else text
    if text == "-" or (text and descriptor(Path(text)) == 1):
        return STDOUT
    return _checked(_default(cwd) if text is None else _meant(text, cwd))


def format_of(target: OutputTarget) -> str | None:
    """Return the output format of the target's ending; None if it has none.

    Raises:
        FluxError: `invalid_request`: the ending of something that the service cannot make.
    """
    if target.kind in {"folder", "stdout"} or is_device(Path(target.text)):
        return None
    *before, last = name_template.pieces(Path(target.stored()).name)
    if last.is_field:
        return None
    # Alone, `.png` is a hidden file's name; after anything else, an ending.
    found = _ENDING.search(f"x{last.text}" if before else last.text, 1)
    if not found:
        return None
    ending = found.group().lower()
    if ending not in ENDINGS:
        raise FluxError(
            Code.INVALID_REQUEST,
            f"the output's ending {quoted(ending)} names a format that the service cannot make",
            hint="end it in `.jpg` or `.png`",
        )
    return ENDINGS[ending]


def resolve(target: OutputTarget, facts: NameValues) -> Path:
    """Return the path for one image. Never for stdout, which has none.

    Without `{n}` and `{id}`, one of several gets `-1`, `-2`… before its ending. A device or a
    FIFO is used for all of them. Generated names stay within 120 bytes, shortening the prompt.

    Raises:
        ValueError: the target is stdout, or needs the id that `facts` lacks.
    """
    if target.kind == "stdout":
        raise ValueError(target)
    if target.kind == "file" and is_device(Path(target.text)):
        return Path(target.text)
    template = _template(target)
    number = None if facts.count == 1 or name_template.fields(template) & {"n", "id"} else facts.n
    *folders, name = Path(template).parts
    made = [_made(part, facts, None) for part in folders]
    return Path(*made, _made(name, facts, number))


def known_paths(target: OutputTarget, facts: NameValues) -> list[Path] | None:
    """Return the paths of all `facts.count` images, to check before anything is paid.

    None when a path needs the task's id; empty for stdout. `facts.n` is the number of a single
    image, which has another than 1 in a prompt list.
    """
    if target.kind == "stdout":
        return []
    if "id" in name_template.fields(_template(target)):
        return None
    numbers = [facts.n] if facts.count == 1 else range(1, facts.count + 1)
    return [resolve(target, replace(facts, n=n)) for n in numbers]


def numbered(target: OutputTarget) -> OutputTarget:
    """Return the target of a prompt list's images: a name that all would share gets `-{n}`."""
    is_shared = target.kind == "file" and not is_device(Path(target.text))
    if target.kind == "template":
        is_shared = not name_template.fields(target.text) & {"n", "id", "prompt"}
    if not is_shared:
        return target
    path = Path(target.stored())
    stem, ending = components.split_ending(path.name)
    if not ending and stem.endswith(_ANY_ENDING):
        stem, ending = stem.removesuffix(_ANY_ENDING), _ANY_ENDING
    return OutputTarget("template", str(path.with_name(f"{stem}-{{n}}{ending}")))


def other_meaning(target: OutputTarget, text: str) -> OutputTarget | None:
    """Return what `-o text` would mean if a folder of that name existed, or did not.

    None where the text alone decides. A name with an ending is a folder's only if it exists.
    """
    ending = _ENDING.search(f"x{Path(target.text).name}", 1)
    if target.kind == "file" and not ending:
        return OutputTarget("folder", target.text)
    typed = text.rstrip()
    is_name = not typed.endswith(_SEPARATORS) and Path(typed).name not in {"", ".", ".."}
    return OutputTarget("file", target.text) if target.kind == "folder" and is_name else None


def is_open(target: OutputTarget) -> bool:
    """Return whether the number or the task's id decides what an image is called."""
    return target.kind != "stdout" and bool(name_template.fields(_template(target)) & {"n", "id"})


def descriptor(path: Path) -> int | None:
    """Return the number of this process's own descriptor that `path` names, as `/dev/fd/3`."""
    found = _DESCRIPTOR.match(str(path))
    return int(found[1]) if found else _STREAMS.get(str(path))


def is_device(path: Path) -> bool:
    """Return whether `path` is written into and never replaced: a device, FIFO or descriptor."""
    if descriptor(path) is not None:
        return True
    mode = _mode(path)
    return mode is not None and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def check_free(paths: Iterable[Path], *, force: bool, skip_existing: bool) -> list[Path]:
    """Return the paths to write: all, or with `skip_existing` those that do not exist.

    Raises:
        FluxError: `would_overwrite`: one exists, and neither flag was given;
            `output_unwritable`: one cannot be written (see `check_writable`).
    """
    wanted = []
    for path in paths:
        mode = _mode(path)
        there = mode is not None and stat.S_ISREG(mode) and descriptor(path) is None
        if there and skip_existing:
            continue
        if there and not force:
            raise FluxError(
                Code.WOULD_OVERWRITE,
                f"{quoted(path)} already exists",
                hint="`--force` replaces it, `--skip-existing` keeps it",
            )
        check_writable(path)
        wanted.append(path)
    return wanted


def check_writable(path: Path, *, folder: bool = False) -> None:
    """Check that a file can be put at `path` (or, for a `folder`, into it). Creates nothing.

    Checks the nearest folder that exists: missing ones are created later.

    Raises:
        FluxError: `output_unwritable`.
    """
    if not folder:
        if is_device(path):
            _check_access(path, os.W_OK)
            return
        if _is_folder(path):
            raise _unwritable(path, "is a folder", hint=f"end it in `{os.sep}` to save inside it")
        path = Path(os.path.realpath(path)).parent
    while not os.path.lexists(path):
        if path.parent == path:
            raise _unwritable(path, "does not exist", hint="choose another `--output`")
        path = path.parent
    if not _is_folder(path):
        raise _unwritable(path, "is not a folder", hint="choose another `--output`")
    _check_access(path, os.W_OK | os.X_OK)


def _mode(path: Path) -> int | None:
    """Return the mode of what is there, links followed; None if that cannot be known."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return None


def _is_folder(path: Path) -> bool:
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def _check_access(path: Path, wanted: int) -> None:
    # Whether a descriptor of this process takes bytes shows only when it is given some.
    if descriptor(path) is not None or os.access(path, wanted):
        return
    reason = "may not be written to by this user, or its file system is read-only"
    raise _unwritable(path, reason, hint="choose another `--output`")


def _unwritable(path: Path, reason: str, *, hint: str) -> FluxError:
    return FluxError(Code.OUTPUT_UNWRITABLE, f"{quoted(path)} {reason}", hint=hint)


def _default(cwd: Path) -> OutputTarget:
    return OutputTarget("template", str(Path(name_template.escaped(str(cwd))) / DEFAULT_NAME))


def _meant(text: str, cwd: Path) -> OutputTarget:
    if not text.strip():
        raise _impossible("the output path is empty")
    # `~` is the home folder only where the user typed it.
    typed_home = text == "~" or text.startswith(tuple(f"~{one}" for one in _SEPARATORS))
    base, rest = (Path("~").expanduser(), text[2:]) if typed_home else (cwd, text)
    if _is_folder(base / rest):
        return OutputTarget("folder", str(base / rest))
    if name_template.fields(rest):
        name = DEFAULT_NAME if rest.endswith(_SEPARATORS) else ""
        return OutputTarget("template", str(Path(name_template.escaped(str(base))) / (rest + name)))
    path = base / name_template.literal(rest)
    above = tuple(f"{one}.." for one in _SEPARATORS)
    is_folder = rest.endswith(_SEPARATORS + above) or _is_folder(path)
    return OutputTarget("folder" if is_folder else "file", str(path))


def _checked(target: OutputTarget) -> OutputTarget:
    """Pass a target on if a file system can hold every literal name in it."""
    if "\0" in target.text:
        raise _impossible(f"the output path {quoted(target.text)} contains a zero byte")
    if target.text != target.text.encode(errors="replace").decode():
        raise _impossible(f"the output path {quoted(target.text)} is not UTF-8")
    if components.size(target.text) > _PATH_LIMIT:
        raise _impossible(f"the output path is longer than {_PATH_LIMIT} bytes")
    if _IS_WINDOWS and target.kind != "stdout":
        from fluxcli.files.windows_paths import windows_problem

        filled = _filled_with(_template(target), "x")
        if problem := windows_problem(PureWindowsPath(filled)):
            raise _impossible(f"the output {quoted(target.text)} cannot be used: {problem}")
    for name in [name_template.literal(part) for part in Path(target.stored()).parts]:
        if components.size(name) > components.HARD_LIMIT:
            shown = quoted(f"{name[:40]}…")
            raise _impossible(f"the name {shown} is longer than {components.HARD_LIMIT} bytes")
    return target


def _impossible(message: str) -> FluxError:
    return FluxError(Code.INVALID_REQUEST, message, hint="choose another `--output`")


def _template(target: OutputTarget) -> str:
    return target.stored() + (DEFAULT_NAME if target.kind == "folder" else "")


def _made(part: str, facts: NameValues, number: int | None) -> str:
    """Fill one component of a template; a literal one stays exactly as it was typed."""
    pieces = name_template.pieces(part)
    values = {piece.text: _value(piece.text, facts) for piece in pieces if piece.is_field}
    if "prompt" in values:
        taken = components.size(_filled(pieces, values | {"prompt": ""}))
        free = components.NAME_LIMIT - taken - (0 if number is None else len(f"-{number}"))
        share = free // sum(piece == (True, "prompt") for piece in pieces)
        values["prompt"] = components.shortened(values["prompt"], share)
    name = _filled(pieces, values)
    if number is not None:
        name = components.numbered(name, number)
    return components.portable(name) if values or number is not None else name


def _filled_with(template: str, value: str) -> str:
    """Return a template as text with `value` in place of every field."""
    found = name_template.pieces(template)
    return "".join(value if piece.is_field else piece.text for piece in found)


def _filled(pieces: list[name_template.Piece], values: dict[str, str]) -> str:
    return "".join(values[piece.text] if piece.is_field else piece.text for piece in pieces)


def _value(name: str, facts: NameValues) -> str:
    if name == "prompt":
        return components.words(facts.prompt)
    if name == "ratio":
        return components.ratio(facts.ratio)
    value = getattr(facts, name)
    if value is None:
        raise ValueError(name)
    return components.plain(str(value))
