"""Makes many pictures as `generate -n` does, more than it takes: run with the program's Python.

Usage: driver.py COUNT [--lifted] [--no-wait]. `--lifted` takes the limits of the account
away, submissions and reads, for a service that has none.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from fluxcli.context import Session
from fluxcli.journal import rate_limit as pace
from fluxcli.journal import read_limit as turns


def main() -> None:
    """Make so many pictures, and end as the command would."""
    count, lifted, wait = int(sys.argv[1]), "--lifted" in sys.argv, "--no-wait" not in sys.argv
    if lifted:
        # A service without limits; the names are the program's own constants.
        vars(pace)["SUBMISSIONS"] = sys.maxsize
        vars(turns)["_TURN"] = 1e-4
    session = Session.of_process()
    session.configure(output="pictures/{n}.jpg")
    order = session.order(
        "generate",
        prompt="a cat",
        prompt_file=None,
        image=None,
        count=1,
        force=True,
        skip_existing=False,
    )
    wishes = tuple(replace(order.first, n=n, count=count) for n in range(1, count + 1))
    making = session.making(wait=wait, save=wait)
    events = making.produce(replace(order, wishes=wishes), new=True)
    follower = session.output.follower(ids=not wait, preview=False, launch=None)
    status = follower.follow(events, count=count, usual=making.usual_seconds(order.first.request))
    session.close()
    sys.exit(status)


if __name__ == "__main__":
    main()
