"""`fluxcli credits`: the balance of the account."""

from __future__ import annotations

from fluxcli.catalog import CREDITS
from fluxcli.context import Session


def credits(session: Session) -> None:  # noqa: A001 - the word that the user types
    """Print the account's balance, in credits."""
    balance = session.service.credits()
    if session.output.json:
        session.output.record({"credits": balance, "sandbox": session.sandbox})
        return
    session.output.answer(f"{balance:.2f}".rstrip("0").rstrip("."))
    enough = (f"{int(balance // price)} with {model}" for model, price in CREDITS.items())
    session.output.note(f"credits, enough for an estimated {' or '.join(enough)}")
