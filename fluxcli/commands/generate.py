"""`fluxcli generate`: make an image from a prompt."""

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
        str | None,
        typer.Argument(metavar="PROMPT", help="What the image shows; `-` reads it from stdin."),
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
            rich_help_panel="Image",
        ),
    ] = None,
    save_as: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Declare the image as an asset in assets.toml, for `fluxcli build`.",
            rich_help_panel="Output",
        ),
    ] = None,
) -> None:
    """Make an image from a prompt and print the path of the saved file.

    After an interruption, run the same command again: it resumes the task at no extra charge. After
    it finishes, running it again makes a new image and is charged again, unless `-o` names a
    fixed file that already holds the image.

    Examples:
        fluxcli generate "a lighthouse at dusk" -o lighthouse.png
        fluxcli generate "a paper boat" -n 3 -a 1:1 -o "boat-{n}.{ext}"
        echo "a fox" | fluxcli generate --prompts - -o animal.png

    Statuses: 2 4 5 6 7 8 11
    See: money templates exit-codes
    """
    if prompts is not None:
        from fluxcli.commands.prompt_lists import make_list

        sources = {"PROMPT": prompt, "--prompt": flags.prompt_text, "--again": flags.again}
        files = {"--prompt-file": flags.prompt_file, "--save-as": save_as}
        make_list(context, prompts, flags, others=sources | files)
        return
    prompt = prompt_meant(context.cwd, "generate", prompt, flags.prompt_text)
    make_pictures(context, "generate", flags, prompt=prompt, save_as=save_as)
