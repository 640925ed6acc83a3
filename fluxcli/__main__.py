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
    from fluxcli.cli import main  # noqa: PLC0415 - start-up
    from fluxcli.session import Session  # noqa: PLC0415 - start-up

    sys.exit(main(arguments, Session.of_process()))


if __name__ == "__main__":
    run()
