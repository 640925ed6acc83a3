"""The prompt and the image to edit, from an argument, a file, stdin or an earlier task."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fluxcli.dataclass import dataclass
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.files.image_check import input_from, read_input
from fluxcli.settings.parsers import BadValueError, parse_url
from fluxcli.system.bounded_read import read_at_most
from fluxcli.system.shell_syntax import quote
from fluxcli.task_types import State
from fluxcli.tasks.run_options import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fluxcli.settings.settings import Settings
    from fluxcli.task_types import Mode, Task

PROMPT_LIMIT: Final = 1 << 20
INPUT_LIMIT: Final = 64 << 20
LAST: Final = "@last"
_EXAMPLE: Final = {"generate": '"a lighthouse at dawn"', "edit": '"make it night"'}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    """What was typed, apart from settings. `image` is None unless it is an edit.

    `force` and `skip_existing` decide what happens to a file in the way. `listed`: it is a line of
    a prompt list, whose images share the output. `again`: the earlier task whose prompt and input
    are used where none is typed.
    """

    mode: Mode
    prompt: str | None
    prompt_file: str | None = None
    image: str | None = None
    count: int = 1
    force: bool = False
    skip_existing: bool = False
    listed: bool = False
    again: Again | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The earlier task of `--again`. `fingerprint` is that of the typed command, for `@last`."""

    task: Task
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEnvironment:
    """What a command is resolved with. `origin` is the address of the service."""

    settings: Settings
    cwd: Path
    origin: str
    now: float
    read_text: Callable[[int], str]
    read_bytes: Callable[[int], bytes]
    find: Callable[[str], Task | None]
    unfinished: Callable[[str], Mapping[int, Task] | None] = lambda _: None
    uploaded: Callable[[str], str | None] = lambda _: None
    history: Callable[[str], Sequence[Task]] = lambda _: ()
    prices: Mapping[str, float] = field(default_factory=dict)


def prompt_of(raw: RawRequest, environment: RequestEnvironment) -> str:
    """Return the prompt: what was typed, a file's text, or stdin's.

    Raises:
        FluxError: none, or more than one, was given; it is empty or cannot be read.
    """
    if raw.prompt is not None and raw.prompt_file is not None:
        raise FluxError(Code.USAGE, "a prompt and `--prompt-file` are both given: give one of them")
    if raw.prompt is None and raw.prompt_file is None and raw.again is not None:
        # It is in its style already.
        return raw.again.task.request.prompt
    if raw.prompt is None and raw.prompt_file is None:
        example = _EXAMPLE[raw.mode]
        if raw.image is not None:
            example = f"{quote(raw.image)} {example}"
        raise FluxError(Code.USAGE, "there is no prompt", hint=f"fluxcli {raw.mode} {example}")
    if "-" in (raw.prompt, raw.prompt_file):
        if raw.image == "-":
            raise FluxError(Code.USAGE, "stdin cannot be both the image and the prompt")
        text = environment.read_text(PROMPT_LIMIT)
    elif raw.prompt_file is not None:
        text = read_text_file(environment.cwd / raw.prompt_file, "prompt file", PROMPT_LIMIT)
    else:
        text = raw.prompt or ""
    return environment.settings.style(_checked(text.rstrip("\r\n")))


def _checked(prompt: str) -> str:
    try:
        prompt.encode()
    except UnicodeEncodeError:
        raise FluxError(Code.INVALID_REQUEST, "the prompt is not UTF-8 text") from None
    if not prompt.strip():
        raise FluxError(Code.INVALID_REQUEST, "the prompt is empty", hint="describe the image")
    if "\0" in prompt:
        raise FluxError(Code.INVALID_REQUEST, "the prompt contains a zero byte")
    return prompt


