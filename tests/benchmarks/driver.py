"""Makes many pictures as `generate -n` does, more than it takes: run with the program's Python.

Usage: driver.py COUNT [--lifted] [--no-wait]. `--lifted` takes the limits of the account
away, submissions and reads, for a service that has none.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from fluxcli.commands.task_services import task_runner
from fluxcli.context import Context
from fluxcli.journal import rate_limit as submission_limiter
from fluxcli.output.results import ResultReporter
from fluxcli.requests.inputs import RawRequest, RequestEnvironment
from fluxcli.requests.resolve import resolve_request


def main() -> None:
    """Make so many pictures, and end as the command would."""
    count, lifted, wait = int(sys.argv[1]), "--lifted" in sys.argv, "--no-wait" not in sys.argv
    if lifted:
        # A service without limits; the names are the program's own constants.
        vars(submission_limiter)["SUBMISSIONS"] = sys.maxsize
    context = Context.of_process()
    context.configure(output="pictures/{n}.jpg")
    environment = RequestEnvironment(
        settings=context.settings,
        cwd=context.cwd,
        origin=context.base_url,
        now=context.clock.wall(),
        read_text=context.output.read_stdin,
        read_bytes=context.output.read_stdin_bytes,
        find=context.journal.find,
    )
    resolved = resolve_request(RawRequest(mode="generate", prompt="a cat", force=True), environment)
    pictures = tuple(replace(resolved.first, n=n, count=count) for n in range(1, count + 1))
    runner = task_runner(context, wait=wait, save=wait)
    events = runner.produce(pictures, resolved.fingerprint, new=True)
    result_reporter = ResultReporter(context.output, ids=not wait)
    status = result_reporter.follow(
        events, count=count, usual=runner.usual_seconds(resolved.first.request)
    )
    context.close()
    sys.exit(status)


if __name__ == "__main__":
    main()
