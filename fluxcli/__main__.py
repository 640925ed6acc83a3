"""The process: `python -m fluxcli`, and the `fluxcli` command."""

from __future__ import annotations

import sys


def run() -> None:
    """Run the command line of this process and end with its status."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from fluxcli import __version__  # noqa: PLC0415 - start-up

        sys.stdout.write(f"fluxcli {__version__}\n")
        return
    _end_quietly_on_ctrl_c()
    from fluxcli.cli import main  # noqa: PLC0415 - start-up
    from fluxcli.session import Session  # noqa: PLC0415 - start-up

    sys.exit(main(arguments, Session.of_process()))


def _end_quietly_on_ctrl_c() -> None:
    """Let Ctrl-C end the process without a traceback where `main` does not watch: on both sides."""
    import signal  # noqa: PLC0415 - start-up

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    run()
