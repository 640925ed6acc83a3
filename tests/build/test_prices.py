"""The estimates of a build use the prices that the service stated last, as `generate` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxcli.client.origins import OriginCache
from fluxcli.prices_and_limits import API_URL, MAX, PRO

if TYPE_CHECKING:
    from tests.worlds import World

_MANIFEST = """\
version = 1
[assets.a]
prompt = "A"
[assets.b]
prompt = "B"
[assets.big]
prompt = "C"
model = "max"
"""


def _remember(world: World, prices: dict[str, float]) -> None:
    (world.cwd / "assets.toml").write_text(_MANIFEST)
    cache = OriginCache(world.root / "cache" / "origins.json", API_URL, wall=world.clock.wall)
    cache.remember_prices(prices)


def test_a_plan_has_the_remembered_prices_and_rounds_their_sum_up(world: World) -> None:
    _remember(world, {PRO: 7.25, MAX: 10.0})
    record = world.run("build", "--plan", "--json").record
    assert [asset["estimated_credits"] for asset in record["assets"]] == [7.25, 7.25, 10]
    assert record["summary"]["estimated_credits"] == 25
    plan = world.run("build", "--plan")
    assert "(7.25 credits)" in plan.out.decode()
    assert "an estimated 25 credits" in plan.err


def test_without_remembered_prices_the_built_in_ones_count(world: World) -> None:
    _remember(world, {})
    record = world.run("build", "--plan", "--json").record
    assert [asset["estimated_credits"] for asset in record["assets"]] == [5, 5, 10]


def test_consent_is_requested_at_the_remembered_price(world: World) -> None:
    _remember(world, {PRO: 8.0, MAX: 20.0})
    refused = world.run("build")
    assert refused.status == 7
    assert "--max-credits 36" in refused.err
    candidates = world.run("build", "big", "--candidates", "3", "--max-credits", "59")
    assert candidates.status == 7
    assert "60 credits" in candidates.err


def test_the_price_of_the_service_is_not_the_sandboxs(world: World) -> None:
    _remember(world, {PRO: 8.0, MAX: 20.0})
    record = world.run("build", "--plan", "--json", "--sandbox").record
    assert record["summary"]["estimated_credits"] == 20
