"""`fluxcli generate`: words become a picture."""

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


def generate(
    session: Session,
    prompt: Annotated[
        str | None, typer.Argument(metavar="PROMPT", help="What to draw; `-` reads stdin.")
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
    save_as: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Declare the picture in assets.toml, for `build`."),
    ] = None,
) -> None:
    """Make a picture from words: submit, wait, save. Prints the saved path.

    Run again after any interruption, the same command resumes what it began and never pays
    for it twice.
    """
    flags = PictureFlags(
        request=request, place=place, wait=wait, spend=spend, show=show, no_wait=no_wait
    )
    ask_for(session, "generate", flags, prompt=prompt, prompt_file=prompt_file, save_as=save_as)
