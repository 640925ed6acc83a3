"""The lock as text: JSON Lines, a header and one line for each asset, sorted by name.

One asset is one line, so that git's `merge=union` joins any two branches. Two lines of one
asset are legal: both branches changed it. Pure. What cannot be read in full is an error with
its line, and never treated as empty. The text is untrusted: each value is checked.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from fluxcli.build.lock.entry import LockedImage, LockedRequest, LockEntry
from fluxcli.build.lock.fingerprint import scheme_of
from fluxcli.build.lock.output_names import problem_with
from fluxcli.clock import timestamp
from fluxcli.errors import Code, FluxError
from fluxcli.system.shell_syntax import join

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSION: Final = 2
MAGIC: Final = "fluxcli-lock"
HEADER: Final = json.dumps({MAGIC: VERSION}) + "\n"
_TIMES: Final = ("submitted_at", "created_at")
_CONFLICT: Final = re.compile(rb"^(?:<{7}|={7}|>{7}|\|{7})(?: .*)?\r?$", re.MULTILINE)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST: Final = 4096
_MOST: Final = 1 << 53
_TYPES: Final[Mapping[str, tuple[type, str, bool]]] = {
    "str": (str, "text", True),
    "str | None": (str, "text", False),
    "int": (int, "a whole number", True),
    "float": (str, "a time such as `2026-01-31T12:00:00Z`", True),
    "bool": (bool, "`true` or `false`", False),
}
"""The JSON type of a field's type, in words, and whether the field is required."""

_FORMS: Final[Mapping[type, Mapping[str, tuple[type, str, bool]]]] = {
    kind: {one.name: _TYPES[str(one.type)] for one in fields(kind) if one.name != "request"}
    for kind in (LockedRequest, LockedImage)
}
_NAMES: Final[Mapping[type, tuple[str, ...]]] = {kind: tuple(_FORMS[kind]) for kind in _FORMS}
_OF_LINE: Final = frozenset(
    {*_FORMS[LockedRequest], *_FORMS[LockedImage], "asset", "pending", "history"}
)
_OF_REQUEST: Final = frozenset(_FORMS[LockedRequest])
_FORMATS: Final = frozenset({"png", "jpeg", "webp", "gif", "avif"})


def lines_of(name: str, entry: LockEntry) -> str:
    """Return an asset's line; one for each image while two branches disagree."""
    first: dict[str, object] = {"asset": name}
    if entry.pending is not None:
        first["pending"] = _plain(entry.pending)
    if entry.history:
        first["history"] = [_plain(one) for one in entry.history]
    images = entry.rivals or ((entry.made,) if entry.made else ())
    if not images:
        return _line(first)
    rows = [_plain(one) | _plain(one.request) for one in images]
    return _line(first | rows[0]) + "".join(_line({"asset": name} | row) for row in rows[1:])


def joined(lines: Mapping[str, str]) -> str:
    """Return a lock's whole text, made of assets' lines."""
    return HEADER + "".join(lines[name] for name in sorted(lines))


def parse(
    data: bytes, path: Path, *, conflicts: bool = False, manifest: str = ""
) -> dict[str, list[LockEntry]]:
    """Read the bytes of the lock at `path`: the entries of each asset, as many as it has lines.

    With `conflicts`, the markers of a merge conflict are skipped, so that both sides count.
    `manifest` is how commands name the manifest, if they do.

    Raises:
        FluxError: LOCK_INVALID: a merge conflict, no lock, a later version, a damaged line.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    conflict = _CONFLICT.search(data)
    if conflict is not None and not conflicts:
        number = data.count(b"\n", 0, conflict.start()) + 1
        raise FluxError(
            Code.LOCK_INVALID,
            f"`{path}:{number}`: git left a merge conflict here; nothing was sent",
            hint=join(("fluxcli", "assets", "merge", *([manifest] if manifest else []), str(path))),
        )
    found: dict[str, list[LockEntry]] = {}
    reader = _LineReader(path)
    is_headed = False
    for number, raw in enumerate(data.split(b"\n"), 1):
        text = raw.strip()
        if not text or (conflicts and _CONFLICT.match(text)):
            continue
        record = reader.record(number, text, first=not is_headed)
        if MAGIC in record:
            reader.check_header(number, record)
            is_headed = True
            continue
        if not is_headed:
            raise reader.no_lock(data)
        name, entry = reader.entry(number, record)
        found.setdefault(name, []).append(entry)
    if not is_headed:
        raise reader.no_lock(data)
    return found


def _line(record: dict[str, object]) -> str:
    return json.dumps(record, sort_keys=True, ensure_ascii=False) + "\n"


def _plain(part: LockedRequest | LockedImage) -> dict[str, object]:
    """Return a part's fields, without those at their defaults."""
    found = ((name, getattr(part, name)) for name in _NAMES[type(part)])
    given = {key: value for key, value in found if value is not None and value is not False}
    return {key: _time(value) if key in _TIMES else value for key, value in given.items()}


@lru_cache(1024)
def _time(seconds: float) -> str:
    return timestamp(seconds) or "1970-01-01T00:00:00Z"


