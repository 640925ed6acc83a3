"""The config file: read whole, changed one setting at a time, never left half written.

Knows TOML and the file system, not what the settings mean. Reading creates nothing. A
file that is broken is an error with line and column and is never overwritten.
"""

from __future__ import annotations

import contextlib
import os
import re
from copy import deepcopy
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.filelock import FileLock
from fluxcli.settings.layout import line_of, with_entry, without_entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERSION: Final = 1
"""The version of the file's meaning; a file may state it as `version`."""

TABLES: Final = ("generate", "edit")
"""The tables whose entries are settings, named `table.key`."""

TABLES_OF_TABLES: Final = ("presets",)
"""The tables of named tables; an entry's name is `presets.NAME.key`."""

_LARGEST: Final = 1024 * 1024
_EDIT: Final = "fluxcli config edit"
_WHERE: Final = r" \(at (?:line (\d+), column (\d+)|end of document)\)$"


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A config file as it was read. `values` is its TOML, nested; a missing file is empty."""

    path: Path
    text: str = field(default="", repr=False)
    values: Mapping[str, object] = field(default_factory=dict, repr=False)

    def entries(self) -> Iterator[tuple[str, object]]:
        """Yield every entry by its setting's name, those of our tables as `table.key`."""
        for name, value in self.values.items():
            if name == "version":
                continue
            if name in TABLES and isinstance(value, dict):
                yield from ((f"{name}.{key}", inner) for key, inner in value.items())
            elif name in TABLES_OF_TABLES:
                for word, table in self.tables(name).items():
                    yield from ((f"{name}.{word}.{key}", inner) for key, inner in table.items())
            else:
                yield name, value

    def tables(self, name: str) -> dict[str, dict[str, object]]:
        """Return the tables inside the table `name`, by their names."""
        found = self.values.get(name)
        inside = found.items() if isinstance(found, dict) else ()
        return {word: table for word, table in inside if isinstance(table, dict)}

    def place(self, name: str) -> str:
        """Return the place of an entry as `path:line`, or as `path` if the line is not known."""
        line = line_of(self.text, name)
        return f"{self.path}:{line}" if line else str(self.path)


