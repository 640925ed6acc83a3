"""Resolves and checks what was typed: requests, output places, prices."""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.clock import local_day
from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, ProblemsError
from fluxcli.fields import EXTENSION, FIELDS
from fluxcli.files.output_path import (
    STDOUT,
    NameValues,
    OutputTarget,
    check_free,
    check_writable,
    format_of,
    known_paths,
    numbered,
    other_meaning,
    parse_target,
)
from fluxcli.prices_and_limits import CREDITS, MAX_COUNT
from fluxcli.requests.identity import fingerprint
from fluxcli.requests.inputs import (
    LAST,
    RawRequest,
    RequestEnvironment,
    prompt_of,
    source_of,
    source_of_identity,
)
from fluxcli.requests.own_images import own_images
from fluxcli.task_types import Request, is_unpaid
from fluxcli.tasks.download import request_values
from fluxcli.tasks.run_options import PictureRequest, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fluxcli.settings.settings import Settings
    from fluxcli.task_types import Mode


_BOUNDS: Final = ("timeout", "interval", "max_credits", "max_credits_per_day", "api")
"""Settings of the run that are not part of the request, but are checked with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRequest:
    """The requests of a command; `fingerprint` is the same for the same command.

    `is_open_line`: it is a line of a prompt list, and its number or the task's id decides what its
    image is called.
    """

    pictures: tuple[PictureRequest, ...]
    fingerprint: str
    date: str
    price: float | None = None
    is_open_line: bool = False

    @property
    def source_error(self) -> FluxError | None:
        """Why the input cannot be used; what is paid for no longer needs it."""
        return self.first.source.error if self.first.source else None

    @property
    def first(self) -> PictureRequest:
        """The first of the images; they differ only in their number."""
        return self.pictures[0]

    def names(self) -> list[str]:
        """Return where the images will be saved, as far as that is known: `{id}` stays."""
        paths = self.paths()
        target = self.first.target
        return [target.text] if paths is None else [str(path) for path in paths] or ["-"]

    def paths(self) -> list[Path] | None:
        """Return the paths of all images; None if they need an id, empty for stdout."""
        return known_paths(self.first.target, self._facts())

    def credits(self, pictures: int) -> int:
        """Return the estimated price of that many of the images, in credits."""
        price = self.price or CREDITS[self.first.request.model]
        return math.ceil(price * pictures)

    def _facts(self) -> NameValues:
        request = self.first.request
        return NameValues(
            id=None,
            prompt=request.prompt,
            n=self.first.n,
            count=self.first.count,
            date=self.date,
            model=request.model,
            ratio=request.aspect_ratio,
            ext=EXTENSION[request.output_format],
        )


class ErrorCollector:
    """Collects what is wrong, so that all of it is reported together."""

    def __init__(self) -> None:
        self.errors: list[FluxError] = []

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Keep the error that the block raises."""
        try:
            yield
        except FluxError as error:
            # A broken config file is an error for every setting.
            if error.message not in {known.message for known in self.errors}:
                self.errors.append(error)

    def raise_all(self) -> None:
        """Raise the one error, or all of them as one."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise ProblemsError(self.errors)


def resolve_request(raw: RawRequest, environment: RequestEnvironment) -> ResolvedRequest:
    """Resolve what was typed, or report everything that is wrong with it.

    Raises:
        FluxError: one problem, or a `ProblemsError` with all of them.
    """
    problems = ErrorCollector()
    values: dict[str, object] = {}
    for name in (field.name for field in FIELDS):
        with problems.collected():
            values[name] = environment.settings.value(f"{raw.mode}.{name}").value
    with problems.collected():
        environment.settings.check_known()
    for name in _BOUNDS:
        with problems.collected():
            environment.settings.value(name)
    with problems.collected():
        values["prompt"] = prompt_of(raw, environment)
    target: OutputTarget | None = None
    source: Source | None = None
    with problems.collected():
        target = parse_target(_output(environment.settings), cwd=environment.cwd)
        if raw.listed:
            target = numbered(target)
        if "output_format" in values:
            values["output_format"] = _format(raw.mode, environment.settings, target)
    with problems.collected():
        source = source_of(raw, environment)
    with problems.collected():
        _check_count(raw.count, target)
    if problems.errors and target is not None:
        # Otherwise `remaining` checks it: an image may be paid for, or made, already.
        with problems.collected():
            _check_place(target, raw)
    problems.raise_all()
    request = Request(mode=raw.mode, **values)  # type: ignore[arg-type] # each was read by its parser
    pictures = tuple(
        PictureRequest(
            request=request, target=target or STDOUT, source=source, n=n, count=raw.count
        )
        for n in range(1, raw.count + 1)
    )
    first, same, source = _as_begun(pictures[0], raw, environment)
    return ResolvedRequest(
        pictures=tuple(
            replace(picture, request=first.request, target=first.target, source=source)
            for picture in pictures
        ),
        fingerprint=same,
        price=environment.prices.get(request.model),
        date=local_day(environment.now),
    )


def _check_place(target: OutputTarget, raw: RawRequest) -> None:
    folder = target.folder()
    if folder is not None:
        check_writable(folder, folder=True)
    if target.kind == "file":
        check_free([Path(target.text)], force=raw.force, skip_existing=raw.skip_existing)


def _as_begun(
    picture: PictureRequest, raw: RawRequest, environment: RequestEnvironment
) -> tuple[PictureRequest, str, Source | None]:
    """Return the image as its unfinished run has it, with the fingerprint and the input.

    A name is a folder's or a file's by what exists there. What appeared or went away since the
    run began changes nothing.
    """
    same, source = _resumable(picture, raw, environment)
    text = _output(environment.settings)
    target = other_meaning(picture.target, text) if text is not None else None
    if target is None or _is_begun(same, environment):
        return picture, same, source
    with suppress(FluxError):
        form = _format(raw.mode, environment.settings, target)
        other = replace(
            picture, request=replace(picture.request, output_format=form), target=target
        )
        earlier, its_source = _resumable(other, raw, environment)
        if _is_begun(earlier, environment):
            return other, earlier, its_source
    return picture, same, source


def _is_begun(same: str, environment: RequestEnvironment) -> bool:
    """Return whether a command has an unfinished run with an image that may be paid for."""
    tasks = (environment.unfinished(same) or {}).values()
    return not all(is_unpaid(task) for task in tasks)


def _resumable(
    picture: PictureRequest, raw: RawRequest, environment: RequestEnvironment
) -> tuple[str, Source | None]:
    """Return the fingerprint, and the input that the run of it has, or is to have.

    An unfinished run of the typed command keeps its input, even if `@last` names
    another task by now.
    `@last` and the name of that task are one command as long as it is unfinished.
    """
    source = picture.source
    if raw.again is not None and raw.again.fingerprint is not None:
        return raw.again.fingerprint, source
    known = source.identity if source else None
    again = raw.again.task.ref if raw.again else None
    own = fingerprint(picture, environment.origin, source=known, again=again)
    if raw.image is None or not raw.image.startswith("@"):
        return own, source
    typed = fingerprint(picture, environment.origin, source=LAST, again=again)
    earlier = environment.unfinished(typed) or {}
    begun = [task.source for task in earlier.values() if not is_unpaid(task) and task.source]
    if raw.image != LAST:
        return typed if known in begun else own, source
    if begun:
        return typed, source_of_identity(begun[0], environment)
    others = (environment.unfinished(own) or {}).values()
    if not all(is_unpaid(task) for task in others):
        return own, source
    return typed, _source_again(picture, typed, environment) or source


def _source_again(
    picture: PictureRequest, typed: str, environment: RequestEnvironment
) -> Source | None:
    """Return the input of the finished run whose own image `@last` would now name.

    As long as images of that run are at their fixed places, the typed command means them.
    """
    paths = known_paths(picture.target, request_values(picture, environment.now))
    last = environment.find(LAST)
    if not paths or last is None or last.source is None:
        return None
    history = [task for task in environment.history(typed) if task.source == last.source]
    is_own = any(task.ref == last.ref for task in history)
    found = own_images(dict(enumerate(paths, 1)), history) if is_own else {}
    return source_of_identity(last.source, environment) if found else None


def _output(settings: Settings) -> str | None:
    found = settings.value("output")
    return str(found.value) if found.given else None


def _format(mode: Mode, settings: Settings, target: OutputTarget) -> str:
    """Return the output format: the flag's, else the output's ending's, else the setting's."""
    chosen = settings.value(f"{mode}.output_format")
    ending = format_of(target)
    if ending is not None and chosen.explicit and ending != chosen.value:
        raise FluxError(
            Code.INVALID_REQUEST,
            f"`--output-format {chosen.value}` and the output's ending (`{target.text}`) clash",
            hint=f"--output-format {ending}",
        )
    return ending or str(chosen.value)


def _check_count(count: int, target: OutputTarget | None) -> None:
    if not 1 <= count <= MAX_COUNT:
        raise FluxError(
            Code.INVALID_REQUEST,
            f"`--count {count}`: 1 to {MAX_COUNT} images can be made by one command",
            hint=f"--count {min(max(count, 1), MAX_COUNT)}",
        )
    if count > 1 and target is not None and target.kind == "stdout":
        raise FluxError(Code.USAGE, "`-o -` takes one image", hint="-o '{prompt}-{n}.{ext}'")
