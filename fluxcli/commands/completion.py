"""`fluxcli completion`: print the completion script of a shell."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxcli import fast_completion
from fluxcli.context import Context
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.settings.parsers import nearest


def completion(
    context: Context,
    shell: Annotated[
        str | None,
        typer.Argument(metavar="bash|zsh|fish|powershell", help="The shell."),
    ] = None,
    *,
    kind: Annotated[
        str | None,
        typer.Option(
            "--list",
            metavar="tasks|assets|presets|FILE.toml",
            help="Print the names that the scripts offer (of a manifest: its assets), each with "
            "its description behind a tab.",
        ),
    ] = None,
) -> None:
    """Print the completion script of a shell.

    To load it in every new shell, add the first line to `~/.bashrc`, the second (after
    `compinit`) to `~/.zshrc`, the third to `~/.config/fish/config.fish`. In PowerShell, add
    `fluxcli completion powershell | Out-String | Invoke-Expression` to `$PROFILE`.

    Examples:
        eval "$(fluxcli completion bash)"
        source <(fluxcli completion zsh)
        fluxcli completion fish | source

    Statuses: 2
    See: environment
    """
    if kind is not None:
        if not fast_completion.is_kind(kind):
            near = nearest(kind, fast_completion.KINDS) or fast_completion.KINDS[0]
            message = f"`--list {kind}`: expected {', '.join(fast_completion.KINDS)}"
            hint = f"fluxcli completion --list {near}"
            raise FluxError(Code.USAGE, message, hint=hint)
        fast_completion.show(context, kind)
        return
    context.output.answer(_script(context, shell).rstrip("\n"))


def _script(context: Context, shell: str | None) -> str:
    """Return the script of the shell that was named; pwsh and paths of shells are understood."""
    word = (shell or "").casefold().rpartition("/")[2].removesuffix(".exe")
    word = {"pwsh": "powershell"}.get(word, word)
    if word not in fast_completion.SCRIPTS:
        running = (context.env.get("SHELL") or "").rpartition("/")[2]
        usual = running if running in fast_completion.SCRIPTS else "bash"
        near = nearest(word, fast_completion.SCRIPTS) if word else None
        message = f"there is no script for `{shell}`" if shell else "no shell is named"
        raise FluxError(
            Code.USAGE,
            f"{message}: expected {', '.join(fast_completion.SCRIPTS)}",
            hint=f"fluxcli completion {near or usual}",
        )
    try:
        return fast_completion.script(word).decode()
    except OSError as error:
        message = f"the script for {word} cannot be read: {reason_of(error)}"
        raise FluxError(Code.INTERNAL, message, hint="install fluxcli again") from None
