"""`fluxcli edit`: change an image as a prompt describes."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxcli.commands.picture_options import PictureOptions
from fluxcli.commands.pictures import make_pictures
from fluxcli.commands.slips import names_input, prompt_meant
from fluxcli.context import Context
from fluxcli.errors import Code, FluxError


def edit(
    context: Context,
    image: Annotated[
        str | None,
        typer.Argument(
            metavar="IMAGE",
            help="A file, a URL, `-` for stdin, `@last`, or `@TASK` for an earlier result.",
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="What to change; `-` reads it from stdin."),
    ] = None,
    *,
    flags: PictureOptions,
) -> None:
    """Change an image as a prompt describes and print the path of the saved file.

    A local image is uploaded first: for a day, it can be read by everyone who has its URL. The
    result has the aspect ratio of the input unless `--aspect-ratio` is given. After an
    interruption, run the same command again: it resumes the task at no extra charge.

    Examples:
        fluxcli edit lighthouse.png "make it night"
        fluxcli edit @last "add a full moon" -o moon.png

    Statuses: 2 4 5 6 7 8 11
    See: money templates exit-codes
    """
    if flags.again is None and image is None:
        raise FluxError(Code.USAGE, "missing argument `IMAGE`", hint="fluxcli edit --help")
    has_prompt = prompt is not None or flags.prompt_text is not None or flags.prompt_file
    if flags.again is not None and image is not None and not has_prompt:
        # The input is known, so one word is the prompt, unless it names an image.
        image, prompt = (image, None) if names_input(context.cwd, image) else (None, image)
    prompt = prompt_meant(context.cwd, "edit", prompt, flags.prompt_text, image=image)
    make_pictures(context, "edit", flags, prompt=prompt, image=image)
