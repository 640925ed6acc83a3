"""The inputs of the build package for `build`, `assets` and `--save-as`."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from fluxcli.commands.task_services import task_runner
from fluxcli.context import Context
from fluxcli.errors import Code, FluxError
from fluxcli.output.text import whole
from fluxcli.prices_and_limits import API_URL

if TYPE_CHECKING:
    from pathlib import Path

    from fluxcli.build.build_inputs import BuildInputs
    from fluxcli.journal.journal import Journal
    from fluxcli.tasks.run_options import Existing
    from fluxcli.tasks.task_runner import TaskRunner


def build_inputs(context: Context) -> BuildInputs:
    """Return the inputs of a build command; nothing is opened yet.

    Raises:
        FluxError: a setting is wrong.
    """
    from fluxcli.build.build_inputs import BuildInputs

    settings, prices = context.settings, cache(context.prices)

    @cache
    def existing_journal() -> Journal | None:
        try:
            if not os.path.lexists(settings.state_dir / "journal.sqlite3"):
                return None
        except FluxError:
            # Without a home folder nothing was recorded.
            return None
        return context.journal

    def cache_folder() -> Path | None:
        try:
            return settings.cache_dir
        except FluxError:
            return None

    def runner(existing: Existing) -> TaskRunner:
        settings.check_known()
        return task_runner(context, existing=existing)

    return BuildInputs(
        cwd=context.cwd,
        env=context.env,
        clock=context.clock,
        output=context.output,
        quiet=settings.flag("quiet"),
        verbose=settings.flag("verbose"),
        sandbox=context.sandbox,
        flags=("--sandbox",) if context.sandbox else (),
        is_stand_in=lambda ask: _is_stand_in(context, ask=ask),
        origin=context.base_url,
        max_credits=settings.number("max_credits"),
        price=lambda model: whole(prices()[model]),
        cache_folder=cache_folder,
        journal=lambda: context.journal,
        existing_journal=existing_journal,
        runner=runner,
    )


def _is_stand_in(context: Context, *, ask: bool) -> bool:
    """Return whether the service at a custom address is a sandbox; nothing is charged.

    Every answer of a sandbox identifies it, an error too.
    """
    if context.sandbox or context.base_url == API_URL:
        return context.sandbox
    cache = context.origin_cache
    if not ask:
        return cache is not None and cache.is_stand_in()
    try:
        context.service.credits()
    except FluxError as error:
        if error.code in {Code.NETWORK, Code.TIMED_OUT, Code.AUTH_MISSING_KEY, Code.INTERRUPTED}:
            raise
    if cache is not None:
        cache.remember_stand_in(context.service.is_sandbox)
    return context.service.is_sandbox
