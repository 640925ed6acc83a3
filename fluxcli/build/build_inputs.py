"""The inputs of the build commands, passed in by the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fluxcli.clock import Clock
    from fluxcli.journal.journal import Journal
    from fluxcli.output.output import Output
    from fluxcli.tasks.run_options import Existing
    from fluxcli.tasks.task_runner import TaskRunner


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInputs:
    """Streams, clock, settings, and how to open what only some commands need.

    `origin` is the address of the service. `sandbox`: lock and images have a folder of their own;
    `flags` are what a hint's commands need then. `is_stand_in` returns whether the service
    reports itself as a sandbox: now if it may be called, else in its last answer. `journal` opens
    this machine's journal and creates it if need be; `existing_journal` returns None where there is
    none yet. `runner` makes and collects images; it raises FluxError if the key is missing. `price`
    is the estimated price of one image of a model, in credits. `max_credits` is the limit of this
    run. `cache_folder` is the folder for files whose loss costs only time, if there is one.
    """

    cwd: Path
    env: Mapping[str, str]
    clock: Clock
    output: Output
    quiet: bool
    verbose: bool
    sandbox: bool
    flags: tuple[str, ...]
    is_stand_in: Callable[[bool], bool]
    origin: str
    max_credits: int | None
    price: Callable[[str], float]
    cache_folder: Callable[[], Path | None]
    journal: Callable[[], Journal]
    existing_journal: Callable[[], Journal | None]
    runner: Callable[[Existing], TaskRunner]
