"""Reading the service's price text: a number is used only where it is certain. Pure."""

from __future__ import annotations

import re
from typing import Final

from fluxcli.dataclass import dataclass
from fluxcli.prices_and_limits import MAX, PRO

_NAMED: Final = re.compile(r"\b(pro|max)\b", re.IGNORECASE)
_AMOUNT: Final = re.compile(
    r"(?<![\w.,$-])([0-9]{1,4}(?:\.[0-9]{1,2})?)\s*credits?\b", re.IGNORECASE
)
_OTHER_UNIT: Final = re.compile(
    r"\bcredits?\s*(?:/|per|for)\s*(?!(?:an?\s+|1\s+|one\s+)?(?:images?|pictures?)\b)\w+",
    re.IGNORECASE,
)
_CONDITION: Final = re.compile(
    r"\b(?:from|up to|starting|discount|sale|was|instead of|between|about|approx\w*|off)\b"
    r"|~\s*[0-9.]+\s*credits",
    re.IGNORECASE,
)
_HIGHEST: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Prices:
    """Credits for one image by model, as far as the text is certain; `text` is the service's."""

    credits: dict[str, float]
    text: str


def prices_of(data: object) -> Prices:
    """Return the prices in the answer of the price call.

    A price counts if the text names both tiers, gives each exactly one number of credits, for an
    image, and sets no condition; otherwise `credits` is empty.
    """
    text = data.get("pricingDesc") if isinstance(data, dict) else None
    if not isinstance(text, str):
        return Prices({}, "")
    return Prices(_certain(text), " ".join(text.split()))


def _certain(text: str) -> dict[str, float]:
    if _CONDITION.search(text) or _OTHER_UNIT.search(text):
        return {}
    names = list(_NAMED.finditer(text))
    found: dict[str, set[float]] = {PRO: set(), MAX: set()}
    counted = 0
    for name, after in zip(names, [*(one.start() for one in names[1:]), len(text)], strict=True):
        model = PRO if name[1].lower() == "pro" else MAX
        amounts = {float(one[1]) for one in _AMOUNT.finditer(text, name.end(), after)}
        counted += len(amounts)
        found[model] |= amounts
    everywhere = {float(one[1]) for one in _AMOUNT.finditer(text)}
    named = found[PRO] | found[MAX]
    if any(len(amounts) != 1 for amounts in found.values()) or everywhere != named:
        return {}
    prices = {model: amounts.pop() for model, amounts in found.items()}
    fits = all(0 < price <= _HIGHEST for price in prices.values())
    return prices if fits and prices[PRO] <= prices[MAX] else {}
