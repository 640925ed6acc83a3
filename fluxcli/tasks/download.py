"""Downloading: fetch a finished image, check it, and save it. Free of charge.

Only an image, a refused key or the time budget ends it. A link that does not work is renewed;
that a result is gone is believed only when the service itself reports it.
"""

from __future__ import annotations

import itertools
import os
import re
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fluxcli.client.result_stream import LinkGoneError
from fluxcli.clock import local_day
from fluxcli.errors import Code, FluxError
from fluxcli.events import Downloading, Warned
from fluxcli.fields import EXTENSION
from fluxcli.files.filename import split_image_ending
from fluxcli.files.image_check import HEAD_BYTES, inspect_file, sniff
from fluxcli.files.metadata import EMBEDDABLE, embedded, sidecar_path, write_sidecar
from fluxcli.files.output_path import NameValues, OutputTarget, check_free, is_device, resolve
from fluxcli.files.prove import clear_proof
from fluxcli.files.quoting import quoted
from fluxcli.files.receive import RESUME, Landing, Spool, tidy
from fluxcli.prices_and_limits import RESULT_DAYS
from fluxcli.tasks.image_metadata import metadata_of, sidecar_of
from fluxcli.tasks.poll import LASTING, finalize, paid
from fluxcli.tasks.run_options import RetryBudget

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from fluxcli.client.wire import Record
    from fluxcli.files.image_check import Inspected
    from fluxcli.task_types import Picture, Task
    from fluxcli.tasks.run_options import JobStep, PictureRequest, RunOptions, TaskServices

SAVE_SECONDS: Final = 120.0
"""A finished image gets at least this long to be downloaded, after any wait."""

_FETCH_SECONDS: Final = 600.0
_PASSING: Final = (Code.DOWNLOAD_FAILED, Code.NOT_AN_IMAGE)
"""Failures that are tried again until the time is up."""

_UNREACHED: Final = frozenset(
    {Code.NETWORK, Code.DOWNLOAD_FAILED, Code.NO_RESOURCES, Code.ENVIRONMENT_INVALID}
)
_NOTHING_SENT: Final = "; nothing was sent"
_EXPIRED: Final = r"(?i)\bexpired?\b|\bno longer (?:available|exists?|kept|stored)\b"
"""How a service reports that a result is gone for good."""

_UNMADE: Final = {"webp", "gif", "avif", "heic"}
"""Formats that cannot be requested: saved under their own ending."""


