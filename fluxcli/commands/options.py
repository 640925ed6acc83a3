"""The flags that all commands share, in groups. Values are checked where they are understood.

Annotations are no texts here: each would be compiled again, one by one, at every start. Nor is
anything made that nobody asks a group of flags for: to be compared, or printed.
"""

from typing import Annotated

import typer

from fluxcli.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CommonOptions:
    """Flags of every command, on both sides of its word; named as their settings are."""

    json: Annotated[
        bool | None,
        typer.Option("--json", help="One JSON object a line on stdout."),
    ] = None
    quiet: Annotated[
        bool | None,
        typer.Option("-q", "--quiet", help="Errors only."),
    ] = None
    verbose: Annotated[
        bool | None,
        typer.Option("-v", "--verbose", help="More detail."),
    ] = None
    debug: Annotated[
        bool | None,
        typer.Option("--debug", help="Trace HTTP, without the key."),
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
        typer.Option("--color", metavar="auto|always|never", help="Colours on stderr."),
    ] = None
    api: Annotated[
        str | None,
        typer.Option("--api", metavar="auto|kontext|jobs", help="Wire format of the service."),
    ] = None
    no_input: Annotated[
        bool | None,
        typer.Option("--no-input", help="Never ask."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WaitOptions:
    """How long to wait; named as the settings are."""

    timeout: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Longest wait: 90, 90s, 15m; 0 is for ever. [15m]"),
    ] = None
    interval: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time between two looks; adaptive if not given."),
    ] = None
