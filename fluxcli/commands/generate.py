"""`fluxcli generate`: words become a picture."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxcli.commands.picture_options import PictureOptions
from fluxcli.commands.pictures import make_pictures
from fluxcli.commands.slips import prompt_meant
from fluxcli.context import Context


def generate(
    context: Context,
    prompt: Annotated[
        str | None, typer.Argument(metavar="PROMPT", help="What to draw; `-` reads stdin.")
    ] = None,
    *,
    flags: PictureOptions,
    prompts: Annotated[
        str | None,
        typer.Option(
            "--prompts",
            metavar="FILE",
            help="Make an image for each line: a prompt, or a JSON object with request fields "
            "and `output`; `-` reads stdin.",
        ),
    ] = None,
    save_as: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Declare the picture in assets.toml, for `build`."),
    ] = None,
) -> None:
    """Make a picture from words: submit, wait, save. Prints the saved path.

    Run again after any interruption, the same command resumes what it began and never pays
    for it twice.
    """
    if prompts is not None:
        from fluxcli.commands.prompt_lists import make_list

        sources = {"PROMPT": prompt, "--prompt": flags.prompt_text, "--save-as": save_as}
        make_list(context, prompts, flags, others=sources | {"--prompt-file": flags.prompt_file})
        return
    prompt = prompt_meant(context.cwd, "generate", prompt, flags.prompt_text)
    make_pictures(context, "generate", flags, prompt=prompt, save_as=save_as)
