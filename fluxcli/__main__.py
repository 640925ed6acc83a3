"""The process: `python -m fluxcli`, and the `fluxcli` command."""

from __future__ import annotations

import gc
import os
import sys


def run() -> None:
    """Run the command line of this process and end with its status."""
    arguments = sys.argv[1:]
    if _answered(_known_answer(arguments)):
        return
    _end_quietly_on_ctrl_c()
    # What is imported stays: the collector need not look at it, neither now nor later.
    gc.disable()
    if arguments[:2] == ["completion", "--list"] and _is_listed(arguments):
        _end(0)
    from fluxcli.cli import main
    from fluxcli.context import Context

    gc.freeze()
    # Plans and batches keep what they make: looking at it again and again is quadratic.
    gc.set_threshold(50_000)
    gc.enable()
    _end(main(arguments, Context.of_process()))


def _is_listed(arguments: list[str]) -> bool:
    """Answer a completion script; return whether it was. The program itself reports errors."""
    from fluxcli.fast_completion import is_asked, report

    if not is_asked(arguments):
        return False
    from fluxcli.context import Context

    try:
        report(arguments, Context.of_process())
    except Exception:  # noqa: BLE001 - the program meets it again, and reports it
        return False
    return True


def _known_answer(arguments: list[str]) -> bytes:
    """Return what is known without the program: version, help, completion scripts; else nothing."""
    if arguments == ["--version"]:
        from fluxcli import __version__

        return f"fluxcli {__version__}\n".encode()
    try:
        if arguments[:1] == ["completion"] and len(arguments) == len(["completion", "SHELL"]):
            from fluxcli.fast_completion import script

            return script(arguments[1])
        if not arguments or arguments[0] == "help" or arguments[-1] in {"-h", "--help"}:
            from fluxcli.fast_help import known_text, terminal_columns

            return known_text(arguments, terminal_columns(os.environ)).encode()
    except OSError:
        pass
    return b""


def _answered(text: bytes) -> bool:
    """Write a text, and return whether that was possible; if not, the program itself tries."""
    try:
        return bool(text) and os.write(1, text) == len(text)
    except BrokenPipeError:
        return True
    except OSError:
        return False


def _end(status: int) -> None:
    """End the process at once: `main` has closed everything and left no thread at work.

    Taking the interpreter apart would cost as much time as starting it.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            status = status or 1
    os._exit(status)


def _end_quietly_on_ctrl_c() -> None:
    """Let Ctrl-C end the process without a traceback where `main` does not watch: on both sides."""
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    run()
