"""`fluxcli callback`: check the signature of the service's callbacks, and receive them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fluxcli.commands.options import CommonOptions
from fluxcli.commands.task_names import period
from fluxcli.commands.task_services import output_target, task_history, task_runner
from fluxcli.commands.typer_binding import group_of
from fluxcli.context import Context
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.events import Failed
from fluxcli.signals import Interrupted
from fluxcli.task_types import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fluxcli.callbacks.inbox import Inbox
    from fluxcli.callbacks.signature import Verification
    from fluxcli.events import Event
    from fluxcli.files.output_path import OutputTarget
    from fluxcli.task_types import Task

DEFAULT_PORT: Final = 8788
"""Where callbacks are received unless another port is given; the sandbox has 8787."""

MaxAge = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="Age from which a callback is stale. [5m]"),
]


def callback(_context: Context) -> None:
    """Check callbacks of the service, or receive them.

    Examples:
        fluxcli callback verify --body body.json
        fluxcli callback listen --port 0 --save

    See: environment json
    """


def verify(
    context: Context,
    *,
    body: Annotated[
        str, typer.Option(metavar="FILE", help="The body as it was received; `-` for stdin.")
    ] = "-",
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:VALUE", help="A header of the callback. May be repeated."),
    ] = None,
    max_age: MaxAge = None,
) -> None:
    """Check the signature of one callback.

    Status 0: the signature is valid, fresh and new; otherwise 3. It needs the setting
    `webhook_hmac_key`. The task is read from the service's record, never from the body.

    Examples:
        fluxcli callback verify --body body.json
        fluxcli callback verify --json < body.json

    Statuses: 0 2 3
    See: environment json
    """
    from fluxcli.callbacks.signature import BodyError
    from fluxcli.callbacks.signature import verify as verified

    key, seconds = _key(context), _max_age(max_age)
    headers = [_header(text) for text in header or []]
    content = _body(context, body)
    try:
        found = verified(content, headers, key=key, now=context.clock.wall(), max_age=seconds)
    except BodyError as error:
        raise FluxError(Code.INPUT_UNREADABLE, str(error), hint="--body FILE") from None
    if found.is_accepted and not _is_new(context, found):
        found = found.as_replay()
    tasks = _tasks_of(context, [found] if found.signature_valid else [])
    _report(context, found, tasks.get(found.task_id or ""))


def listen(
    context: Context,
    *,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Loopback port; 0 finds a free one.")
    ] = DEFAULT_PORT,
    path: Annotated[
        str, typer.Option(metavar="PATH", help="The path that callbacks are sent to.")
    ] = "/",
    save: Annotated[
        bool, typer.Option("--save", help="Save each image once, and print its path.")
    ] = False,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FOLDER", help="Where to save: folder or template."),
    ] = None,
    max_age: MaxAge = None,
) -> None:
    """Receive callbacks on 127.0.0.1 until Ctrl-C, and print a line of JSON for each.

    Only callbacks with a valid and fresh signature are accepted. The task is read from the
    service's record, never from the callback. A tunnel of your own makes the port public.

    Examples:
        fluxcli callback listen --port 0
        fluxcli callback listen --port 0 --save -o images/

    Statuses: 2 3 130
    See: environment json
    """
    from fluxcli.callbacks.inbox import Inbox
    from fluxcli.callbacks.receiver import receiving
    from fluxcli.callbacks.signature import verify as verified

    key, seconds = _key(context), _max_age(max_age)
    _check_path(path)
    context.configure(output=output)
    target = _target(context, save=save)
    if save:
        context.service.prepare()

    def check(body: bytes, headers: list[tuple[str, str]]) -> Verification:
        return verified(body, headers, key=key, now=context.clock.wall(), max_age=seconds)

    inbox = Inbox(lambda found: _is_new(context, found))
    handle = _save_images if save else _print_callbacks
    try:
        with receiving(
            port=port, path=path, check=check, accept=inbox.put, refuse=inbox.put
        ) as url:
            context.output.note(f"listening at {url}; Ctrl-C ends it")
            handle(context, inbox, target)
    except OSError as error:
        message = f"port {port} cannot be used: {reason_of(error)}"
        hint = "fluxcli callback listen --port 0"
        raise FluxError(Code.ENVIRONMENT_INVALID, message, hint=hint) from None
    except Interrupted as interrupted:
        context.output.note("stopped listening")
        context.status = 128 + interrupted.number


def _key(context: Context) -> str:
    """Return the key that callbacks are signed with.

    Raises:
        FluxError: AUTH_MISSING_KEY.
    """
    if context.webhook_key is None:
        raise FluxError(
            Code.AUTH_MISSING_KEY,
            "no key for callbacks is set, so no signature can be checked",
            hint="fluxcli config set webhook_hmac_key",
        )
    return context.webhook_key


def _max_age(text: str | None) -> float:
    from fluxcli.callbacks.signature import MAX_AGE_SECONDS

    return MAX_AGE_SECONDS if text is None else period(text, flag="--max-age")


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise FluxError(
            Code.USAGE,
            f"`--header {text}`: expected a name, a colon and a value",
            hint="--header 'X-Webhook-Timestamp: 1700000000'",
        )
    return name, value


def _body(context: Context, name: str) -> bytes:
    """Return the bytes of the callback's body, from a file or stdin."""
    from fluxcli.callbacks.signature import LARGEST_BODY

    if name == "-":
        return context.output.read_stdin_bytes(LARGEST_BODY)
    path = context.cwd / Path(name)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BODY + 1)
    except (OSError, ValueError) as error:
        message = f"`{name}` cannot be read: {reason_of(error)}"
        raise FluxError(Code.INPUT_UNREADABLE, message, hint="--body FILE") from None
    if len(content) > LARGEST_BODY:
        raise FluxError(Code.INPUT_UNREADABLE, f"`{name}` is over 1 MiB", hint="--body FILE")
    return content


