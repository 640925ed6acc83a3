"""The process: `python -m fluxcli`, and the `fluxcli` command."""

from __future__ import annotations

import gc
import os
import sys

_PAGE_COLUMNS = 80


def run() -> None:
    """Run the command line of this process and end with its status."""
    arguments = sys.argv[1:]
    if _answered(_known_answer(arguments)):
        return
    _end_quietly_on_ctrl_c()
    # What is imported stays: the collector need not look at it, neither now nor later.
    gc.disable()
    if arguments[:1] == ["status"] and _told_tasks(arguments):
        _end(0)
    from fluxcli.cli import main
    from fluxcli.context import Context

    gc.freeze()
    gc.enable()
    _end(main(arguments, Context.of_process()))


def _told_tasks(arguments: list[str]) -> bool:
    """Answer a completion script; if that fails, the program itself is the one to tell."""
    from fluxcli.fast_status import is_asked, report

    if not is_asked(arguments):
        return False
    from fluxcli.context import Context

    try:
        report(arguments, Context.of_process())
    except Exception:  # noqa: BLE001 - whatever it is, it comes again, and is told then
        return False
    return True


def _known_answer(arguments: list[str]) -> bytes:
    """Return the version or a help text, which need nothing of the program; else nothing."""
    if arguments == ["--version"]:
        from fluxcli import __version__

        return f"fluxcli {__version__}\n".encode()
    if arguments and arguments[-1] not in {"-h", "--help"}:
        return b""
    from fluxcli.fast_help import page

    return page(" ".join(arguments[:-1])) if _columns() >= _PAGE_COLUMNS else b""


def _columns() -> int:
    """Return the terminal's width as `shutil` tells it, whose import costs more than the rest."""
    try:
        return (
            int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size().columns or _PAGE_COLUMNS
        )
    except ValueError:
        return 0
    except OSError:
        return _PAGE_COLUMNS


def _answered(text: bytes) -> bool:
    """Write a text; without one, or if that fails, the program itself is the one to tell."""
    try:
        return bool(text) and os.write(1, text) == len(text)
    except BrokenPipeError:
        return True
    except OSError:
        return False


def _end(status: int) -> None:
    """End the process at once: `main` has closed and told everything, and left no thread at work.

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
