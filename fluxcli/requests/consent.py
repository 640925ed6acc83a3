"""Consent to spending: the limit `--max-credits`, and the question before credits are spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.errors import Code, FluxError
from fluxcli.prices_and_limits import CONSENT_CREDITS

if TYPE_CHECKING:
    from collections.abc import Callable


def check_spending(
    estimate: int,
    *,
    most: int | None,
    agreed: bool,
    ask: Callable[[str], bool | None],
    free: int = CONSENT_CREDITS,
    command: str = "",
) -> None:
    """Check that this many credits may be spent; up to `free` of them without a question.

    `command` is what agrees to it, `--yes` at its end.

    Raises:
        FluxError: OVER_BUDGET or NO_CONSENT; nothing was sent.
    """
    if most is not None and estimate > most:
        raise FluxError(
            Code.OVER_BUDGET,
            f"the estimate of {estimate} credits is over `--max-credits {most}`; nothing was sent",
            hint=f"--max-credits {estimate}",
        )
    if agreed or most is not None or estimate <= free:
        return
    answer = ask(f"spend an estimated {estimate} credits?")
    if not answer:
        needs = (
            f"an estimated {estimate} credits need your consent" if answer is None else "cancelled"
        )
        cap = f"--max-credits {estimate}"
        raise FluxError(
            Code.NO_CONSENT,
            f"{needs}: nothing was sent, nothing was charged",
            hint=f"{command}, or {cap}" if command else cap,
        )