def read(path: Path) -> Document:
    """Read the file; one that is not there is empty.

    Raises:
        FluxError: it cannot be read, or is not TOML; the message has line and column.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Document(path)
    except OSError as error:
        raise FluxError(Code.CONFIG_INVALID, _failure(path, "read", error)) from error
    if len(data) > _LARGEST:
        raise FluxError(Code.CONFIG_INVALID, f"`{path}` is too large for a config file")
    return parse(path, data)


def parse(path: Path, data: bytes) -> Document:
    """Read what the file at `path` holds, or is to hold.

    Raises:
        FluxError: it is not TOML, of a later version, or has no table where one belongs.
    """
    import tomllib

    try:
        # Editors on Windows may begin a file with a byte order mark.
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        where = _position(data[: error.start].decode("utf-8"))
        raise _broken(f"{path}:{where}", "not text in UTF-8") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(_WHERE, str(error))
        where = f"{found[1]}:{found[2]}" if found and found[1] else _position(text)
        reason = re.sub(_WHERE, "", str(error))
        raise _broken(f"{path}:{where}", reason[:1].lower() + reason[1:]) from None
    except (ValueError, RecursionError):
        raise _broken(str(path), "a number is too long or brackets are too deep") from None
    document = Document(path, text, values)
    _check_version(document)
    for name in (*TABLES, *TABLES_OF_TABLES):
        if not isinstance(values.get(name, {}), dict):
            raise _broken(document.place(name), f"expected a table: `[{name}]`")
    for name in TABLES_OF_TABLES:
        for word, value in values.get(name, {}).items():
            if not isinstance(value, dict):
                place = document.place(f"{name}.{word}")
                raise _broken(place, f"expected a table: `[{name}.{word}]`")
    return document


def _check_version(document: Document) -> None:
    version = document.values.get("version", VERSION)
    place = document.place("version")
    if type(version) is not int or version < 1:
        raise _broken(place, f"expected `version = {VERSION}`")
    if version > VERSION:
        from fluxcli.system.upgrade import upgrade_command

        raise FluxError(
            Code.CONFIG_INVALID,
            f"`{place}`: written by a later fluxcli (version {version}); upgrade",
            hint=upgrade_command(),
        )


def change(path: Path, name: str, value: str | float | None, *, locks: Path) -> bool:
    """Set the entry `name`, or remove it if `value` is None; all others are kept.

    Waits for other processes that change the same file, by a lock in the folder `locks`.
    A symbolic link stays one, and its target is what changes. Comments stay, unless the
    file's layout forces it to be rewritten; returns whether they were lost.

    Raises:
        FluxError: the file is broken, or cannot be written.
    """
    target = Path(os.path.realpath(path))
    with _alone(target, locks):
        before = read(path)
        if value is None and name not in dict(before.entries()):
            return False
        values = _changed(before.values, name, value)
        text = _reworded(before.text, name, value, values)
        write(target, _dumped(values) if text is None else text)
        return text is None and "#" in before.text


@contextlib.contextmanager
def _alone(target: Path, locks: Path) -> Iterator[None]:
    """Lock `target` against changes by other processes."""
    import hashlib

    mark = hashlib.sha256(os.fsencode(target)).hexdigest()[:16]
    mutex = FileLock(locks / f"config-{mark}.lock")
    try:
        mutex.acquire(wait=True)
    except OSError as error:
        hint = "set `FLUXCLI_STATE_DIR` to a folder that can be written"
        failure = _failure(locks, "written", error)
        raise FluxError(Code.OUTPUT_UNWRITABLE, failure, hint=hint) from error
    try:
        yield
    finally:
        mutex.release()


def _changed(
    before: Mapping[str, object], name: str, value: str | float | None
) -> dict[str, object]:
    """Return the values as they are to be."""
    values = deepcopy(dict(before))
    table, _, key = name.rpartition(".")
    place = values
    for word in table.split(".", 1) if table else ():
        inner = place.setdefault(word, {})
        place = inner if isinstance(inner, dict) else place
    if value is None:
        del place[key]
    else:
        place[key] = value
    return values


def _reworded(
    before: str, name: str, value: str | float | None, values: Mapping[str, object]
) -> str | None:
    """Change the one entry in the text as it is laid out; None if that does not work."""
    if value is None:
        text = without_entry(before, name)
    else:
        toml = _dumped({"value": value}).partition("=")[2].strip()
        text = with_entry(before, name, toml, parses=lambda line: _loaded(line) is not None)
    return text if _loaded(text) == values else None


def _loaded(text: str) -> dict[str, object] | None:
    """Parse TOML; None if it is none."""
    import tomllib

    try:
        return tomllib.loads(text)
    except ValueError:
        return None


def _dumped(values: Mapping[str, object]) -> str:
    import tomli_w

    return tomli_w.dumps(values)


def write(target: Path, text: str) -> None:
    """Replace `target` atomically by a file that only the user can read.

    Raises:
        FluxError: it cannot be written; `target` is as it was.
    """
    from fluxcli.files.atomic import write_atomically
    from fluxcli.system import disk

    try:
        disk.make_folders(target.parent, mode=disk.PRIVATE)
        write_atomically(target, text.encode(), mode=0o600)
    except OSError as error:
        raise FluxError(Code.OUTPUT_UNWRITABLE, _failure(target, "written", error)) from error


def _position(before: str) -> str:
    """Return `line:column`, from 1, of what follows the text `before`."""
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def _broken(where: str, reason: str) -> FluxError:
    return FluxError(Code.CONFIG_INVALID, f"`{where}`: {reason}", hint=_EDIT)


def _failure(path: Path, done: str, error: OSError) -> str:
    return f"`{path}` cannot be {done}: {reason_of(error)}"