def read_text_file(path: Path, what: str, limit: int) -> str:
    """Return the text of a file of at most `limit` bytes; `what` names it in messages.

    Raises:
        FluxError: INPUT_UNREADABLE.
    """
    try:
        with path.open("rb") as file:
            data = read_at_most(file, limit)
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise FluxError(
            Code.INPUT_UNREADABLE, f"the {what} `{path}` cannot be read: {reason}"
        ) from None
    if len(data) > limit:
        raise FluxError(Code.INPUT_UNREADABLE, f"the {what} `{path}` is over {limit >> 20} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FluxError(Code.INPUT_UNREADABLE, f"the {what} `{path}` is not UTF-8 text") from None


def source_of(raw: RawRequest, environment: RequestEnvironment) -> Source | None:
    """Return the image to edit; None if nothing is edited.

    Raises:
        FluxError: there is no such image, or it cannot be read.
    """
    if raw.image is None:
        is_edit = raw.again is not None and raw.mode == "edit"
        return _input_again(raw.again.task, environment) if raw.again and is_edit else None
    if not raw.image.strip():
        raise FluxError(
            Code.USAGE,
            "the image is empty: expected a file, an address, `-`, `@last` or `@TASK`",
            hint=f"fluxcli edit photo.jpg {_EXAMPLE['edit']}",
        )
    if raw.image == "-":
        picture = input_from(environment.read_bytes(INPUT_LIMIT))
    elif raw.image.lower().startswith(("http://", "https://")):
        return _linked(raw.image)
    elif raw.image.startswith("@"):
        return _earlier(raw.image, environment)
    else:
        picture = read_input(environment.cwd / _path_of(raw.image))
    return Source(identity=f"sha256:{picture.sha256}", input=picture)


def _path_of(name: str) -> str:
    """Return the path that a `file:` URL names; other names as they are.

    Raises:
        FluxError: it names a file of another machine.
    """
    if not name.lower().startswith("file://"):
        return name
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        parts = urlsplit(name)
    except ValueError:
        parts = urlsplit("file://?")
    if parts.netloc.lower() not in {"", "localhost"} or parts.query or parts.fragment:
        message = f"`{name}` is not a file on this machine"
        raise FluxError(Code.INPUT_UNREADABLE, message, hint="file:///FOLDER/IMAGE")
    return url2pathname(parts.path)


def _input_again(task: Task, environment: RequestEnvironment) -> Source:
    """Return the input that an earlier edit was made from.

    A file is read again if it still has the bytes that were edited; else its upload is used as long
    as the service keeps it.

    Raises:
        FluxError: INPUT_UNREADABLE: neither is there; nothing was sent.
    """
    identity = task.source or task.request.input_image or ""
    if identity.startswith("task:"):
        return _earlier(f"@{identity.removeprefix('task:')}", environment)
    if not identity.startswith("sha256:"):
        if not identity:
            raise _no_input(task, "is not recorded")
        return _linked(identity)
    problem = "came from stdin"
    if task.input_path is not None:
        try:
            found = read_input(Path(task.input_path))
        except FluxError as error:
            problem = error.message
        else:
            if f"sha256:{found.sha256}" == identity:
                return Source(identity=identity, input=found)
            problem = f"`{task.input_path}` was changed since"
    url = environment.uploaded(identity.removeprefix("sha256:"))
    if url is not None:
        return Source(identity=identity, url=url)
    raise _no_input(task, f"is gone ({problem}), and so is its upload")


def _no_input(task: Task, reason: str) -> FluxError:
    name = task.task_id or task.ref
    return FluxError(
        Code.INPUT_UNREADABLE,
        f"the input of task `{name}` {reason}; nothing was sent",
        hint=f"fluxcli edit IMAGE --again {name}",
    )


def _linked(url: str) -> Source:
    try:
        return Source(identity=parse_url(url), url=url)
    except BadValueError as bad:
        raise FluxError(Code.INVALID_REQUEST, f"`{url}`: {bad.expected}") from None


def source_of_identity(identity: str, environment: RequestEnvironment) -> Source:
    """Return the input that an unfinished run was begun with, by its `Source.identity`."""
    named = identity.removeprefix("task:")
    try:
        return _earlier(f"@{named}", environment)
    except FluxError as error:
        return Source(identity=identity, error=error)


def _earlier(name: str, environment: RequestEnvironment) -> Source:
    """Return the result of an earlier task: its URL, and the file that it was saved to.

    Whether the service still has it, the service reports when it is needed; our clock may be
    wrong. One that still runs is waited for. With none of these, the source has the error: a run
    that is paid for needs no input.
    """
    task = environment.find(name)
    if task is None:
        raise FluxError(
            Code.TASK_NOT_FOUND,
            f"no task `{name[1:] or name}` is known here",
            hint=f"fluxcli status  (a file of that name is `./{name}`)",
        )
    identity = f"task:{task.task_id or task.ref}"
    path = task.picture.path if task.picture else None
    if task.url is not None:
        return Source(identity=identity, url=task.url, is_result=True, saved=path)
    if task.state is State.RUNNING:
        return Source(identity=identity, unfinished=task)
    try:
        if path is None or not path.exists():
            raise _no_image(task)
        return Source(identity=identity, input=read_input(path))
    except FluxError as error:
        return Source(identity=identity, error=error)


def _no_image(task: Task) -> FluxError:
    named = task.task_id or task.ref
    if task.state is State.UNKNOWN:
        return FluxError(
            Code.INPUT_UNREADABLE,
            f"it is not known whether submission `{named}` was accepted, so it has no image yet",
            hint=f"fluxcli status {named}",
        )
    if task.state in {State.REFUSED, State.FAILED} and task.error_code != Code.EXPIRED:
        return FluxError(
            Code.INPUT_UNREADABLE,
            f"task `{named}` has no image: {task.error_message or 'it failed'}",
            hint=f"fluxcli status {named}",
        )
    return FluxError(Code.EXPIRED, f"the image of task `{named}` is no longer available")
