"""The flags of whatever makes or saves pictures. Values are checked where they are understood.

Annotations are no texts here: each would be compiled again, one by one, at every start. Nor is
anything made that nobody asks a group of flags for: to be compared, or printed.
"""

import inspect
from collections.abc import Iterator
from typing import Annotated

import typer

from fluxcli.commands.options import WaitOptions
from fluxcli.commands.typer_binding import KEYWORD, FlagTable
from fluxcli.dataclass import dataclass
from fluxcli.fields import FIELDS


class RequestOptions(FlagTable):
    """What the image is to be: a flag for each row of the table of request fields."""

    @classmethod
    def flags(cls) -> Iterator[inspect.Parameter]:
        """Yield the parameter of each flag."""
        for field in FIELDS:
            is_switch = field.kind == "switch"
            long = f"--{field.name.replace('_', '-')}"
            names = [f"-{field.letter}", long] if field.letter else [long] * (not is_switch)
            option = typer.Option(
                *names, metavar=field.metavar, help=f"{field.help[0].upper()}{field.help[1:]}."
            )
            kind = bool | None if is_switch else str | None
            yield inspect.Parameter(
                field.name, KEYWORD, annotation=Annotated[kind, option], default=None
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PlaceOptions:
    """Where the image goes."""

    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="A file, a folder, `-` for stdout, or a template with {id} {prompt} {n} {date} "
            "{model} {ratio} {ext}.",
        ),
    ] = None
    force: Annotated[
        bool,
        typer.Option(
            "-f",
            "--force",
            help="Replace a file that exists; if the request is done, pay again for it.",
        ),
    ] = False
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Make nothing where a file is there.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SpendOptions:
    """How much to ask for, and at what price."""

    count: Annotated[
        int, typer.Option("-n", "--count", metavar="N", help="So many pictures, 1 to 100.")
    ] = 1
    new: Annotated[
        bool, typer.Option("--new", help="Pay again, even if this request is unfinished or done.")
    ] = False
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Agree to the spending beforehand.")] = (
        False
    )
    max_credits: Annotated[
        str | None,
        typer.Option(metavar="N", help="Send nothing if the estimate is higher."),
    ] = None
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show request, path and estimate; send nothing."),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ShowOptions:
    """What to do with the picture once it is there."""

    preview: Annotated[
        bool, typer.Option("--preview", help="Show the picture in the terminal.")
    ] = False
    open: Annotated[
        bool, typer.Option("--open", help="Open the picture in the system's viewer.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PictureOptions:
    """Everything that `generate` and `edit` take beside what they work on."""

    prompt_text: Annotated[
        str | None,
        typer.Option(
            "-p", "--prompt", metavar="TEXT", help="The prompt, even if it looks like a command."
        ),
    ] = None
    prompt_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Read the prompt from a file, or `-` for stdin."),
    ] = None
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Print the task's id and leave.")] = (
        False
    )
    request: RequestOptions
    place: PlaceOptions
    wait: WaitOptions
    spend: SpendOptions
    show: ShowOptions
