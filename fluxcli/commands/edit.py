"""`fluxcli edit`: a picture and words become a picture."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxcli.commands.picture_options import PictureOptions
from fluxcli.commands.pictures import make_pictures
from fluxcli.commands.slips import prompt_meant
from fluxcli.context import Context


def edit(
    context: Context,
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
    flags: PictureOptions,
) -> None:
    """Change a picture by words: upload, submit, wait, save. Prints the saved path.

    Uploads can be read by anybody who has their URL; they live for a day. The picture keeps
    its input's aspect ratio unless one is asked for.
    """
    prompt = prompt_meant(context.cwd, "edit", prompt, flags.prompt_text, image=image)
    make_pictures(context, "edit", flags, prompt=prompt, image=image)
