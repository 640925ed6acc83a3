"""What was asked for, resolved and judged: requests, places, prices."""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from fluxcli.catalog import CONSENT_CREDITS, CREDITS, EXTENSION, MAX_COUNT
from fluxcli.errors import Code, FluxError, ProblemsError
from fluxcli.fields import FIELDS
from fluxcli.files.image_check import inspect_file
from fluxcli.files.output_path import (
    STDOUT,
    NameValues,
    OutputTarget,
    check_free,
    check_writable,
    format_of,
    known_paths,
    parse_target,
)
from fluxcli.models import Picture, Request, State, Task
from fluxcli.requests.inputs import RawRequest, RequestEnvironment, prompt_of, source_of
from fluxcli.tasks.options import PictureRequest, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping

    from fluxcli.catalog import Mode
    from fluxcli.settings.resolve import Settings


_BOUNDS: Final = ("timeout", "interval", "max_credits")
"""Settings that say how far to go; not part of the order, and judged with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRequest:
    """Pictures that can be asked for: `fingerprint` is the same for the same command."""

    pictures: tuple[PictureRequest, ...]
    fingerprint: str
    date: str
    price: float | None = None

    @property
    def first(self) -> PictureRequest:
        """The first of the pictures; they differ in nothing but their number."""
        return self.pictures[0]

    def names(self) -> list[str]:
        """Return where the pictures will lie, as far as that is known: `{id}` stays."""
        paths = known_paths(self.first.target, self._facts())
        target = self.first.target
        return [target.text] if paths is None else [str(path) for path in paths] or ["-"]

    def skipped(self, taken: Mapping[int, Task], *, force: bool, skip: bool) -> set[int]:
        """Look for files in the way; return the numbers of the pictures that are not to be made.

        `taken` are the pictures that an earlier run asked for: what lies at the place of one
        that is paid for may be its own.

        Raises:
            FluxError: WOULD_OVERWRITE or OUTPUT_UNWRITABLE.
        """
        paths = enumerate(known_paths(self.first.target, self._facts()) or [], 1)
        wanted = {number: path for number, path in paths if _is_unpaid(taken.get(number))}
        free = check_free(wanted.values(), force=force, skip_existing=skip)
        return {number for number, path in wanted.items() if path not in free}

    def owed(self, taken: Mapping[int, Task], skipped: Container[int]) -> int:
        """Count the pictures that are yet to be paid for."""
        return sum(
            _is_unpaid(taken.get(picture.n))
            for picture in self.pictures
            if picture.n not in skipped
        )

    def credits(self, pictures: int) -> int:
        """Return the estimated price of so many of the pictures, in credits."""
        price = self.price or CREDITS[self.first.request.model]
        return math.ceil(price * pictures)

    def check_spending(
        self,
        pictures: int,
        *,
        most: int | None,
        agreed: bool,
        ask: Callable[[str], bool | None],
    ) -> None:
        """Make sure that so many pictures may be paid for.

        Raises:
            FluxError: OVER_BUDGET or NO_CONSENT; nothing was sent.
        """
        estimate = self.credits(pictures)
        if most is not None and estimate > most:
            raise FluxError(
                Code.OVER_BUDGET,
                f"an estimated {estimate} credits are more than `--max-credits {most}` allows",
                hint=f"--max-credits {estimate}",
            )
        if agreed or most is not None or estimate <= CONSENT_CREDITS:
            return
        if not ask(f"spend an estimated {estimate} credits?"):
            raise FluxError(
                Code.NO_CONSENT,
                f"an estimated {estimate} credits were not agreed to",
                hint=f"`--yes`, or `--max-credits {estimate}`",
            )

    def kept(self, number: int, *, sandbox: bool) -> Task:
        """Return what stands for a picture that was skipped, since its file is there.

        Raises:
            FluxError: WOULD_OVERWRITE: the file is no whole picture, so it stands for none.
        """
        path = (known_paths(self.first.target, self._facts()) or [])[number - 1]
        try:
            found = inspect_file(path)
        except (OSError, FluxError) as error:
            raise FluxError(
                Code.WOULD_OVERWRITE,
                f"`{path}` is there already, and is no whole picture: {error}",
                hint="`--force` replaces it",
            ) from error
        picture = Picture(path=path, **{f.name: getattr(found, f.name) for f in fields(found)})
        return Task(
            ref="",
            state=State.SAVED,
            request=self.first.request,
            sandbox=sandbox,
            output=self.first.target.stored(),
            created_at=path.stat().st_mtime,
            n=number,
            count=self.first.count,
            picture=picture,
        )

    def _facts(self) -> NameValues:
        request = self.first.request
        return NameValues(
            id=None,
            prompt=request.prompt,
            n=1,
            count=self.first.count,
            date=self.date,
            model=request.model,
            ratio=request.aspect_ratio,
            ext=EXTENSION[request.output_format],
        )


def _is_unpaid(task: Task | None) -> bool:
    """Tell whether making the picture will cost money: nobody asked, or it came to nothing."""
    return task is None or task.state in {State.REFUSED, State.FAILED}


class _Problems:
    """Collects what is wrong, so that all of it is told at once."""

    def __init__(self) -> None:
        self.errors: list[FluxError] = []

    @contextmanager
    def collected(self) -> Iterator[None]:
        try:
            yield
        except FluxError as error:
            # A broken config file is met by every setting that is looked up.
            if error.message not in {known.message for known in self.errors}:
                self.errors.append(error)

    def tell(self) -> None:
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise ProblemsError(self.errors)


def take(asked: RawRequest, around: RequestEnvironment) -> ResolvedRequest:
    """Resolve what was asked for, or tell everything that is wrong with it.

    Raises:
        FluxError: one problem, or a `ProblemsError` with all of them.
    """
    problems = _Problems()
    values: dict[str, object] = {}
    for name in (field.name for field in FIELDS):
        with problems.collected():
            values[name] = around.settings.value(f"{asked.mode}.{name}").value
    for name in _BOUNDS:
        with problems.collected():
            around.settings.value(name)
    with problems.collected():
        values["prompt"] = prompt_of(asked, around)
    target: OutputTarget | None = None
    source: Source | None = None
    with problems.collected():
        target = parse_target(_output(around.settings), cwd=around.cwd)
        if "output_format" in values:
            values["output_format"] = _format(asked.mode, around.settings, target)
    with problems.collected():
        source = source_of(asked, around)
    with problems.collected():
        _check_count(asked.count, target)
    if target is not None and target.folder() is not None:
        with problems.collected():
            check_writable(cast("Path", target.folder()), folder=True)
    if problems.errors and target is not None and target.kind == "file":
        # Otherwise it is looked at with what is known of earlier runs: the file may be theirs.
        with problems.collected():
            check_free([Path(target.text)], force=asked.force, skip_existing=asked.skip_existing)
    problems.tell()
    request = Request(mode=asked.mode, **values)  # type: ignore[arg-type] # each was read by its parser
    pictures = tuple(
        PictureRequest(
            request=request, target=target or STDOUT, source=source, n=n, count=asked.count
        )
        for n in range(1, asked.count + 1)
    )
    return ResolvedRequest(
        pictures=pictures,
        fingerprint=_fingerprint(pictures[0], around.origin),
        price=around.prices.get(request.model),
        date=datetime.fromtimestamp(around.now).astimezone().date().isoformat(),
    )


def _fingerprint(picture: PictureRequest, origin: str) -> str:
    identity = {
        "origin": origin,
        "request": asdict(picture.request),
        "source": picture.source.identity if picture.source else None,
        "output": picture.target.stored(),
        "count": picture.count,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _output(settings: Settings) -> str | None:
    found = settings.value("output")
    return str(found.value) if found.given else None


def _format(mode: Mode, settings: Settings, target: OutputTarget) -> str:
    """Return the output format: the flag's, else the output's ending's, else the setting's."""
    chosen = settings.value(f"{mode}.output_format")
    ending = format_of(target)
    if ending is not None and chosen.origin.startswith("--") and ending != chosen.value:
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
            f"`--count {count}`: 1 to {MAX_COUNT} pictures can be asked for at once",
            hint=f"--count {min(max(count, 1), MAX_COUNT)}",
        )
    if count > 1 and target is not None and target.kind == "stdout":
        raise FluxError(Code.USAGE, "`-o -` takes one picture", hint="-o '{prompt}-{n}.{ext}'")