@lru_cache(1024)
def _seconds(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if _TIME.fullmatch(text) else None
    except ValueError:
        return None


class _LineReader:
    """Reads lines strictly: anything unknown would be lost with the next write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = f"git log -p -- {path.name}  (an earlier version that is whole)"

    def record(self, number: int, text: bytes, *, first: bool) -> dict[str, Any]:
        try:
            record = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            if first:
                raise self.no_lock(text) from None
            raise self._wrong(number, "the line is damaged") from None
        if not isinstance(record, dict):
            raise self._wrong(number, "the line is damaged: expected an object")
        return record

    def check_header(self, number: int, record: dict[str, Any]) -> None:
        version = record[MAGIC]
        if type(version) is not int:
            raise self._wrong(number, f"expected `{HEADER.strip()}`")
        if version > VERSION or (version == VERSION and len(record) > 1):
            raise self._later(number, f"version {version}")
        if version != VERSION:
            raise self._wrong(number, f"expected `{HEADER.strip()}`")

    def no_lock(self, data: bytes) -> FluxError:
        if re.search(rb"^version = 1\s*$|^\[assets\.", data, re.MULTILINE) or data[:1] == b"#":
            return FluxError(
                Code.LOCK_INVALID,
                f"`{self._path}` is a TOML lock of a fluxcli before its first release; "
                "nothing was sent",
                hint=f"mv {self._path.name} {self._path.name}.old, "
                "then `fluxcli assets adopt '*'` keeps the images at no cost",
            )
        return FluxError(
            Code.LOCK_INVALID,
            f"`{self._path}` does not begin with `{HEADER.strip()}`; nothing was sent",
            hint=self._kept,
        )

    def entry(self, number: int, record: dict[str, Any]) -> tuple[str, LockEntry]:
        unknown = record.keys() - _OF_LINE
        if unknown:
            raise self._later(number, f"field `{min(unknown)}`")
        name = record.get("asset")
        if not isinstance(name, str) or not name or len(name) > _LONGEST or not name.isprintable():
            raise self._wrong(number, "`asset`: expected a name")
        made = None
        if record.keys() - {"asset", "pending", "history"}:
            made = self._image(number, record)
        pending = record.get("pending")
        history = record.get("history", [])
        if not isinstance(history, list):
            raise self._wrong(number, "`history`: expected a list")
        return name, LockEntry(
            made,
            None if pending is None else self._request(number, pending),
            tuple(self._request(number, one) for one in history),
        )

    def _image(self, number: int, record: dict[str, Any]) -> LockedImage:
        request = LockedRequest(**self._values(number, record, LockedRequest))
        values = self._values(number, record, LockedImage)
        self._check_hash(number, request.hash)
        if objection := problem_with(values["output"]):
            raise FluxError(
                Code.LOCK_INVALID,
                f"`{self._path}:{number}`: the output `{values['output']}` {objection}; "
                "no file was touched, nothing was sent",
                hint=self._kept,
            )
        for key in ("sha256", "original_sha256"):
            if not _SHA256.fullmatch(values[key]):
                raise self._wrong(number, f"`{key}`: expected 64 hexadecimal digits")
        if values["format"] not in _FORMATS:
            raise self._later(number, f"format `{values['format']}`")
        return LockedImage(request=request, **values)

    def _request(self, number: int, raw: object) -> LockedRequest:
        if not isinstance(raw, dict):
            raise self._wrong(number, "expected an object")
        unknown = raw.keys() - _OF_REQUEST
        if unknown:
            raise self._later(number, f"field `{min(map(str, unknown))}`")
        request = LockedRequest(**self._values(number, raw, LockedRequest))
        self._check_hash(number, request.hash)
        return request

    def _check_hash(self, number: int, text: str) -> None:
        if scheme_of(text) is not None:
            return
        scheme, _, digest = text.partition(":")
        if scheme.isascii() and scheme.isdecimal() and digest:
            raise self._later(number, f"hash scheme {scheme[:8]}")
        raise self._wrong(number, "`hash`: expected a scheme and a hash")

    def _values(
        self, number: int, record: dict[str, Any], kind: type[LockedRequest | LockedImage]
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, (expected, words, needed) in _FORMS[kind].items():
            raw = record.get(name)
            if raw is None:
                if needed:
                    raise self._wrong(number, f"`{name}` is missing")
                continue
            value = _seconds(raw) if name in _TIMES and isinstance(raw, str) else raw
            if type(raw) is not expected or value is None or not _is_bounded(raw):
                raise self._wrong(number, f"`{name}`: expected {words}")
            values[name] = value
        return values

    def _wrong(self, number: int, message: str) -> FluxError:
        return FluxError(
            Code.LOCK_INVALID,
            f"`{self._path}:{number}`: {message}; nothing was sent",
            hint=self._kept,
        )

    def _later(self, number: int, what: str) -> FluxError:
        from fluxcli.system.upgrade import upgrade_command

        return FluxError(
            Code.LOCK_INVALID,
            f"`{self._path}:{number}`: written by a later fluxcli ({what}); upgrade",
            hint=upgrade_command(),
        )


def _is_bounded(raw: object) -> bool:
    if isinstance(raw, str):
        return len(raw) <= _LONGEST and raw.isprintable()
    return not isinstance(raw, int) or 0 <= raw < _MOST


def _no_constant(text: str) -> float:
    raise ValueError(text)
