"""All details of one task, as names and values. Pure; the values are not escaped."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from fluxcli.clock import timestamp
from fluxcli.output.text import age, duration, size
from fluxcli.output.text import credits as in_words
from fluxcli.prices_and_limits import CREDITS, RESULT_DAYS
from fluxcli.system.shell_syntax import join
from fluxcli.task_types import State, is_charged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fluxcli.task_types import Task

_DAY: Final = 86400.0
_SHORT: Final = 8
_MEANING: Final = {
    State.SENDING: "not answered yet",
    State.RUNNING: "already paid",
    State.SUCCEEDED: "already paid, not saved on this machine",
    State.SAVED: "",
    State.FAILED: "",
    State.REFUSED: "not charged",
    State.UNKNOWN: "may be paid",
}


def card(
    task: Task,
    known: Sequence[Task],
    now: float,
    prices: Mapping[str, float] = CREDITS,
    command: Callable[[str], str] = str,
) -> list[tuple[str, str]]:
    """Return the lines of a card, without what is not known; `command` completes the next one."""
    meaning = _MEANING[task.state]
    fields: list[tuple[str, object]] = [
        ("task", task.task_id or "(no id)"),
        ("ref", task.ref),
        ("state", f"{task.state} ({meaning})" if meaning else str(task.state)),
        ("created", f"{timestamp(task.created_at)} ({age(now - task.created_at)})"),
        ("completed", timestamp(task.completed_at)),
        ("took", None if task.seconds is None else duration(task.seconds)),
    ]
    request = asdict(task.request)
    fields.extend((name.replace("_", " "), value) for name, value in request.items())
    fields.append(("input", task.source))
    fields.extend(_lineage(task, known))
    fields.append(("output", task.output))
    picture = task.picture if task.state is State.SAVED else None
    if picture is not None:
        shape = f"{picture.width}x{picture.height} {picture.format}, {size(picture.bytes)}"
        fields += [
            ("file", str(picture.path) if picture.path else "(stdout)"),
            ("image", shape),
            ("sha256", picture.sha256),
        ]
    fields += [
        ("url", task.url),
        ("kept until", kept_until(task)),
        ("estimate", _estimate(task, prices)),
        ("charged", None if task.credits is None else in_words(task.credits)),
        ("service", "sandbox" if task.sandbox else None),
        ("error", _error(task)),
        ("next", command(next_command(task, _short(task, known)))),
    ]
    return [(name, _text(value)) for name, value in fields if value not in {None, ""}]


def next_command(task: Task, name: str = "") -> str:
    """Return the command that a person most likely wants next for the task called `name`."""
    name = name or task.task_id or task.ref
    if task.state in {State.RUNNING, State.SUCCEEDED}:
        return f"fluxcli download {name}"
    if task.state is State.UNKNOWN:
        return f"fluxcli status {name} --settle TASKID"
    if task.state is State.SAVED:
        return f'fluxcli edit @{name} "what to change"'
    if task.state is State.SENDING:
        return f"fluxcli status {name}"
    return _again(task)


def _short(task: Task, known: Sequence[Task]) -> str:
    """Return the beginning of the id that no other known task's has, 8 characters or more."""
    name = task.task_id or task.ref
    others = [one.task_id or one.ref for one in known if one.ref != task.ref]
    lengths = range(_SHORT, len(name))
    unique = (n for n in lengths if not any(one.startswith(name[:n]) for one in others))
    return name[: next(unique, len(name))]


def kept_until(task: Task) -> str:
    """Return the day until which the service keeps a result that is not saved; else nothing.

    The time of completion is the service's own; our clock, which may be wrong, is not used.
    """
    if task.state is not State.SUCCEEDED:
        return ""
    end = timestamp((task.completed_at or task.created_at) + RESULT_DAYS * _DAY)
    return (end or "").partition("T")[0]


def _again(task: Task) -> str:
    """The command that requests the same image again."""
    request = task.request
    words = ["fluxcli", request.mode]
    if request.mode == "edit":
        kind, _, name = (task.source or "").partition(":")
        linked = (task.source or "").startswith(("http://", "https://"))
        words.append(f"@{name}" if kind == "task" else task.source or "" if linked else "IMAGE")
    words.append(request.prompt)
    model = request.model.rpartition("-")[2]
    return join([*words, *(["-m", model] if model != "pro" else [])])


def _lineage(task: Task, known: Sequence[Task]) -> list[tuple[str, object]]:
    by_id = {other.task_id: other for other in known if other.task_id}
    chain, source = [], task.source or ""
    while source.startswith("task:") and (name := source.removeprefix("task:")) not in chain:
        chain.append(name)
        parent = by_id.get(name)
        source = parent.source or "" if parent else ""
    mine = f"task:{task.task_id}"
    edits = [other.task_id or other.ref for other in known if other.source == mine]
    return [("edit of", ", itself of ".join(chain)), ("edited in", ", ".join(edits))]


def _estimate(task: Task, prices: Mapping[str, float]) -> str | None:
    price = prices.get(task.request.model)
    if price is None:
        return None
    free = ", not charged or refunded" if is_charged(task) is False else ""
    return f"{in_words(price)}{free}"


def _error(task: Task) -> str | None:
    if task.error_code is None and task.error_message is None:
        return None
    return f"{task.error_message or 'no message'} ({task.error_code or 'unknown'})"


def _text(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
