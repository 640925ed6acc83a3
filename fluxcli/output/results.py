"""A run's events, printed: progress while it runs, each result as it comes, the exit status."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fluxcli.errors import Code, FluxError, overall
from fluxcli.events import Accepted, Event, Failed, Finished, Resumed
from fluxcli.output.json_records import picture_record
from fluxcli.output.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fluxcli.output.output import Output
    from fluxcli.task_types import Task


_PAST_SENDING: Final = (Accepted, Resumed, Finished, Failed)
"""Events after which something may be paid for."""


class ResultReporter:
    """Prints a run's events. `ids`: the answer is the task's id, not its file.

    `launch` opens a saved image in the system's viewer, and returns whether there is one.
    """

    def __init__(
        self,
        output: Output,
        *,
        ids: bool = False,
        preview: bool = False,
        launch: Callable[[str], bool] | None = None,
    ) -> None:
        self._output = output
        self._ids = ids
        self._preview = preview
        self._launch = launch
        self._done = 0
        self._errors: list[FluxError] = []

    def follow(
        self, events: Iterable[Event | None], *, count: int | None, usual: float | None
    ) -> int:
        """Print all events; return the exit status that they add up to."""
        reached = False
        with self._output.progress(count, usual) as progress, _unpaid(lambda: not reached):
            for event in progress.through(events):
                reached = reached or isinstance(event, _PAST_SENDING)
                if isinstance(event, Finished):
                    self.finished(event.task)
                elif isinstance(event, Failed):
                    self._failed(event, several=count != 1)
        self._output.ring()
        return overall(self._errors, done=self._done)

    def finished(self, task: Task) -> None:
        """Print the result for one image."""
        self._done += 1
        path = task.picture.path if task.picture else None
        if self._output.json:
            self._output.record(picture_record(task, self._output.prices()))
        elif self._ids and task.ref:
            # An id is the service's text: a control character in it must reach no terminal.
            self._output.answer(visible(task.task_id or task.ref))
        elif path is not None:
            self._output.answer_path(path)
        if path is not None and self._preview:
            self._output.preview(path)
        if path is not None and self._launch is not None:
            self._open(str(path))

    def _open(self, path: str) -> None:
        """Open a saved image in the system's viewer; a note reports that there is none."""
        if self._launch is not None and not self._launch(path):
            self._output.note(f"no viewer was found to open `{path}`")

    def _failed(self, event: Failed, *, several: bool) -> None:
        self._errors.append(event.error)
        self._output.error(_with_task(event.error), key=event.key if several else None)


def _with_task(error: FluxError) -> FluxError:
    """The same error; a hint at the list of tasks names the one it is about."""
    name = error.task_id or error.ref
    if error.hint != "fluxcli status" or name is None:
        return error
    return FluxError(
        error.code,
        error.message,
        hint=f"fluxcli status {name}",
        task_id=error.task_id,
        ref=error.ref,
        status=error.status,
    )


@contextmanager
def _unpaid(is_unpaid: Callable[[], bool]) -> Iterator[None]:
    """Add to the error of an interrupted run that nothing was sent, where that is so.

    A hint on it names what is paid for or may be.
    """
    try:
        yield
    except FluxError as error:
        if error.code is not Code.INTERRUPTED or error.hint is not None or not is_unpaid():
            raise
        message = f"{error.message}; nothing was sent, nothing was charged"
        hint = "run the same command again"
        raise FluxError(error.code, message, hint=hint, status=error.status) from error
