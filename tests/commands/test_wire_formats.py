"""A whole command over the jobs API, at a service whose first API is gone."""

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
class Jobs:
    """The account of a service that offers only the jobs API."""

    gone: tuple[int, int] = (200, 404)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    url: str = ""


def _handler(jobs: Jobs) -> type[QuietHandler]:
    class Handler(QuietHandler, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            jobs.calls.append(f"POST {self.path}")
            if self.path != "/api/v1/jobs/createTask":
                self._answer(jobs.gone[1], None, http=jobs.gone[0])
                return
            task_id = f"job{len(jobs.tasks) + 1}"
            jobs.tasks[task_id] = json.loads(content)
            self._answer(200, {"taskId": task_id, "recordId": task_id})

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            jobs.calls.append(f"GET {parts.path}")
            if parts.path.startswith("/results/"):
                self._send(200, _image())
                return
            task = jobs.tasks.get(parse_qs(parts.query).get("taskId", [""])[0])
            if parts.path != "/api/v1/jobs/recordInfo" or task is None:
                self._answer(422, None)
                return
            result = json.dumps({"resultUrls": [f"{jobs.url}/results/a.jpg"]})
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
def jobs(world: World) -> Iterator[Jobs]:
    """A service of the jobs API; this world's commands use it."""
    made = Jobs()
    with served(_handler(made)) as url:
        made.url = url
        world.ask(url)
        yield made


@pytest.mark.parametrize("gone", [(200, 404), (404, 404), (200, 505), (505, 505)])
def test_auto_gives_way_announces_it_and_remembers(
    world: World, jobs: Jobs, gone: tuple[int, int]
) -> None:
    jobs.gone = gone
    first = world.run("generate", "a fox", "-o", "a.jpg")
    assert (first.status, len(jobs.tasks)) == (0, 1)
    assert (world.cwd / "a.jpg").read_bytes() == _image()
    assert "submitting through the jobs API instead" in first.err
    assert world.run("generate", "a cat", "-o", "b.jpg").status == 0
    assert sum("kontext/generate" in call for call in jobs.calls) == 1
    assert not any("record-info" in call for call in jobs.calls)
    body = jobs.tasks["job1"]
    assert (body["model"], body["input"]["prompt"]) == ("flux1-kontext", "a fox")


def test_the_max_tier_is_not_replaced_by_pro(world: World, jobs: Jobs) -> None:
    ran = world.run("generate", "a fox", "--model", "max", "-o", "a.jpg")
    assert (ran.status, jobs.tasks) == (8, {})
    ran = world.run("generate", "a fox", "--model", "max", "-o", "a.jpg", "--api", "jobs")
    assert (ran.status, jobs.tasks) == (2, {})


def test_an_explicit_format_is_kept(world: World, jobs: Jobs) -> None:
    ran = world.run("generate", "a fox", "-o", "a.jpg", "--api", "kontext")
    assert (ran.status, jobs.tasks) == (5, {})
    assert "base_url" in ran.err


def test_an_id_that_was_typed_is_found_in_either_format(world: World, jobs: Jobs) -> None:
    jobs.tasks["job7"] = {"input": {"prompt": "a fox"}}
    ran = world.run("download", "job7", "-o", "x.jpg")
    assert ran.status == 0
    assert (world.cwd / "x.jpg").exists()
    ran = world.run("download", "job8", "--json")
    assert (ran.status, ran.code) == (8, "task_not_found")


def test_a_task_is_read_in_its_own_format_even_if_another_is_set_later(
    world: World, jobs: Jobs
) -> None:
    world.run("generate", "a fox", "-o", "a.jpg", "--no-wait", "--api", "jobs")
    ran = world.run("generate", "a fox", "-o", "a.jpg", "--api", "kontext")
    assert (ran.status, len(jobs.tasks)) == (0, 1)


def test_an_address_with_the_path_is_named(world: World, jobs: Jobs) -> None:
    world.ask(f"{jobs.url}/api/v1")
    ran = world.run("generate", "a fox", "-o", "a.jpg")
    assert (ran.status, jobs.calls) == (2, [])
    assert f"fluxcli config set base_url {jobs.url}" in ran.err
