"""The flags that all commands share, in groups. Values are checked where they are understood.

Annotations are not strings here: each would be compiled again at every start. Nor is anything
made that a group of flags does not need, such as comparison or `repr`.
"""

from typing import Annotated

import typer

from fluxcli.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CommonOptions:
    """Flags of every command, on both sides of its word; named as their settings are."""

    title = "General"

    json: Annotated[
        bool | None,
        typer.Option("--json", help="Print JSON on stdout, one object a line."),
    ] = None
    quiet: Annotated[
        bool | None,
        typer.Option("-q", "--quiet", help="Print errors only, and warnings about money."),
    ] = None
    verbose: Annotated[
        bool | None,
        typer.Option("-v", "--verbose", help="Print more detail."),
    ] = None
    debug: Annotated[
        bool | None,
        typer.Option("--debug", help="Print a trace of the HTTP traffic, without the key."),
    ] = None
    sandbox: Annotated[
        bool | None,
        typer.Option(
            "--sandbox",
            help="Use the stand-in service: no key, no network, no cost.",
        ),
    ] = None
    color: Annotated[
        str | None,
        typer.Option("--color", metavar="auto|always|never", help="When to use colours."),
    ] = None
    api: Annotated[
        str | None,
        typer.Option("--api", metavar="auto|kontext|jobs", help="The wire format of the service."),
    ] = None
    no_input: Annotated[
        bool | None,
        typer.Option("--no-input", help="Never ask questions."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WaitOptions:
    """How long to wait; named as the settings are."""

    title = "Waiting"

    timeout: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="How long to wait for the result, as 90s, 15m or 2h; 0: no limit. The answer to a "
            "submission that was sent, and the download of a finished image, may each take up to "
            "2 minutes more. [15m]",
        ),
    ] = None
    interval: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="The polling interval; adaptive if not given."),
    ] = None
