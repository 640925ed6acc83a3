"""Whole commands with the jobs API, at a service without the kontext API."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from tests.commands.loopback import QuietHandler, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.worlds import World


@dataclass
class JobsAccount:
    """The account of a service that offers only the jobs API."""

    gone: tuple[int, int] = (200, 404)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    url: str = ""


def _handler(account: JobsAccount) -> type[QuietHandler]:
    class Handler(QuietHandler, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            account.calls.append(f"POST {self.path}")
            if self.path != "/api/v1/jobs/createTask":
                self._answer(account.gone[1], None, http=account.gone[0])
                return
            task_id = f"job{len(account.tasks) + 1}"
            account.tasks[task_id] = json.loads(content)
            self._answer(200, {"taskId": task_id, "recordId": task_id})

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            account.calls.append(f"GET {parts.path}")
            if parts.path.startswith("/results/"):
                self._send(200, _image())
                return
            task = account.tasks.get(parse_qs(parts.query).get("taskId", [""])[0])
            if parts.path != "/api/v1/jobs/recordInfo" or task is None:
                self._answer(422, None)
                return
            result = json.dumps({"resultUrls": [f"{account.url}/results/a.jpg"]})
            param = json.dumps({"input": json.dumps(task["input"])})
            data = {"state": "success", "resultJson": result, "param": param}
            self._answer(200, {**data, "creditsConsumed": 5.0})

        def _answer(self, code: int, data: object, *, http: int = 200) -> None:
            self._send(http, json.dumps({"code": code, "msg": "no", "data": data}).encode())

    return Handler


def _image() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 9), "teal").save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def account(world: World) -> Iterator[JobsAccount]:
    """A service of the jobs API; this world's commands use it."""
    made = JobsAccount()
    with served(_handler(made)) as url:
        made.url = url
        world.ask(url)
        yield made


@pytest.mark.parametrize("gone", [(200, 404), (404, 404), (200, 505), (505, 505)])
def test_auto_switches_reports_it_and_remembers_it(
    world: World, account: JobsAccount, gone: tuple[int, int]
) -> None:
    account.gone = gone
    first = world.run("generate", "a fox", "-o", "a.jpg")
    assert (first.status, len(account.tasks)) == (0, 1)
    assert (world.cwd / "a.jpg").read_bytes() == _image()
    assert "submitting through the jobs API instead" in first.err
    assert world.run("generate", "a cat", "-o", "b.jpg").status == 0
    assert sum("kontext/generate" in call for call in account.calls) == 1
    assert not any("record-info" in call for call in account.calls)
    body = account.tasks["job1"]
    assert (body["model"], body["input"]["prompt"]) == ("flux1-kontext", "a fox")


def test_the_max_tier_is_not_replaced_by_pro(world: World, account: JobsAccount) -> None:
    ran = world.run("generate", "a fox", "--model", "max", "-o", "a.jpg")
    assert (ran.status, account.tasks) == (8, {})
    ran = world.run("generate", "a fox", "--model", "max", "-o", "a.jpg", "--api", "jobs")
    assert (ran.status, account.tasks) == (2, {})


def test_an_explicit_format_is_kept(world: World, account: JobsAccount) -> None:
    ran = world.run("generate", "a fox", "-o", "a.jpg", "--api", "kontext")
    assert (ran.status, account.tasks) == (5, {})
    assert "base_url" in ran.err


def test_a_typed_id_is_found_in_either_format(world: World, account: JobsAccount) -> None:
    account.tasks["job7"] = {"input": {"prompt": "a fox"}}
    ran = world.run("download", "job7", "-o", "x.jpg")
    assert ran.status == 0
    assert (world.cwd / "x.jpg").exists()
    ran = world.run("download", "job8", "--json")
    assert (ran.status, ran.code) == (8, "task_not_found")


def test_a_task_is_read_in_its_own_format_even_if_another_is_set_later(
    world: World, account: JobsAccount
) -> None:
    world.run("generate", "a fox", "-o", "a.jpg", "--no-wait", "--api", "jobs")
    ran = world.run("generate", "a fox", "-o", "a.jpg", "--api", "kontext")
    assert (ran.status, len(account.tasks)) == (0, 1)


def test_an_address_with_a_path_is_refused(world: World, account: JobsAccount) -> None:
    world.ask(f"{account.url}/api/v1")
    ran = world.run("generate", "a fox", "-o", "a.jpg")
    assert (ran.status, account.calls) == (2, [])
    assert f"hint: export FLUXCLI_BASE_URL={account.url}\n" in ran.err
