"""How an outcome is put in a report: its verdict, its reason, where it is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fluxcli.build.outcome import Outcome

TROUBLE: Final = frozenset({"failed", "capped", "blocked"})
"""What keeps an asset from being as the manifest says, in this run."""

WAITING: Final = frozenset({"planned", "edited", "held", "orphan"})
"""What is not done, without anything having gone wrong."""


def reason(outcome: Outcome) -> str:
    """Return why an asset stands as it does, in a line."""
    if outcome.error is not None:
        hint = f" ({outcome.error.hint})" if outcome.error.hint else ""
        return f"{outcome.error.message}{hint}"
    if outcome.result == "blocked":
        asset = outcome.step.asset
        return f"`{asset.parent}`, which it is made from, failed" if asset else "blocked"
    return "; ".join(outcome.step.reasons)


def line(outcome: Outcome) -> int:
    """Return the line of the manifest that declares the asset; 1 for what is not in it."""
    return outcome.step.asset.line if outcome.step.asset else 1
