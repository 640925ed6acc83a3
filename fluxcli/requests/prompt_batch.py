"""The lines of a prompt list as resolved requests, each with a number that it keeps.

A line is identified by its request, its output place and how many equal lines precede it.
Lines may be added, removed and moved: what was made for the others stays theirs.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError
from fluxcli.files.image_check import inspect_file
from fluxcli.files.output_path import is_device, is_open, resolve
from fluxcli.prices_and_limits import MAX_COUNT
from fluxcli.requests.identity import fingerprint, real_path
from fluxcli.requests.resolve import ErrorCollector, ResolvedRequest, resolve_request
from fluxcli.settings.settings import Layer
from fluxcli.tasks.download import request_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fluxcli.requests.inputs import RawRequest, RequestEnvironment
    from fluxcli.requests.prompt_list import ListEntry
    from fluxcli.task_types import Mode, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRequest:
    """One line of a prompt list: `place` is `FILE:LINE`, `key` its number on the display."""

    place: str
    key: str
    resolved: ResolvedRequest


def resolve_list(
    entries: Sequence[ListEntry],
    raw: RawRequest,
    environment: RequestEnvironment,
    *,
    new: bool,
    of_file: Callable[[str], Task | None],
) -> list[ListedRequest]:
    """Resolve every line, or report everything that is wrong with them.

    `raw` has what they share; each line is made `raw.count` times. `new`: none of them keeps
    an earlier number. `of_file` finds the task that saved an image, by its hash.

    Raises:
        FluxError: one problem, or a `ProblemsError` with all of them.
    """
    problems = ErrorCollector()
    _check_shared(entries, raw, environment)
    found: list[tuple[str, ResolvedRequest]] = []
    for entry in entries:
        with problems.collected():
            found += [(entry.place, _resolved(entry, raw, environment))] * raw.count
    problems.raise_all()
    lines = list(_identified(found, environment))
    _check_places(lines, problems)
    problems.raise_all()
    numbers = _numbers([resolved for _, resolved in lines], environment, new=new, of_file=of_file)
    return [
        ListedRequest(place=place, key=key, resolved=_numbered(resolved, number))
        for (place, resolved), number, key in zip(lines, numbers, _keys(numbers), strict=True)
    ]


def _check_shared(
    entries: Sequence[ListEntry], raw: RawRequest, environment: RequestEnvironment
) -> None:
    """Check what does not come from a line: a setting that is wrong is wrong for all of them."""
    shared = next((entry for entry in entries if "output" not in entry.values), None)
    if shared is not None:
        resolve_request(replace(raw, prompt=shared.prompt, count=1, listed=True), environment)
    if not 1 <= raw.count <= MAX_COUNT:
        raise FluxError(
            Code.INVALID_REQUEST,
            f"`--count {raw.count}`: each line can be made 1 to {MAX_COUNT} times",
            hint=f"--count {min(max(raw.count, 1), MAX_COUNT)}",
        )


def _resolved(
    entry: ListEntry, raw: RawRequest, environment: RequestEnvironment
) -> ResolvedRequest:
    mode: Mode = raw.mode
    values = {
        name if name == "output" else f"{mode}.{name}": value
        for name, value in entry.values.items()
    }
    line = Layer(entry.place, values)
    own = replace(environment, settings=environment.settings.with_line(line))
    request = replace(raw, prompt=entry.prompt, count=1, listed="output" not in values)
    try:
        resolved = resolve_request(request, own)
    except FluxError as error:
        named = error.message.startswith(f"`{entry.place}`")
        raise error if named else error.at(entry.place) from None
    if resolved.first.target.kind == "stdout":
        raise FluxError(
            Code.USAGE, "`-o -` takes one image, not a list", hint="-o '{prompt}-{n}.{ext}'"
        )
    return resolved


def _identified(
    found: Iterable[tuple[str, ResolvedRequest]], environment: RequestEnvironment
) -> Iterable[tuple[str, ResolvedRequest]]:
    """Give each line whose name is open the fingerprint that leaves its number open."""
    seen: Counter[str] = Counter()
    for place, resolved in found:
        if not is_open(resolved.first.target):
            yield place, resolved
            continue
        same = fingerprint(resolved.first, environment.origin, source=None, copy=0)
        own = fingerprint(resolved.first, environment.origin, source=None, copy=seen[same])
        seen[same] += 1
        yield place, replace(resolved, fingerprint=own, is_open_line=True)


def _check_places(lines: Iterable[tuple[str, ResolvedRequest]], problems: ErrorCollector) -> None:
    """Check that no two lines are to be saved as one file."""
    first: dict[str, str] = {}
    for place, resolved in lines:
        if resolved.is_open_line:
            continue
        for path in resolved.paths() or ():
            earlier = first.get(real_path(path))
            first[real_path(path)] = place
            if earlier is not None and not is_device(path):
                with problems.collected():
                    raise FluxError(
                        Code.INVALID_REQUEST,
                        f"`{place}`: `{path}` is the output of `{earlier}` too; nothing was sent",
                        hint="-o '{prompt}-{n}.{ext}'",
                    )


def _numbers(
    lines: Sequence[ResolvedRequest],
    environment: RequestEnvironment,
    *,
    new: bool,
    of_file: Callable[[str], Task | None],
) -> list[int]:
    """Return a number for each line: the one that it had, else the lowest that is free."""
    kept: dict[int, int] = {}
    used: set[int] = set()
    for index, resolved in enumerate(lines):
        history = environment.history(resolved.fingerprint) if resolved.is_open_line else ()
        for task in history:
            used.add(task.n)
            if not new:
                kept[index] = task.n
    free = itertools.count(1)
    numbers: list[int] = []
    for index, resolved in enumerate(lines):
        number = kept.get(index)
        while number is None:
            candidate = next(free)
            if candidate not in used and not _is_taken(
                resolved, candidate, environment.now, of_file
            ):
                number = candidate
        numbers.append(number)
    return numbers


def _keys(numbers: Sequence[int]) -> list[str]:
    """Return a key of its own for each line: its number, unless another line has that one."""
    free = itertools.count(max(numbers, default=0) + 1)
    seen: set[int] = set()
    keys = []
    for number in numbers:
        key = next(free) if number in seen else number
        seen.add(number)
        keys.append(str(key))
    return keys


def _is_taken(
    resolved: ResolvedRequest, number: int, now: float, of_file: Callable[[str], Task | None]
) -> bool:
    """Return whether a line that is gone from the list has its image under this number."""
    picture = _numbered(resolved, number).first
    if not resolved.is_open_line or resolved.paths() is None:
        return False
    path = resolve(picture.target, request_values(picture, now))
    if is_device(path) or not path.is_file():
        return False
    try:
        task = of_file(inspect_file(path).sha256)
    except (OSError, FluxError):
        return False
    return task is not None and task.output == picture.target.stored()


def _numbered(resolved: ResolvedRequest, number: int) -> ResolvedRequest:
    if not resolved.is_open_line:
        return resolved
    return replace(resolved, pictures=(replace(resolved.first, n=number),))
