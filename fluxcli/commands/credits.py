"""`fluxcli credits`: the balance of the account, and the prices that the service states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.context import Context
from fluxcli.errors import FluxError

if TYPE_CHECKING:
    from collections.abc import Mapping


def credits(context: Context) -> None:  # noqa: A001 - the word that the user types
    """Print the account's balance, in credits."""
    balance = context.service.credits()
    prices = _stated(context)
    if context.output.json:
        record = {"credits": balance, "sandbox": context.sandbox, "prices": prices or None}
        context.output.record(record)
        return
    context.output.answer(f"{balance:.2f}".rstrip("0").rstrip("."))
    known = {**context.prices(), **prices}
    enough = (f"{int(balance // price)} with {model}" for model, price in known.items())
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
    if stated and context.origin_cache is not None:
        context.origin_cache.remember_prices(dict(stated))
    return stated
