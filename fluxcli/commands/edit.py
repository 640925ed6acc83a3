"""`fluxcli edit`: a picture and words become a picture."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxcli.commands.options import (
    PlaceOptions,
    RequestOptions,
    ShowOptions,
    SpendOptions,
    WaitOptions,
)
from fluxcli.commands.pictures import PictureFlags, ask_for
from fluxcli.session import Session


def edit(
    session: Session,
    image: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE",
            help="A file, a URL, `-` for stdin, `@last`, or `@TASK` for an earlier result.",
        ),
    ],
    prompt: Annotated[
        str | None, typer.Argument(metavar="PROMPT", help="What to change; `-` reads stdin.")
    ] = None,
    *,
    prompt_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Read the prompt from a file, or `-` for stdin."),
    ] = None,
    request: RequestOptions,
    place: PlaceOptions,
    wait: WaitOptions,
    spend: SpendOptions,
    show: ShowOptions,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Print the task's id and leave.")
    ] = False,
) -> None:
    """Change a picture by words: upload, submit, wait, save. Prints the saved path.

    Uploads can be read by anybody who has their URL; they live for a day. The picture keeps
    its input's aspect ratio unless one is asked for.
    """
    flags = PictureFlags(
        request=request, place=place, wait=wait, spend=spend, show=show, no_wait=no_wait
    )
    ask_for(session, "edit", flags, prompt=prompt, prompt_file=prompt_file, image=image)
