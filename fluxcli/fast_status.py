"""The short way to what completion scripts ask at every TAB: this machine's latest tasks.

Says what `fluxcli status --offline` says, without typer, whose import takes longer than all
the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fluxcli.context import Context

ASKED: Final = ("status", "--offline", "--limit", "50")
"""The words of the completion scripts; `--sandbox` may follow."""


def is_asked(arguments: Sequence[str]) -> bool:
    """Tell whether a command line is exactly what a completion script asks."""
    return tuple(arguments) in {ASKED, (*ASKED, "--sandbox")}


def report(arguments: Sequence[str], context: Context) -> None:
    """Print the latest tasks.

    Raises:
        FluxError: they cannot be had; nothing has been printed.
    """
    context.configure(sandbox="--sandbox" in arguments or None)
    from fluxcli.output.task_table import TaskReporter

    reporter = TaskReporter(context.output, context.clock.wall())
    reporter.show(context.journal.recent(int(ASKED[-1])))
    for warning in context.warnings():
        context.output.warn(warning)
    context.close()
