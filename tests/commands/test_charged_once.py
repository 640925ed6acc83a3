"""What is charged when an answer is unexpected, an input is incomplete, or a file changes."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.commands.balance import spent
from tests.commands.loopback import QuietHandler, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.worlds import World


pytestmark = pytest.mark.usefixtures("wire_format")
"""Everything here holds in both wire formats."""


@dataclass
class Account:
    """A service that creates a task for each submission, with any answer."""

    answer: bytes = b""
    http: int = 200
    charges: int = 0
    uploads: list[bytes] = field(default_factory=list)
    during_upload: Callable[[], int] = lambda: 200


def _handler(account: Account) -> type[QuietHandler]:
    class Handler(QuietHandler, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if "upload" in self.path:
                status = account.during_upload()
                account.uploads.append(content)
                data = {"downloadUrl": "https://h.invalid/u.png"}
                body = json.dumps({"success": True, "code": status, "data": data}).encode()
                self._send(status, body)
                return
            account.charges += 1
            self._send(account.http, account.answer)

    return Handler


@pytest.fixture
def account(world: World) -> Iterator[Account]:
    """An account whose service this world uses."""
    made = Account()
    with served(_handler(made)) as url:
        world.ask(url)
        yield made


def refusing(code: int, message: str) -> bytes:
    return json.dumps({"code": code, "msg": message, "data": None}).encode()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (500, "String index out of range: -1"),
        (500, "Parameter index out of range"),
        (500, "A retry is required"),
        (500, "the worker must be restarted"),
        (500, "prompt is required to be queued again"),
        (500, "您的积分不足"),
        (501, "generation failed"),
        (408, "no output for 10 minutes"),
        (503, "busy"),
    ],
)
@pytest.mark.parametrize("http", [200, None])
def test_an_unproven_refusal_is_unknown_and_never_paid_twice(
    world: World, account: Account, code: int, message: str, http: int | None
) -> None:
    account.answer, account.http = refusing(code, message), http or code
    for _ in range(3):
        assert world.run("generate", "a fox", "-o", "a.jpg").status == 11
    assert account.charges == 1


@pytest.mark.parametrize("http", [200, 500])
def test_a_recorded_refusal_is_not_charged_and_may_be_retried(
    world: World, account: Account, http: int
) -> None:
    account.answer, account.http = refusing(500, "This field is required"), http
    for _ in range(2):
        assert world.run("generate", "a fox", "-o", "a.jpg").status == 8
    assert account.charges == 2


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_an_incomplete_input_costs_nothing(world: World, form: str) -> None:
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, form)
    for size in (3, len(file.getvalue()) // 2, len(file.getvalue()) - 3):
        (world.cwd / "in").write_bytes(file.getvalue()[:size])
        for image, data in (("in", b""), ("-", file.getvalue()[:size])):
            ran = world.run("edit", image, "make it night", "--sandbox", stdin=data)
            assert ran.status == 2
    assert spent(world) == 0


def test_an_input_that_changes_before_a_second_upload_is_not_paid_for(
    world: World, account: Account
) -> None:
    """The first upload fails; by the second, the file is another one."""
    path = world.cwd / "in.png"
    Image.new("RGB", (16, 9), "teal").save(path)

    def changes() -> int:
        Image.new("RGB", (16, 9), "red").save(path)
        return next(statuses)

    statuses = iter([500, 200, 200])
    account.during_upload = changes
    ran = world.run("edit", "in.png", "make it night", "-o", "a.jpg", "--json")
    assert (ran.status, ran.code) == (2, "input_unreadable")
    assert (account.charges, len(account.uploads) >= 1) == (0, True)
