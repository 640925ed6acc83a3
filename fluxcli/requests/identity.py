"""When two commands are the same: the fingerprint of a request, its input and its output place."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.fields import canonical
from fluxcli.files.output_path import descriptor, resolve
from fluxcli.tasks.download import request_values

if TYPE_CHECKING:
    from fluxcli.tasks.run_options import PictureRequest

_ID: Final = "{id}"
_DATE: Final = "{date}"
_OPEN_NUMBER: Final = 0


def fingerprint(
    picture: PictureRequest,
    origin: str,
    *,
    source: str | None,
    copy: int | None = None,
    again: str | None = None,
) -> str:
    """Return what all spellings of one command have in common.

    `source` identifies the input: a URL, `sha256:…`, `task:…`, or `@last` as it was typed.
    `copy` is for a line of a prompt list: how many equal lines stand before it. Its number is
    left open, so that lines may be added, removed and moved. `again` is the ref of the earlier task
    whose request is made again: another command than the one that made it first.
    A field of a later version counts only if it is not at its default: see `fields.canonical`.
    """
    identity = {
        "origin": origin.rstrip("/"),
        "request": canonical(picture.request),
        "source": source,
        "output": places(picture),
        "count": picture.count,
    }
    if again is not None:
        identity["again"] = again
    if copy is not None:
        picture = replace(picture, n=_OPEN_NUMBER)
        identity |= {"output": places(picture), "copy": copy}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def places(picture: PictureRequest) -> list[str]:
    """Return the real paths of a command's images; the id and the date stay open."""
    if picture.target.kind == "stdout":
        return ["-"]
    facts = replace(request_values(picture, 0.0), id=_ID, date=_DATE)
    numbers = [picture.n] if picture.count == 1 else range(1, picture.count + 1)
    paths = [resolve(picture.target, replace(facts, n=n)) for n in numbers]
    return [real_path(path) for path in paths]


def real_path(path: Path) -> str:
    """Return one text for all spellings of a path, whether or not it exists."""
    if descriptor(path) is not None:
        return str(path)
    text = os.path.normcase(os.path.realpath(path))
    if ignores_case(Path(text)):
        text = text.casefold()
    # Apple's file systems take both forms of a letter for one name.
    return unicodedata.normalize("NFC", text) if sys.platform == "darwin" else text


def ignores_case(path: Path) -> bool:
    """Return whether the file system at a real path takes `A` and `a` for one name.

    Judged by the nearest folder that exists and has a letter in its name.
    """
    for folder in path.parents:
        other = folder.with_name(folder.name.swapcase()) if folder.name else folder
        if other == folder:
            continue
        try:
            found = folder.lstat()
        except OSError:
            continue
        try:
            swapped = other.lstat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (swapped.st_dev, swapped.st_ino)
    return False
