"""The flags of whatever makes or saves pictures. Values are checked where they are understood.

Annotations are no texts here: each would be compiled again, one by one, at every start. Nor is
anything made that nobody asks a group of flags for: to be compared, or printed.
"""

from dataclasses import dataclass
from typing import Annotated

import typer

from fluxcli.commands.options import WaitOptions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RequestOptions:
    """What the picture is to be; named as the settings of `generate` and `edit` are."""

    model: Annotated[
        str | None, typer.Option("-m", "--model", metavar="pro|max", help="The model.")
    ] = None
    aspect_ratio: Annotated[
        str | None,
        typer.Option(
            "-a",
            "--aspect-ratio",
            metavar="W:H",
            help="21:9, 16:9, 4:3, 1:1, 3:4 or 9:16. An edit keeps its input's unless asked.",
        ),
    ] = None
    output_format: Annotated[
        str | None,
        typer.Option(metavar="jpeg|png", help="Else taken from the output's ending, else jpeg."),
    ] = None
    safety_tolerance: Annotated[
        str | None,
        typer.Option(metavar="N", help="0 (strictest) to 6; to 2 when editing."),
    ] = None
    prompt_upsampling: Annotated[
        bool | None, typer.Option(help="Let the service enrich the prompt; slower.")
    ] = None
    enable_translation: Annotated[
        bool | None, typer.Option(help="Let the service translate the prompt into English.")
    ] = None
    upload_cn: Annotated[bool | None, typer.Option(help="Use servers in China.")] = None
    watermark: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Text to be drawn into the picture.")
    ] = None
    callback_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Address that the service reports to.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PlaceOptions:
    """Where the picture goes."""

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
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace a file that is there.")] = (
        False
    )
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
        bool, typer.Option("--new", help="Pay again, even if this request is unfinished.")
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
