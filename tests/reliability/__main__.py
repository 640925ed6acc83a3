"""All figures of the README's table: `python -m tests.reliability [--step N] [NAME…]`."""

from __future__ import annotations

import argparse
import signal
import sys

from tests.reliability import (
    batch,
    clocks,
    comparison,
    environments,
    examples,
    experiments,
    figures,
    killed_builds,
    peers,
    power,
    power_build,
    processes,
    results,
    user_machine,
)

EXPERIMENTS = {
    "kills": experiments.kills,
    "processes": processes.processes,
    "signals": experiments.signals,
    "faults": experiments.faults,
    "batch": batch.batch,
    "hostile": examples.hostile_answers,
    "configs": examples.hostile_configs,
    "arguments": examples.hostile_arguments,
    "errnos": experiments.errnos,
    "canary": experiments.canary,
    "redirects": results.redirects,
    "endless": results.endless,
    "slow": experiments.slow,
    "crowd": experiments.crowd,
    "environments": environments.environments,
    "limits": environments.limits,
    "user": user_machine.user,
    "clocks": clocks.clocks,
    "power": power.power,
    "kills-build": killed_builds.killed_builds,
    "power-build": power_build.power_build,
    "power-syncs": power_build.power_syncs,
    "baseline": comparison.baseline,
    "baseline-power": comparison.baseline_power,
    "baseline-faults": comparison.baseline_faults,
    "peers": peers.peers,
}


def _main() -> int:
    # What a script starts in the background is deaf to Ctrl-C, and what it starts is too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(EXPERIMENTS))
    parser.add_argument("--step", type=int, default=1, help="only every so-many-th point")
    parser.add_argument("--examples", type=int, default=20_000, help="hostile answers to try")
    parser.add_argument("--seed", type=int, default=figures.Size().seed)
    given = parser.parse_args()
    size = figures.Size(step=given.step, examples=given.examples, seed=given.seed)
    found = []
    for name in given.names or EXPERIMENTS:
        sys.stderr.write(f"{name}…\n")
        found.append(figures.timed(EXPERIMENTS[name], size))
    for line in figures.lines(found, size):
        sys.stdout.write(line + "\n")
    return 0 if all(figure.good for figure in found) else 1


if __name__ == "__main__":
    sys.exit(_main())
