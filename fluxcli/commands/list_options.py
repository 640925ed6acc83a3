"""The flags that choose which tasks `status` lists, and how.

Annotations are not strings here: each would be compiled again at every start.
"""

from typing import Annotated, Final

import typer

from fluxcli.dataclass import dataclass

RECENT: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ListOptions:
    """Which of the tasks are listed. Values are checked where they are understood."""

    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many of the latest tasks to list.")
    ] = RECENT
    everything: Annotated[bool, typer.Option("--all", help="List all tasks of this machine.")] = (
        False
    )
    search: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help="List only tasks whose prompt has these words."),
    ] = None
    since: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="List only tasks that are not older, as 12h or 7d."),
    ] = None
    state: Annotated[
        str | None,
        typer.Option(metavar="STATE", help="List only tasks in this state, or `unsaved`."),
    ] = None
    html: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the tasks with their images as an HTML page."),
    ] = None

    @property
    def is_any(self) -> bool:
        """Whether a listed task has to match a filter."""
        return bool(self.search or self.since or self.state)