def _is_new(context: Context, found: Verification) -> bool:
    """Record an accepted callback; return whether it was not seen before."""
    return context.journal.replays.add(found.task_id or "", found.timestamp or 0)


def _report(context: Context, found: Verification, task: Task | None) -> None:
    """Print what one callback proves; the exit status is 3 unless it proves everything."""
    from fluxcli.output.json_records import callback_record
    from fluxcli.output.task_table import TaskReporter

    output = context.output
    if output.json:
        output.record(callback_record(found, task, output.prices()))
    elif task is not None:
        TaskReporter(output, context.clock.wall()).cards([task], [])
    elif found.task_id is not None:
        output.answer(f"task  {found.task_id}")
    if found.problem is not None:
        refusal = FluxError(Code.CALLBACK_REFUSED, found.problem, hint=_advice(found))
        output.problem(refusal)
        context.status = refusal.status


def _advice(found: Verification) -> str | None:
    if not found.signature_valid:
        return "check both webhook headers, and `fluxcli config list` for webhook_hmac_key"
    return None if found.fresh else "--max-age DURATION accepts older callbacks"


def _tasks_of(context: Context, callbacks: Iterable[Verification]) -> dict[str, Task]:
    """Read the tasks that callbacks name, by id; none without an API key.

    A task that cannot be read is left out, with a warning.
    """
    from fluxcli.output.task_table import TaskReporter

    if not context.sandbox and context.settings.api_key() is None:
        return {}
    tasks, history = [], task_history(context)
    for name in dict.fromkeys(found.task_id for found in callbacks if found.task_id):
        try:
            tasks += history.named([name])
        except FluxError as error:
            context.output.warn(f"task `{name}` was not read: {error.message}")
    if not tasks:
        return {}
    events = history.refreshed(tasks)
    reporter = TaskReporter(context.output, context.clock.wall())
    seen, errors = reporter.watch(events, count=len(tasks), usual=None, brief=True)
    for unread in errors:
        context.output.warn(f"task `{unread.task_id}`: {unread.message}")
    return {task.task_id: task for task in seen if task.task_id}


