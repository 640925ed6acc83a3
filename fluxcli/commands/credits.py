"""`fluxcli credits`: the balance of the account."""

from __future__ import annotations

from fluxcli.catalog import CREDITS
from fluxcli.context import Context


def credits(context: Context) -> None:  # noqa: A001 - the word that the user types
    """Print the account's balance, in credits."""
    balance = context.service.credits()
    if context.output.json:
        context.output.record({"credits": balance, "sandbox": context.sandbox})
        return
    context.output.answer(f"{balance:.2f}".rstrip("0").rstrip("."))
    enough = (f"{int(balance // price)} with {model}" for model, price in CREDITS.items())
    context.output.note(f"credits, enough for an estimated {' or '.join(enough)}")
