"""`fluxcli credits`: the balance and the prices of the service, or what this machine spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fluxcli.commands.task_names import period
from fluxcli.context import Context
from fluxcli.errors import FluxError

if TYPE_CHECKING:
    from collections.abc import Mapping


def credits(  # noqa: A001 - the word that the user types
    context: Context,
    *,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Print what this machine has spent in this time, by day; needs no key.",
        ),
    ] = None,
) -> None:
    """Print the balance of the account, or what this machine has spent.

    The balance comes from the service. `--since` reads the journal of this machine alone, and
    its amounts are estimates.

    Examples:
        fluxcli credits
        fluxcli credits --since 30d

    Statuses: 2 3 5
    See: money exit-codes
    """
    if since is not None:
        _show_spending(context, since)
        return
    balance = context.service.credits()
    prices = _stated(context)
    if context.output.json:
        from fluxcli.output.text import whole

        # A stand-in may be served at an address, too: its answers identify it.
        is_sandbox = context.service.is_sandbox
        record = {
            "credits": whole(balance),
            "sandbox": is_sandbox,
            "prices": {model: whole(price) for model, price in prices.items()} or None,
        }
        context.output.record(record)
        return
    context.output.answer(f"{balance:.2f}".rstrip("0").rstrip("."))
    known = {**context.prices(), **prices}
    enough = (
        f"{int(balance // price)} with {model.rpartition('-')[2]}" for model, price in known.items()
    )
    context.output.note(f"credits, enough for an estimated {' or '.join(enough)}")


def _stated(context: Context) -> Mapping[str, float]:
    """Return the prices that the service states, if they are certain; keep and announce them."""
    try:
        stated = context.service.prices().credits
    except FluxError as error:
        context.output.detail(f"the service's prices cannot be read: {error.message}")
        return {}
    before = context.prices()
    changed = {model: price for model, price in stated.items() if price != before.get(model)}
    if changed:
        text = ", ".join(
            f"{price:g} credits for {model} (before: {before.get(model, 0):g})"
            for model, price in changed.items()
        )
        context.output.warn(f"the service's prices have changed: {text}")
    # What the sandbox states is never kept: at its address the service may be found another day.
    if stated and context.origin_cache is not None and not context.service.is_sandbox:
        context.origin_cache.remember_prices(dict(stated))
    return stated


def _show_spending(context: Context, since: str) -> None:
    """Print the estimated spending by day and model, from the journal alone."""
    from fluxcli.output.spending import spent_by_day
    from fluxcli.output.text import credits as in_words

    earliest = context.clock.wall() - period(since)
    days = spent_by_day(context.journal.recent(None), earliest, context.prices())
    total = sum(float(str(day["estimated_credits"])) for day in days)
    unknown = sum(int(str(day["unknown"])) for day in days)
    if context.output.json:
        context.output.record(
            {
                "since": since,
                "days": days,
                "estimated_credits": total,
                "unknown": unknown,
                "sandbox": context.sandbox,
            }
        )
        return
    if days:
        rows = [
            [
                f"{day['day']}",
                f"{day['model']}".rpartition("-")[2],
                f"{day['images']}",
                f"{float(str(day['estimated_credits'])):g}",
            ]
            for day in days
        ]
        context.output.table(rows, ("DAY", "MODEL", "IMAGES", "CREDITS"))
    context.output.note(f"an estimated {in_words(total)} spent by this machine")
    if unknown:
        context.output.warn(
            f"{unknown} of unknown outcome may be charged too and are not counted", always=True
        )
