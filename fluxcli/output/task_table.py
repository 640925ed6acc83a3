"""The state of tasks: a list or cards for people, JSON records for programs.

In a pipe the list has whole ids and is never cut; on a terminal it fits the width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from fluxcli.output.task_card import card, kept_until
from fluxcli.output.text import age, pad, shorten, wrap
from fluxcli.task_types import State, is_charged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fluxcli.errors import FluxError
    from fluxcli.events import Event
    from fluxcli.output.output import Output
    from fluxcli.output.style import Ink, Marks
    from fluxcli.task_types import Task

_COLUMNS: Final = ("TASK", "STATE", "AGE", "MODEL", "PROMPT", "FILE")
_PROMPT_WIDTH: Final = 40
_SHORT_ID: Final = 8
_GAP: Final = "  "
_LEAST_PROMPT: Final = 6

_INKS: Final[dict[State, Ink]] = {
    State.SENDING: "dim",
    State.RUNNING: "cyan",
    State.SUCCEEDED: "cyan",
    State.SAVED: "green",
    State.FAILED: "red",
    State.REFUSED: "red",
    State.UNKNOWN: "yellow",
}


class _Column(NamedTuple):
    """One column of the list on a terminal: shown from `at_least` columns of it."""

    heading: str
    at_least: int
    cell: Callable[[Task], str]


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

    def show(self, tasks: Iterable[Task], *, none: str = "no tasks yet") -> None:
        """Print the tasks, one a line; the note `none` if there are none."""
        tasks = list(tasks)
        if self._output.json:
            self._records(tasks)
        elif not tasks:
            self._output.note(none)
        elif self._output.stdout_columns is None:
            self._output.table([self._row(task) for task in tasks], _COLUMNS)
        else:
            self._output.answer_styled(self._fitted(tasks, self._output.stdout_columns))

    def cards(self, tasks: Sequence[Task], known: Sequence[Task]) -> None:
        """Print all details of tasks; edits of them are found among `known` tasks."""
        if self._output.json:
            self._records(tasks)
            return
        for number, task in enumerate(tasks):
            if number:
                self._output.answer("")
            fields = card(task, known, self._now, self._output.prices(), self._output.command)
            width = max(len(name) for name, _ in fields)
            style, shown = self._output.stdout_style, self._output.shown
            columns = self._output.stdout_columns
            space = columns - width - len(_GAP) - 1 if columns else None
            lines: list[str] = []
            for name, text in fields:
                # A command is one line, so that it can be pasted.
                wrapped = wrap(shown(text), None if name == "next" else space)
                heads = [style(pad(name, width), "dim"), *[" " * width] * (len(wrapped) - 1)]
                lines += map(_GAP.join, zip(heads, wrapped, strict=True))
            self._output.answer_styled(lines)

    def _records(self, tasks: Iterable[Task]) -> None:
        from fluxcli.output.json_records import picture_record

        for task in tasks:
            self._output.record(picture_record(task, self._output.prices()))

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

    def _fitted(self, tasks: Sequence[Task], width: int) -> list[str]:
        """Return the list in lines of at most `width` columns."""
        output, marks = self._output, self._output.stdout_marks
        columns = [c for c in self._columns(tasks, width, marks) if width >= c.at_least]
        cells = [[output.shown(column.cell(task)) for column in columns] for task in tasks]
        widths = [
            max([len(column.heading), *(len(row[index]) for row in cells)])
            for index, column in enumerate(columns)
        ]
        while columns and sum(widths) + len(_GAP) * len(widths) + _LEAST_PROMPT > width - 1:
            columns.pop(), widths.pop()
        space = max(0, width - 1 - sum(widths) - len(_GAP) * len(widths))
        style = output.stdout_style
        heads = [pad(column.heading, size) for column, size in zip(columns, widths, strict=True)]
        lines = [style(_joined([*heads, shorten("PROMPT", space)]), "dim")]
        for task, row in zip(tasks, cells, strict=True):
            texts = [pad(text, size) for text, size in zip(row, widths, strict=False)]
            prompt = shorten(output.shown(task.request.prompt), space, ellipsis=marks.ellipsis)
            if texts:
                texts[0] = style(texts[0], _INKS[task.state])
            lines.append(_joined([*texts, prompt]))
        return lines

    def _columns(self, tasks: Sequence[Task], width: int, marks: Marks) -> list[_Column]:
        length = _id_length(tasks)
        edits = any((task.source or "").startswith("task:") for task in tasks)
        unsaved = any(task.state is State.SUCCEEDED for task in tasks)
        arrow = "←" if marks.good == "✓" else "<"
        columns = [
            _Column("STATE", 0, lambda task: f"{_mark(task.state, marks)} {task.state}"),
            _Column("TASK", 0, lambda task: (task.task_id or task.ref)[:length]),
            _Column("AGE", 40, lambda task: age(self._now - task.created_at)),
            _Column("MODEL", 60, lambda task: task.request.model.rpartition("-")[2]),
        ]
        if edits:
            columns.append(_Column("EDIT OF", 80, lambda task: _parent(task, arrow, length)))
        if unsaved:
            columns.append(_Column("KEPT UNTIL", 80, kept_until))
        columns.append(_Column("CREDITS", 100, self._price))
        longest = max(_PROMPT_WIDTH, width // 3)
        columns.append(_Column("FILE", 120, lambda task: _file_name(task, longest)))
        return columns

    def _price(self, task: Task) -> str:
        if is_charged(task) is False:
            return "0"
        price = self._output.prices().get(task.request.model)
        return "" if price is None or task.state is State.SENDING else f"{price:g}"


def _mark(state: State, marks: Marks) -> str:
    if state is State.SAVED:
        return marks.good
    if state in {State.FAILED, State.REFUSED}:
        return marks.bad
    if state is State.UNKNOWN:
        return "?"
    return marks.dot if state is State.SENDING else marks.active


def _parent(task: Task, arrow: str, length: int) -> str:
    kind, _, name = (task.source or "").partition(":")
    return f"{arrow} {name[:length]}" if kind == "task" else ""


def _file_name(task: Task, longest: int) -> str:
    path = task.picture.path if task.picture and task.state is State.SAVED else None
    return shorten(path.name, longest) if path else ""


def _id_length(tasks: Sequence[Task]) -> int:
    """The shortest length, 8 at least, at which the shown ids differ."""
    names = {task.task_id or task.ref for task in tasks}
    longest = max(map(len, names))
    return next(
        (n for n in range(_SHORT_ID, longest) if len({name[:n] for name in names}) == len(names)),
        max(longest, _SHORT_ID),
    )


def _joined(texts: Sequence[str]) -> str:
    return _GAP.join(texts).rstrip()
