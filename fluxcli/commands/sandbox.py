"""`fluxcli sandbox`: the stand-in service on a loopback port, for scripts and CI without a key."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fluxcli.context import Context
from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.output.text import visible
from fluxcli.sandbox.faults import described
from fluxcli.signals import Interrupted
from fluxcli.system.shell_syntax import set_variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fluxcli.sandbox.server import Served

DEFAULT_PORT: Final = 8787
"""The port if none is given; fixed, so that `--print-env` can name it."""


def sandbox(
    context: Context,
    *,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Loopback port; 0 finds a free one.")
    ] = DEFAULT_PORT,
    seconds: Annotated[
        float, typer.Option(metavar="N", min=0, help="How long an image takes, in seconds.")
    ] = 1.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACE:FAULT[@N][xM]",
            help="Fail on purpose, as `submit:reset@2`, `poll:500x3`, `download:truncate`; may be "
            "repeated.",
        ),
    ] = None,
    print_env: Annotated[
        bool,
        typer.Option("--print-env", help="Print the variables for the port, and exit."),
    ] = False,
    ledger: Annotated[
        bool,
        typer.Option("--ledger", help="Print the tasks that it has charged for, and exit."),
    ] = False,
) -> None:
    """Serve the stand-in service on a loopback port until Ctrl-C.

    It prints the variables that make other programs and shells use it. `--sandbox` needs no
    server: it is the same service inside the command.

    Examples:
        fluxcli sandbox --port 0 --seconds 0.1 --fault submit:reset@2
        eval "$(fluxcli sandbox --print-env)"
        fluxcli sandbox --ledger

    FAULTS

    Statuses: 2 130
    See: environment
    """
    if ledger:
        _print_ledger(context)
        return
    if print_env:
        if not port:
            raise FluxError(
                Code.USAGE,
                "`--print-env` needs the port that the sandbox is served at",
                hint=f"fluxcli sandbox --print-env --port {DEFAULT_PORT}",
            )
        _print_variables(context, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}")
        return
    with _served(context, port=port, seconds=seconds, faults=fault or []) as served:
        _print_variables(context, served.api_url, served.upload_url)
        context.output.note(f"results on {served.result_url}; any key will do; Ctrl-C ends it")
        try:
            served.wait()
        except Interrupted as interrupted:
            context.output.note("the sandbox has ended")
            context.status = 128 + interrupted.number


@contextmanager
def _served(
    context: Context, *, port: int, seconds: float, faults: Sequence[str]
) -> Iterator[Served]:
    """Serve the sandbox on a loopback port; 0 finds a free one.

    Raises:
        FluxError: the port is taken, or the sandbox cannot be set up.
    """
    from fluxcli.sandbox.server import serve

    with ExitStack() as stack:
        service = context.open_sandbox(seconds=seconds, faults=faults)
        stack.callback(service.close)
        service.reset_fault_counts()
        try:
            served = stack.enter_context(serve(service, port=port))
        except OSError as error:
            message = f"port {port} cannot be used: {reason_of(error)}"
            raise FluxError(
                Code.ENVIRONMENT_INVALID, message, hint="fluxcli sandbox --port 0"
            ) from None
        yield served


def _print_ledger(context: Context) -> None:
    """Print the sandbox's tasks that are not refunded, oldest first."""
    with closing(context.open_sandbox(seconds=0.0)) as service:
        charges = service.charges()
    for charge in charges:
        if context.output.json:
            context.output.record(charge._asdict())
        else:
            context.output.answer(f"{charge.id}  {charge.credits:g}  {visible(charge.prompt)}")
    if not charges:
        context.output.note("the sandbox has charged for nothing")


# The help comes from the table that the faults are checked with.
sandbox.__doc__ = (sandbox.__doc__ or "").replace("FAULTS", described())


def _print_variables(context: Context, api_url: str, upload_url: str) -> None:
    context.output.answer(set_variable("FLUXCLI_BASE_URL", api_url))
    context.output.answer(set_variable("FLUXCLI_UPLOAD_URL", upload_url))
    context.output.answer(set_variable("FLUXCLI_API_KEY", "sandbox"))
