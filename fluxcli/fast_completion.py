"""What completion needs at run time: the scripts that the package ships, and the names they list.

Scripts hold all commands, flags and fixed values. Only tasks, assets and presets are asked for,
by `fluxcli completion --list KIND`, which is answered here without typer: its import takes longer
than all the rest.
"""

from __future__ import annotations

from fluxcli import shipped

TYPE_CHECKING = False  # `typing` takes longer to load than all the rest
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final

    from fluxcli.context import Context
    from fluxcli.task_types import Task

SCRIPTS: Final = {
    "bash": "fluxcli.bash",
    "zsh": "_fluxcli",
    "fish": "fluxcli.fish",
    "powershell": "fluxcli.ps1",
}
"""The script of each shell, by its file name."""

KINDS: Final = ("tasks", "assets", "presets")
"""What `--list` knows, beside a manifest, whose assets it lists."""

_IN_PACKAGE: Final = "completion/scripts"
_IN_CHECKOUT: Final = "../completions"
"""Where the scripts are, from the package: in a wheel, and in a source checkout."""

_TASKS: Final = 50
_PROMPT_LENGTH: Final = 60


def script(shell: str) -> bytes:
    """Return the completion script for a shell; nothing for another word.

    Raises:
        OSError: the script cannot be read.
    """
    if shell not in SCRIPTS:
        return b""
    try:
        return shipped(f"{_IN_PACKAGE}/{SCRIPTS[shell]}")
    except OSError:
        return shipped(f"{_IN_CHECKOUT}/{SCRIPTS[shell]}")


def is_asked(arguments: Sequence[str]) -> bool:
    """Return whether a command line is exactly what a completion script runs."""
    match list(arguments):
        case ["completion", "--list", kind] | ["completion", "--list", kind, "--sandbox"]:
            return is_kind(kind)
        case _:
            return False


def is_kind(kind: str) -> bool:
    """Return whether `--list` knows a word."""
    return kind in KINDS or kind.endswith(".toml")


def report(arguments: Sequence[str], context: Context) -> None:
    """Print what a completion script asks for.

    Raises:
        FluxError: it cannot be read; nothing has been printed.
    """
    context.configure(sandbox="--sandbox" in arguments or None)
    show(context, arguments[2])
    for warning in context.warnings():
        context.output.warn(warning)
    context.close()


def show(context: Context, kind: str) -> None:
    """Print the names of a kind, each with its description behind a tab, one a line.

    Raises:
        FluxError: the journal, the manifest or the config file cannot be read.
    """
    from fluxcli.output.text import visible

    for name, description in _names(context, kind):
        text = visible(" ".join(description.split()))
        context.output.answer(f"{name}\t{text}" if text else name)


def _names(context: Context, kind: str) -> Iterator[tuple[str, str]]:
    if kind == "tasks":
        now = context.clock.wall()
        for task in context.journal.recent(_TASKS):
            yield task.task_id or task.ref, _description(task, now)
    elif kind == "presets":
        presets = context.settings.document.values.get("presets")
        for name, values in presets.items() if isinstance(presets, dict) else ():
            style = values.get("style") if isinstance(values, dict) else None
            yield str(name), str(style or "")
    else:
        yield from _assets(context, None if kind == "assets" else kind)


def _description(task: Task, now: float) -> str:
    """Return what identifies a task for people: its prompt first, then state and age."""
    from fluxcli.output.text import age, shorten

    prompt = shorten(" ".join(task.request.prompt.split()), _PROMPT_LENGTH, ellipsis="...")
    return f"{prompt} ({task.state.value}, {age(now - task.created_at)})"


def _assets(context: Context, file: str | None) -> Iterator[tuple[str, str]]:
    from fluxcli.build.manifest.manifest import read
    from fluxcli.build.manifest.search import find_manifest

    path, shown = find_manifest(context.cwd, file, context.env.get("HOME"))
    for asset in read(path, shown=shown).assets:
        yield asset.name, asset.request.prompt
