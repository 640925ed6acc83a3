"""The flags of the commands that make or save images. Values are checked where they are understood.

Annotations are not strings here: each would be compiled again at every start. Nor is anything
made that a group of flags does not need, such as comparison or `repr`.
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
    """The request: a flag for each row of the table of request fields."""

    title = "Image"

    @classmethod
    def flags(cls) -> Iterator[inspect.Parameter]:
        """Yield the parameter of each flag."""
        for field in FIELDS:
            is_switch = field.kind == "switch"
            long = f"--{field.name.replace('_', '-')}"
            names = [f"-{field.letter}", long] if field.letter else [long] * (not is_switch)
            option = typer.Option(
                *names,
                metavar=field.metavar,
                help=f"{field.help[0].upper()}{field.help[1:]}.",
                rich_help_panel=cls.title,
            )
            kind = bool | None if is_switch else str | None
            yield inspect.Parameter(
                field.name, KEYWORD, annotation=Annotated[kind, option], default=None
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PlaceOptions:
    """Where the image goes."""

    title = "Output"

    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="A file, a folder, `-` for stdout, or a template with {id} {prompt} {n} {date} "
            "{model} {ratio} {ext}. [{prompt}-{id}.{ext}]",
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
    metadata: Annotated[
        str | None,
        typer.Option(
            "--metadata",
            metavar="none|sidecar|embed",
            help="Keep request, task and version in FILE.json or inside the image.",
            rich_help_panel="Output",
        ),
    ] = None
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Make no image whose file exists.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SpendOptions:
    """How many images, and at what price."""

    title = "Spending"

    count: Annotated[
        int, typer.Option("-n", "--count", metavar="N", help="Number of images, 1 to 100.")
    ] = 1
    new: Annotated[
        bool, typer.Option("--new", help="Pay again, even if this request is unfinished or done.")
    ] = False
    yes: Annotated[
        bool, typer.Option("-y", "--yes", help="Agree to the estimated cost in advance.")
    ] = False
    max_credits: Annotated[
        str | None,
        typer.Option(metavar="N", help="Send nothing if the estimate is above N credits."),
    ] = None
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the request, the output paths and the estimate; send nothing."
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ShowOptions:
    """What to do with the saved image."""

    title = "Output"

    preview: Annotated[bool, typer.Option("--preview", help="Show the image in the terminal.")] = (
        False
    )
    open: Annotated[bool, typer.Option("--open", help="Open the image in the system's viewer.")] = (
        False
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PictureOptions:
    """Everything that `generate` and `edit` take beside what they work on."""

    prompt_text: Annotated[
        str | None,
        typer.Option(
            "-p",
            "--prompt",
            metavar="TEXT",
            help="The prompt, even if it looks like a command or a file.",
            rich_help_panel="Image",
        ),
    ] = None
    prompt_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Read the prompt from a file, or from stdin for `-`.",
            rich_help_panel="Image",
        ),
    ] = None
    again: Annotated[
        str | None,
        typer.Option(
            "--again",
            metavar="TASK",
            help="Make an earlier task's request again, changed by the flags given; paid again.",
            rich_help_panel="Image",
        ),
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="Use the request fields and the style of `[presets.NAME]` in the config file.",
            rich_help_panel="Image",
        ),
    ] = None
    no_wait: Annotated[
        bool,
        typer.Option("--no-wait", help="Print the task's id and exit.", rich_help_panel="Waiting"),
    ] = False
    request: RequestOptions
    place: PlaceOptions
    wait: WaitOptions
    spend: SpendOptions
    show: ShowOptions