class Downloader:
    """Saves the image `key` at `target` until `deadline`, by the monotonic clock."""

    def __init__(
        self,
        key: str,
        services: TaskServices,
        options: RunOptions,
        target: OutputTarget,
        deadline: float,
    ) -> None:
        self._key = key
        self._services = services
        self._options = options
        self._target = target
        self._deadline = deadline
        self._trouble = ""

    def check_place(self, task: Task) -> None:
        """Check, before any waiting, that no file is in the way if that is to be refused.

        A file that appears later is kept, and the image is saved beside it.

        Raises:
            FluxError: WOULD_OVERWRITE; DISK if the place cannot be written to.
        """
        path = self._path(task, task.request.output_format)
        if self._options.existing != "refuse" or path is None or self._saved(task):
            return
        try:
            check_free([path], force=False, skip_existing=False)
        except FluxError as error:
            code = Code.DISK if error.code is Code.OUTPUT_UNWRITABLE else error.code
            raise FluxError(code, error.message, hint=error.hint) from error

    def save(self, task: Task) -> Generator[JobStep, None, Task]:
        """Download the image, check it, and put it in its place; return the saved task.

        Raises:
            FluxError: DOWNLOAD_FAILED, NOT_AN_IMAGE or DISK; a refused key; what the service
                reports of the task.
        """
        ext = EXTENSION[task.request.output_format]
        clear_proof(OutputTarget.restore(task.output), replace(name_values(task, ext=ext), id=None))
        if (kept := self._saved(task)) is not None:
            # An earlier run was stopped between the last step and its record.
            if kept.path is not None:
                tidy(kept.path, token=task.ref)
            yield from self._kept_beside(task, kept)
            return self._services.journal.saved(task.ref, kept)
        path = self._path(task, task.request.output_format)
        if self._options.existing == "skip" and path is not None and path.exists():
            yield Warned(key=self._key, message=f"{quoted(path)} already exists and was kept")
            return task
        yield Downloading(key=self._key)
        picture = yield from self._fetched(task)
        yield from self._deviations(task, picture)
        yield from self._kept_beside(task, picture)
        return self._services.journal.saved(task.ref, picture)

    def _metadata(self, task: Task) -> str | None:
        return self._options.metadata or task.metadata

    def _kept_beside(self, task: Task, picture: Picture) -> Iterator[JobStep]:
        """Write the request beside the image, if it belongs there or cannot be inside."""
        wanted = self._metadata(task)
        is_inside = wanted == "embed" and picture.format in EMBEDDABLE
        path = picture.path
        if wanted not in {"sidecar", "embed"} or is_inside or path is None or is_device(path):
            return
        if wanted == "embed":
            name = quoted(sidecar_path(path))
            note = f"{picture.format} takes no metadata inside; it is in {name}"
            yield Warned(key=self._key, message=note)
        problem = write_sidecar(path, sidecar_of(task, picture))
        if problem is not None:
            yield Warned(key=self._key, message=f"the metadata was not written: {problem}")

    def _deviations(self, task: Task, picture: Picture) -> Iterator[JobStep]:
        """Report what is not as requested: the format, the place."""
        if picture.format != task.request.output_format:
            where = f"; saved as {quoted(picture.path)}" if picture.path else ""
            note = f"the service sent {picture.format}, not {task.request.output_format}{where}"
            yield Warned(key=self._key, message=note)
        expected = self._path(task, picture.format)
        if picture.path != expected:
            note = f"{quoted(expected or '')} already exists and was kept; saved beside it"
            yield Warned(key=self._key, message=note)

    def _fetched(self, task: Task) -> Generator[JobStep, None, Picture]:
        """Try the links to the result until one works or the time is up."""
        clock = self._services.clock
        seconds = max(self._deadline - clock.monotonic(), SAVE_SECONDS)
        budget = RetryBudget(self._key, clock, seconds)
        retried = False
        while True:
            try:
                return self._fetched_once(task, budget, retried=retried)
            except FluxError as error:
                yield from budget.again(error, *_PASSING)
            retried = True

    def _fetched_once(self, task: Task, budget: RetryBudget, *, retried: bool) -> Picture:
        """Try the link, and if it is dead, or failed before, the links that replace it."""
        try:
            return self._land(task, task.url or "", budget)
        except FluxError as failure:
            gone = isinstance(failure, LinkGoneError)
            if failure.code not in _PASSING or not (gone or retried):
                raise
            error = failure
        for url in self._other_links(task, gone=gone):
            try:
                return self._land(task, url, budget)
            except FluxError as failure:
                if failure.code not in _PASSING:
                    raise
                error = failure
        raise FluxError(error.code, f"{error.message}{self._trouble}", hint=RESUME) from error

    def _other_links(self, task: Task, *, gone: bool) -> Iterator[str]:
        """Yield a renewed link, then the one that the task's record has now, if it is another.

        `gone`: the link is refused; only then is the service believed that the result is, too.
        """
        service, refusal = self._services.service, None
        self._trouble = ""
        if task.url:
            try:
                yield service.relink(task.url)
            except FluxError as error:
                if error.code in LASTING:
                    raise paid(error, task) from error
                self._trouble = f"; the link was not renewed: {error.message}"
                refusal = error
                if gone and re.search(_EXPIRED, error.message):
                    raise self._expired(task, error) from error
        try:
            record = service.read(task.task_id or "", form=task.wire)
        except FluxError:
            return
        if record.state != "succeeded" or service.is_foreign(record, task):
            return
        if record.url not in {None, task.url}:
            yield finalize(self._services, task, record).url or ""
        elif gone and refusal and refusal.code is Code.REJECTED and self._is_over(record):
            raise self._expired(task, refusal) from refusal

    def _is_over(self, record: Record) -> bool:
        """Return whether a result is older than results are kept, by the service's own times."""
        now, ended = self._services.service.answered_at, record.completed_at
        return now is not None and ended is not None and now - ended > RESULT_DAYS * 86400.0

    def _expired(self, task: Task, error: FluxError) -> FluxError:
        """Record that the service reports a result as expired; return the error for it."""
        expired = FluxError(
            Code.EXPIRED,
            f"the result of task `{task.task_id}` is no longer available: {error.message}",
            hint="fluxcli status",
        )
        self._services.journal.failed(task.ref, expired)
        return expired

    def _land(self, task: Task, url: str, budget: RetryBudget) -> Picture:
        """Download `url` once, into its place or to stdout."""
        left = budget.give_up - self._services.clock.monotonic()
        seconds = min(max(left, 1.0), _FETCH_SECONDS)
        with _translated(), closing(self._services.service.fetch(url, seconds=seconds)) as download:
            head, chunks = _head(download)
            found = sniff(head) or task.request.output_format
            path = self._path(task, found)
            if self._metadata(task) == "embed" and found in EMBEDDABLE:
                chunks = embedded(chunks, found, metadata_of(task))
            if path is None:
                return self._deliver(chunks)
            with Landing(path, token=task.ref) as landing:
                picture = _filled(landing, chunks).at(path)
                if self._options.check is not None:
                    self._options.check(picture)
                self._services.journal.landing(task.ref, picture)
                # `--force` covers the file that was named, not one with another ending.
                own = picture.format not in _UNMADE
                return landing.commit(replace=own and self._options.existing == "replace")

    def _deliver(self, chunks: Iterable[bytes]) -> Picture:
        with Spool() as spool:
            _filled(spool, chunks)
            if self._options.deliver is not None:
                self._options.deliver(spool.reader())
            return spool.picture()

    def _path(self, task: Task, found: str) -> Path | None:
        """Return where an image of the format `found` goes; None for stdout."""
        if self._target.kind == "stdout":
            return None
        ext = EXTENSION.get(found, found)
        path = resolve(self._target, name_values(task, ext=ext))
        return with_own_ending(path, ext) if found in _UNMADE else path

    def _saved(self, task: Task) -> Picture | None:
        """Return the image of this task if it is already at the target; None if it is not."""
        picture = task.picture
        path = self._path(task, picture.format) if picture else None
        if picture is None or path is None or not holds(path, picture):
            return None
        return replace(picture, path=path)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn a failure of the network into DOWNLOAD_FAILED: the image is finished and paid.

    So is a lack of files or memory, which may pass, and a variable that only this host's kind of
    address needs.
    """
    try:
        yield
    except LinkGoneError:
        raise
    except FluxError as error:
        if error.code not in _UNREACHED:
            raise
        message = f"the image cannot be downloaded: {error.message.removesuffix(_NOTHING_SENT)}"
        raise FluxError(Code.DOWNLOAD_FAILED, message, hint=RESUME) from error


def _head(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, enough to know the format, and all chunks, those included."""
    first: list[bytes] = []
    while sum(map(len, first)) < HEAD_BYTES and (chunk := next(chunks, None)) is not None:
        first.append(chunk)
    head = b"".join(first)
    return head, itertools.chain([head], chunks)


