"""Makes many pictures as `generate -n` does, more than it takes: run with the program's Python.

Usage: driver.py COUNT [--lifted] [--no-wait]. `--lifted` takes the limits of the account
away, submissions and reads, for a service that has none.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from fluxcli.context import Context
from fluxcli.journal import rate_limit as submission_limiter
from fluxcli.output.results import ResultReporter


def main() -> None:
    """Make so many pictures, and end as the command would."""
    count, lifted, wait = int(sys.argv[1]), "--lifted" in sys.argv, "--no-wait" not in sys.argv
    if lifted:
        # A service without limits; the names are the program's own constants.
        vars(submission_limiter)["SUBMISSIONS"] = sys.maxsize
    context = Context.of_process()
    context.configure(output="pictures/{n}.jpg")
    order = context.order(
        "generate",
        prompt="a cat",
        prompt_file=None,
        image=None,
        count=1,
        force=True,
        skip_existing=False,
    )
    pictures = tuple(replace(order.first, n=n, count=count) for n in range(1, count + 1))
    runner = context.runner(wait=wait, save=wait)
    events = runner.produce(pictures, order.fingerprint, new=True)
    result_reporter = ResultReporter(context.output, ids=not wait)
    status = result_reporter.follow(
        events, count=count, usual=runner.usual_seconds(order.first.request)
    )
    context.close()
    sys.exit(status)


if __name__ == "__main__":
    main()
