"""`fluxcli credits`: the balance of the account."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fluxcli.client.origins import OriginCache
from fluxcli.sandbox.server import serve
from fluxcli.sandbox.service import SandboxService
from tests.commands.balance import BALANCE

if TYPE_CHECKING:
    from tests.worlds import World


def test_the_output_is_the_number(box: World) -> None:
    ran = box.run("credits")
    assert (ran.status, ran.lines) == (0, [str(BALANCE)])
    assert ran.err.startswith("credits, enough for an estimated 20000 with ")


def test_json_has_the_balance(box: World) -> None:
    record = box.run("credits", "--json").record
    assert (record["credits"], record["sandbox"]) == (float(BALANCE), True)


def test_json_marks_the_balance_of_a_served_sandbox(world: World) -> None:
    service = SandboxService(store=None, wall=lambda: 0.0, sleep=lambda _: None)
    with serve(service) as served:
        world.ask(served.api_url)
        record = world.run("credits", "--json").record
    assert record["sandbox"] is True


class _Stating(BaseHTTPRequestHandler):
    """A service that states its prices."""

    text = "Pro mode at 7 credits per image and Max mode at 10 credits"

    def do_GET(self) -> None:
        data = {"pricingDesc": self.text} if self.path.endswith("/price") else 70.0
        body = json.dumps({"code": 200, "msg": "success", "data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        del format, args


def test_changed_prices_of_the_service_are_reported_once_and_used(world: World) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Stating)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        world.ask(f"http://127.0.0.1:{server.server_port}")
        first, second = world.run("credits"), world.run("credits", "--json")
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
    assert "7 credits for flux-kontext-pro (before: 5)" in first.err
    assert "enough for an estimated 10 with pro" in first.err
    assert second.err == ""
    assert second.record["prices"] == {"flux-kontext-pro": 7.0, "flux-kontext-max": 10.0}
    plan = world.run("generate", "a fox", "-n", "3", "--dry-run", "--json").record
    assert plan["estimated_credits"] == 21
    sandbox = world.run("generate", "a fox", "-n", "3", "--dry-run", "--json", "--sandbox").record
    assert sandbox["estimated_credits"] == 15


def test_quiet_prints_nothing_on_stderr(box: World) -> None:
    assert box.run("credits", "-q").err == ""


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("401", 3, "auth_refused"),
        ("1010", 5, "edge_blocked"),
        ("refuse", 5, "network"),
        ("429", 5, "rate_limited"),
        ("455", 5, "maintenance"),
        ("html", 5, "service_error"),
        ("timeout", 5, "network"),
    ],
)
def test_a_failed_read_has_its_status(box: World, fault: str, status: int, code: str) -> None:
    ran = box.run("credits", "--json", env={"FLUXCLI_SANDBOX_FAULTS": f"credits:{fault}"})
    assert (ran.status, ran.code) == (status, code)


def test_without_a_key_it_is_status_3(world: World) -> None:
    del world.env["FLUXCLI_API_KEY"]
    ran = world.run("credits", "--json")
    assert (ran.status, ran.code) == (3, "auth_missing_key")


def test_a_refused_key_is_status_3(world: World) -> None:
    """The sandbox refuses one key."""
    world.ask("http://127.0.0.1:9")
    ran = world.run("credits", "--json")
    assert (ran.status, ran.code) == (5, "network")
    assert "cannot connect to 127.0.0.1" in ran.err


def test_an_address_that_is_not_the_service_is_status_5(world: World) -> None:
    made = SandboxService(store=None, wall=world.clock.wall, sleep=world.clock.sleep)
    with serve(made) as served:
        world.ask(f"{served.api_url}/elsewhere")
        ran = world.run("credits", "--json")
    assert (ran.status, ran.code) == (5, "feature_disabled")
    assert "fluxcli config get base_url" in ran.err


@pytest.mark.parametrize("api", ["kontext", "jobs"])
def test_remembered_prices_are_used_for_every_estimate(world: World, api: str) -> None:
    """In plans, records, cards, lists, caps and the spending of this machine."""
    made = SandboxService(store=None, wall=world.clock.wall, sleep=world.clock.sleep, seconds=0)
    with serve(made) as served:
        world.ask(served.api_url)
        world.env["FLUXCLI_API"] = api
        cache = OriginCache(
            Path(world.env["FLUXCLI_CACHE_DIR"]) / "origins.json",
            served.api_url,
            wall=world.clock.wall,
        )
        cache.remember_prices({"flux-kontext-pro": 7.5})
        make = ("generate", "a fox", "-o", "fox.jpg")
        assert world.run(*make, "--dry-run", "--json").record["estimated_credits"] == 8
        assert world.run(*make, "--max-credits", "7").status == 7
        assert world.run(*make, "--json").record["estimated_credits"] == 7.5
        edit = world.run("edit", "fox.jpg", "night", "-o", "night.jpg", "--json")
        assert edit.record["estimated_credits"] == 7.5
        assert world.run("status", "--json").records[0]["estimated_credits"] == 7.5
        assert "7.5" in world.run("status", "@last").out.decode()
        spent = world.run("credits", "--since", "1d", "--json").record["estimated_credits"]
        assert spent == (10.0 if api == "jobs" else 15.0)


def test_prices_of_a_sandbox_are_never_kept(world: World) -> None:
    """Nor reported: its address may belong to another service later."""
    made = SandboxService(store=None, wall=world.clock.wall, sleep=world.clock.sleep)
    with serve(made) as served:
        world.ask(served.api_url)
        ran = world.run("credits", "--json")
    assert ran.record["prices"] == {"flux-kontext-pro": 5.0, "flux-kontext-max": 10.0}
    assert not (Path(world.env["FLUXCLI_CACHE_DIR"]) / "origins.json").exists()
