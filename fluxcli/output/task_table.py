"""The state of tasks: a table for people, JSON records for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.output.text import age, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fluxcli.errors import FluxError
    from fluxcli.events import Event
    from fluxcli.models import Task
    from fluxcli.output.output import Output

_COLUMNS = ("TASK", "STATE", "AGE", "MODEL", "PROMPT", "FILE")
_PROMPT_WIDTH = 40


class TaskReporter:
    """Prints the state of tasks; `now` is the time by the wall clock."""

    def __init__(self, output: Output, now: float) -> None:
        self._output = output
        self._now = now

    def watch(
        self,
        events: Iterable[Event | None],
        *,
        count: int,
        usual: float | None,
        brief: bool = False,
    ) -> tuple[list[Task], list[FluxError]]:
        """Show progress while tasks are polled; return them as they are now, and the errors."""
        from fluxcli.events import Failed, Finished

        tasks, errors = [], []
        with self._output.progress(count, usual, brief=brief) as progress:
            for event in progress.through(events):
                if isinstance(event, Failed):
                    errors.append(event.error)
                if isinstance(event, Finished | Failed) and event.task is not None:
                    tasks.append(event.task)
        return tasks, errors

    def show(self, tasks: Iterable[Task]) -> None:
        """Print the tasks, one a line."""
        if self._output.json:
            from fluxcli.output.json_records import picture_record

            for task in tasks:
                self._output.record(picture_record(task))
            return
        rows = [self._row(task) for task in tasks]
        if rows:
            self._output.table(rows, _COLUMNS)
        else:
            self._output.note("no tasks yet")

    def _row(self, task: Task) -> tuple[str, ...]:
        picture = task.picture
        return (
            task.task_id or task.ref,
            task.state.value,
            age(self._now - task.created_at),
            task.request.model.rpartition("-")[2],
            shorten(task.request.prompt, _PROMPT_WIDTH),
            str(picture.path) if picture and picture.path and task.state == "saved" else "",
        )