def _filled(sink: Landing | Spool, chunks: Iterable[bytes]) -> Inspected:
    for chunk in chunks:
        sink.write(chunk)
    return sink.check()


def with_own_ending(path: Path, ext: str) -> Path:
    """Return `path` with the ending `ext` in place of its image ending, or after its name."""
    stem, ending = split_image_ending(path.name)
    return path if ending.lower() == f".{ext}" else path.with_name(f"{stem}.{ext}")


def name_values(task: Task, *, ext: str) -> NameValues:
    """Return the values of a file name's placeholders; `ext` is the ending without dot."""
    return _values(task, id=task.task_id, created_at=task.created_at, ext=ext)


def request_values(picture: PictureRequest, now: float) -> NameValues:
    """Return the values of a file name's placeholders before there is a task."""
    ext = EXTENSION[picture.request.output_format]
    return _values(picture, id=None, created_at=now, ext=ext)


def _values(
    one: Task | PictureRequest,
    *,
    id: str | None,  # noqa: A002 - the placeholder's name
    created_at: float,
    ext: str,
) -> NameValues:
    return NameValues(
        id=id,
        prompt=one.request.prompt,
        n=one.n,
        count=one.count,
        date=local_day(created_at),
        model=one.request.model,
        ratio=one.request.aspect_ratio,
        ext=ext,
    )


def is_at_its_place(task: Task) -> bool:
    """Return whether a saved image lies where its command meant it to, or beside that."""
    target, picture = OutputTarget.restore(task.output), task.picture
    if target.kind == "stdout" or picture is None or picture.path is None:
        return False
    meant = resolve(target, name_values(task, ext=EXTENSION.get(picture.format, picture.format)))
    stem = split_image_ending(meant.name)[0]
    near = os.path.realpath(meant.parent) == os.path.realpath(picture.path.parent)
    return near and picture.path.name.startswith(stem)


def holds(path: Path, picture: Picture) -> bool:
    """Return whether the file at `path` is exactly this image."""
    try:
        return path.stat().st_size == picture.bytes and inspect_file(path).sha256 == picture.sha256
    except (OSError, FluxError):
        return False
