"""The URL at which the service reads an input image: a result's, an upload's, or a typed one.

Free of charge. Whether a result or an earlier upload is still available, its host reports; our own
clock, which may be wrong, decides nothing about it.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from fluxcli.client.result_stream import LinkGoneError
from fluxcli.client.transport import is_loopback
from fluxcli.errors import Code, FluxError
from fluxcli.events import Uploaded, Uploading
from fluxcli.fields import EXTENSION
from fluxcli.files.image_check import OpenInput, read_input
from fluxcli.tasks.poll import LASTING
from fluxcli.tasks.run_options import PASSING, RetryBudget

if TYPE_CHECKING:
    from collections.abc import Generator

    from fluxcli.files.image_check import Input
    from fluxcli.task_types import Task
    from fluxcli.tasks.run_options import JobStep, Source, TaskServices

SMALL_BYTES: Final = 1_000_000
"""The service advises against its upload in one call for more."""

_PROBE_SECONDS: Final = 15.0


class InputLink:
    """Finds, renews or uploads the input of the image `key`, for at most `seconds`."""

    def __init__(self, key: str, services: TaskServices, seconds: float) -> None:
        self._key = key
        self._services = services
        self._seconds = seconds

    def resolve(self, task: Task, source: Source) -> Generator[JobStep, None, str]:
        """Return the URL of `source` for a task that is recorded and not submitted.

        Raises:
            FluxError: the image is no longer available, or it cannot be uploaded.
        """
        if source.url is None:
            if source.input is None:
                raise ValueError(source)
            return (yield from self._uploaded(task, source.input))
        self._check_reachable(source.url)
        if not source.is_result or not self._is_gone(source.url):
            return source.url
        return (yield from self._replaced(task, source, source.url))

    def _check_reachable(self, url: str) -> None:
        """Raise for an address of this machine, which the service cannot read."""
        if is_loopback(url) and not self._services.service.is_local:
            raise FluxError(
                Code.INVALID_REQUEST,
                f"the service cannot read `{url}`, an address of this machine; nothing was sent",
                hint="download the image and name the file",
            )

    def _is_gone(self, url: str) -> bool:
        """Return whether the host of a file reports that it does not have it.

        A file that cannot be requested from here may be available to the service.
        """
        services = self._services
        if url in services.available:
            return False
        try:
            with closing(services.service.fetch(url, seconds=_PROBE_SECONDS)):
                services.available.add(url)
        except LinkGoneError:
            return True
        except FluxError:
            return False
        return False

    def _replaced(self, task: Task, source: Source, url: str) -> Generator[JobStep, None, str]:
        """Return another link to a result whose own link does not work, or upload its file."""
        budget = RetryBudget(self._key, self._services.clock, self._seconds)
        while True:
            try:
                return self._services.service.relink(url)
            except FluxError as error:
                if error.code in LASTING:
                    raise
                failure = error
            if source.saved is not None and source.saved.exists():
                return (yield from self._uploaded(task, read_input(source.saved)))
            if failure.code not in PASSING:
                named = source.identity.removeprefix("task:")
                raise FluxError(
                    Code.EXPIRED,
                    f"the image of task `{named}` is no longer available: {failure.message}; "
                    "nothing was sent",
                    hint="name an image file instead",
                ) from failure
            yield from budget.again(failure, *PASSING)

    def _uploaded(self, task: Task, image: Input) -> Generator[JobStep, None, str]:
        budget = RetryBudget(self._key, self._services.clock, self._seconds)
        while True:
            if (url := self._kept(image)) is not None:
                yield Uploaded(key=self._key, reused=True)
                return url
            name = image.path.name if image.path else "stdin"
            yield Uploading(key=self._key, name=name, bytes=image.bytes)
            try:
                url = self._upload(task, image)
            except FluxError as error:
                yield from budget.again(error, *PASSING)
            else:
                yield Uploaded(key=self._key, reused=False)
                return url

    def _kept(self, image: Input) -> str | None:
        """Return the URL of an earlier upload of the same bytes that is still available."""
        services = self._services
        url = services.journal.uploads.find(services.account, image.sha256)
        return None if url is None or self._is_gone(url) else url

    def _upload(self, task: Task, image: Input) -> str:
        """Upload an image once for all its edits."""
        services = self._services
        with services.uploading:
            url = self._kept(image)
            if url is None:
                # A name that was used before would overwrite, and may serve stale bytes.
                ending = EXTENSION.get(image.format, image.format)
                url = self._sent(image, f"{image.sha256[:16]}-{task.ref}.{ending}")
                services.journal.uploads.keep(services.account, image.sha256, url)
                services.available.add(url)
            return url

    def _sent(self, image: Input, name: str) -> str:
        """Upload a file as a stream; what was piped in and is small, in one call."""
        service = self._services.service
        if image.data is not None and image.bytes <= SMALL_BYTES:
            return service.upload_text(image.data, name=name, mime=image.mime)
        with closing(OpenInput(image)) as file:
            url = service.upload(file, name=name, mime=image.mime)
            file.check()
            return url