def _check_path(path: str) -> None:
    if not path.startswith("/") or not path.isascii() or set(path) & set(" ?#\\\"'"):
        raise FluxError(
            Code.USAGE, f"`--path {path}`: expected a path such as `/kie`", hint="--path /kie"
        )


def _target(context: Context, *, save: bool) -> OutputTarget | None:
    """Return the folder or file that `-o` names; None: each task's own output.

    Raises:
        FluxError: it names one file, or there is nothing to save.
    """
    from fluxcli.files.output_path import parse_target

    text = context.flags.get("output")
    if text is None:
        return None
    if not save:
        raise FluxError(Code.USAGE, "`-o` is for `--save`", hint="fluxcli callback listen --save")
    target = parse_target(str(text), cwd=context.cwd)
    if target.kind in {"file", "stdout"}:
        raise FluxError(Code.USAGE, f"`-o {text}` takes one image", hint="-o FOLDER/")
    return target


def _print_callbacks(context: Context, inbox: Inbox, _target: OutputTarget | None) -> None:
    """Print one JSON object for each accepted callback, until the reader of stdout is gone."""
    from fluxcli.output.json_records import callback_record

    had_reader = context.output.stdout_is_open
    while context.output.stdout_is_open == had_reader:
        inbox.wait()
        arrived = inbox.take_all()
        accepted = [found for found in arrived if found.is_accepted]
        for found in arrived:
            if not found.is_accepted:
                context.output.warn(f"refused: {found.problem}")
        tasks = _tasks_of(context, accepted)
        for found in accepted:
            task = tasks.get(found.task_id or "")
            context.output.record(callback_record(found, task, context.output.prices()))


def _save_images(context: Context, inbox: Inbox, target: OutputTarget | None) -> None:
    """Save the image of each accepted callback once, until interrupted."""
    from fluxcli.output.results import ResultReporter

    saved: set[str] = set()
    while True:
        inbox.wait()
        runner = task_runner(context, existing="beside")
        events = runner.collect(_unsaved(context, inbox, target, saved), target)
        ResultReporter(context.output).follow(
            _without_busy(context, events, saved), count=None, usual=None
        )


def _unsaved(
    context: Context, inbox: Inbox, target: OutputTarget | None, saved: set[str]
) -> Iterator[Task | None]:
    """Yield the tasks whose images are to be saved, None when no callback is there.

    `saved` holds the ids that this listener has saved or is saving: a callback may come twice.
    """
    while True:
        found = inbox.take()
        name = found.task_id if found is not None else None
        if found is None or name is None:
            yield None
        elif not found.is_accepted:
            context.output.warn(f"refused: {found.problem}")
        elif name not in saved:
            saved.add(name)
            task = _to_save(context, name, target)
            if task is None:
                saved.discard(name)
            elif task.state is State.SAVED:
                where = task.picture.path if task.picture else None
                context.output.note(f"task `{name}` is already saved: {where or 'on stdout'}")
            else:
                yield task


def _to_save(context: Context, name: str, target: OutputTarget | None) -> Task | None:
    """Return the task of this id, as if it was typed; None, after an error, if that fails."""
    try:
        (task,) = task_history(context).named([name])
        if target is not None:
            output_target(context, [task])
    except FluxError as error:
        hint = f"fluxcli download {name}"
        context.output.error(FluxError(error.code, error.message, hint=hint, task_id=name))
        return None
    return task


def _without_busy(
    context: Context, events: Iterable[Event | None], saved: set[str]
) -> Iterator[Event | None]:
    """Pass events on; a task that another process is saving is not a failure.

    The id of a task that failed is forgotten, so that another callback tries it again.
    """
    for event in events:
        if isinstance(event, Failed):
            saved.discard(event.key)
            if event.error.code is Code.BUSY:
                context.output.note(f"not saved here: {event.error.message}")
                continue
        yield event


def group(arguments: Sequence[str]) -> typer.Typer:
    """Return the subcommands of `fluxcli callback` for typer; only the typed one, if any."""
    return group_of(callback, _WORDS, CommonOptions, arguments)


_WORDS: Final[dict[str, Callable[..., None]]] = {"verify": verify, "listen": listen}
