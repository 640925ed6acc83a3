"""What was learnt about a service, by its origin: wire format, prices, whether it is a stand-in.

A cache file: losing it costs a call, so a file that cannot be read or written is not an error.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fluxcli.prices_and_limits import CREDITS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fluxcli.client.wire import WireName

WIRE_SECONDS: Final = 86400.0
"""How long the wire format that worked is used first."""


class OriginCache:
    """The entry of the service at `url` in the cache file `path`. `wall` is the time in seconds."""

    def __init__(self, path: Path, url: str, *, wall: Callable[[], float]) -> None:
        self._path = path
        parts = urlsplit(url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._wall = wall

    def wire(self) -> WireName | None:
        """Return the wire format that was found to work within the last day."""
        entry = self._entry()
        age = self._wall() - _number(entry.get("wire_at"))
        return "jobs" if entry.get("wire") == "jobs" and 0 <= age < WIRE_SECONDS else None

    def remember_wire(self, name: WireName) -> None:
        """Keep the wire format that works, for a day."""
        if (self.wire() or "kontext") != name:
            self._keep(wire=name, wire_at=self._wall())

    def is_stand_in(self) -> bool:
        """Return whether the service called itself a stand-in when it answered last."""
        return self._entry().get("stand_in") is True

    def remember_stand_in(self, is_one: bool) -> None:  # noqa: FBT001 - what is remembered
        """Keep whether the service calls itself a stand-in."""
        if self.is_stand_in() is not is_one:
            self._keep(stand_in=is_one)

    def prices(self) -> dict[str, float]:
        """Return the credits for one image by model, as the service last stated them."""
        found = self._entry().get("prices")
        prices = found if isinstance(found, dict) else {}
        return {str(model): _number(price) for model, price in prices.items() if _number(price) > 0}

    def remember_prices(self, prices: dict[str, float]) -> None:
        """Keep the prices that the service states."""
        if self.prices() != prices:
            self._keep(prices=prices)

    def _keep(self, **values: object) -> None:
        from fluxcli.files.atomic import write_atomically

        everything = self._read()
        everything[self._origin] = {**self._entry(), **values}
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(everything).encode())

    def _entry(self) -> dict[str, Any]:
        found = self._read().get(self._origin)
        return found if isinstance(found, dict) else {}

    def _read(self) -> dict[str, Any]:
        with suppress(OSError, ValueError, RecursionError):
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        return {}


def known_prices(cache: OriginCache | None) -> dict[str, float]:
    """Return the credits for one image by model: stated by the service, else built in."""
    stated = {} if cache is None else cache.prices()
    return {model: stated.get(model, float(price)) for model, price in CREDITS.items()}


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else 0.0  # type: ignore[arg-type] # it was checked just now
