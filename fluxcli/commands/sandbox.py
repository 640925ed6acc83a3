"""`fluxcli sandbox`: the stand-in service on a loopback port, for scripts and CI without a key."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxcli.context import Context


def sandbox(
    context: Context,
    *,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Loopback port; 0 finds a free one.")
    ] = 0,
    seconds: Annotated[
        float, typer.Option(metavar="N", min=0, help="How long an image takes.")
    ] = 1.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACE:FAULT[@N][xM]",
            help="Misbehave: `submit:reset@2`, `poll:500x3`, `download:truncate`. May be repeated.",
        ),
    ] = None,
) -> None:
    """Serve the stand-in service until Ctrl-C, and print the variables to export."""
    with context.serving(port=port, seconds=seconds, faults=fault or []) as served:
        context.output.answer(f"export FLUXCLI_BASE_URL={served.api_url}")
        context.output.answer(f"export FLUXCLI_UPLOAD_URL={served.upload_url}")
        context.output.answer("export FLUXCLI_API_KEY=sandbox")
        context.output.note(f"results on {served.result_url}; any key will do; Ctrl-C ends it")
        served.wait()
