"""The lock as text: one short block for each asset, sorted, so that git merges it by itself.

Pure. What cannot be read in full is an error with its place, and never taken for empty.
"""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from fluxcli import tomltext
from fluxcli.build.lock.entry import LockedImage, LockedRequest, LockEntry
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from fluxcli.tomltext import Toml

VERSION: Final = 1
_HEADER: Final = f"""\
# What `fluxcli build` has made, and what it is waiting for. Written by the program: commit it
# with the pictures. One block for each asset; blocks of different assets merge by themselves.
version = {VERSION}
"""
_TIMES: Final = ("asked_at", "made_at")
_CONFLICT: Final = re.compile(rb"^(?:<{7}|={7}|>{7}|\|{7})(?: .*)?\r?$", re.MULTILINE)
_KEPT: Final = "git log -p -- {name}  (an earlier one that is whole is in there)"
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:?\d\d)", re.ASCII)
_TYPES: Final[Mapping[str, tuple[type, str, bool]]] = {
    "str": (str, "text", True),
    "str | None": (str, "text", False),
    "int": (int, "a whole number", True),
    "float": (str, "a time such as `2026-01-31T12:00:00Z`", True),
    "bool": (bool, "`true` or `false`", False),
}
"""What stands in the file for a field's type, in words, and whether it has to be there."""

_FORMS: Final[Mapping[type, Mapping[str, tuple[type, str, bool]]]] = {
    kind: {one.name: _TYPES[str(one.type)] for one in fields(kind) if one.name != "ask"}
    for kind in (LockedRequest, LockedImage)
}
_OF_ENTRY: Final = frozenset({*_FORMS[LockedRequest], *_FORMS[LockedImage], "pending"})


def block(name: str, entry: LockEntry) -> str:
    """Return an asset's block, with an empty line before it."""
    import tomli_w

    table: dict[str, object] = {}
    if entry.made is not None:
        table = dict(sorted((_plain(entry.made) | _plain(entry.made.ask)).items()))
    if entry.pending is not None:
        table["pending"] = dict(sorted(_plain(entry.pending).items()))
    return "\n" + tomli_w.dumps({"assets": {name: table}})


def joined(blocks: Mapping[str, str]) -> str:
    """Return a lock's whole text, made of assets' blocks."""
    return _HEADER + "".join(blocks[name] for name in sorted(blocks))


def parse(data: bytes, path: Path) -> dict[str, LockEntry]:
    """Read the bytes of the lock at `path`.

    Raises:
        FluxError: LOCK_INVALID: a merge conflict, no TOML, a later version, a bad entry.
    """
    hint = _KEPT.format(name=path.name)
    conflict = _CONFLICT.search(data)
    if conflict is not None:
        line = data.count(b"\n", 0, conflict.start()) + 1
        raise FluxError(
            Code.LOCK_INVALID,
            f"`{path}:{line}:1`: git left a merge conflict here",
            hint="keep both sides' blocks (of one asset, the newer), then fluxcli build --check",
        )
    toml = tomltext.parse(data, path, Code.LOCK_INVALID, hint=hint)
    _check_version(toml, hint)
    reader = _LockReader(toml, hint)
    reader.known((), ("version", "assets"))
    return {name: reader.entry(name) for name in reader.table("assets")}


def _check_version(toml: Toml, hint: str) -> None:
    version = toml.values.get("version")
    if version == VERSION and not isinstance(version, bool):
        return
    if isinstance(version, int) and version > VERSION:
        raise FluxError(
            Code.LOCK_INVALID,
            f"`{toml.path}` was written by a later fluxcli (version {version})",
            hint="pip install --upgrade fluxcli",
        )
    raise FluxError(
        Code.LOCK_INVALID, f"`{toml.path}` does not say `version = {VERSION}`", hint=hint
    )


def _plain(part: LockedRequest | LockedImage) -> dict[str, object]:
    """Return what a part says, without what goes without saying."""
    found = {one.name: getattr(part, one.name) for one in fields(part) if one.name != "ask"}
    said = {key: value for key, value in found.items() if value is not None and value is not False}
    return {key: _time(value) if key in _TIMES else value for key, value in said.items()}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(raw: object) -> float | None:
    """Return the seconds since the epoch that a time stands for; None if it is none of ours."""
    text = str(raw)
    try:
        return datetime.fromisoformat(text).timestamp() if _TIME.fullmatch(text) else None
    except ValueError:
        return None


class _LockReader:
    """Reads entries, strictly: what is not understood would be lost with the next rewriting."""

    def __init__(self, toml: Toml, hint: str) -> None:
        self._toml = toml
        self._hint = hint

    def table(self, *trail: str) -> Mapping[str, object]:
        value: object = self._toml.values
        for key in trail:
            value = cast("Mapping[str, object]", value).get(key, {})
            if not isinstance(value, dict):
                raise self._wrong(trail, "expected a table")
        return cast("Mapping[str, object]", value)

    def known(self, trail: tuple[str, ...], names: Collection[str]) -> Mapping[str, object]:
        """Return the table at `trail`, which may have entries of these names only."""
        table = self.table(*trail)
        for key in table:
            if key not in names:
                raise self._wrong((*trail, key), "unknown entry")
        return table

    def entry(self, name: str) -> LockEntry:
        trail = ("assets", name)
        table = self.known(trail, _OF_ENTRY)
        made = None
        if table.keys() - {"pending"}:
            ask = LockedRequest(**self._values(trail, table, LockedRequest))
            made = LockedImage(ask=ask, **self._values(trail, table, LockedImage))
        pending = None
        if "pending" in table:
            below = (*trail, "pending")
            pending = LockedRequest(
                **self._values(below, self.known(below, _FORMS[LockedRequest]), LockedRequest)
            )
        return LockEntry(made, pending)

    def _values(
        self,
        trail: tuple[str, ...],
        table: Mapping[str, object],
        kind: type[LockedRequest | LockedImage],
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, (expected, words, needed) in _FORMS[kind].items():
            raw = table.get(name)
            if raw is None and needed:
                raise self._wrong(trail, f"`{name}` is missing")
            if raw is None:
                continue
            value = _seconds(raw) if name in _TIMES else raw
            if type(raw) is not expected or value is None:
                raise self._wrong((*trail, name), f"expected {words}")
            values[name] = value
        return values

    def _wrong(self, trail: tuple[str, ...], message: str) -> FluxError:
        place = self._toml.value(*trail)
        where = f"{self._toml.path}:{place.line}:{place.column}"
        return FluxError(Code.LOCK_INVALID, f"`{where}`: `{trail[-1]}`: {message}", hint=self._hint)
