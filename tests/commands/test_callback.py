"""`fluxcli callback`: verifies signatures and receives callbacks."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator

import fluxcli
from fluxcli.cli import main
from fluxcli.output.json_schemas import SCHEMAS
from fluxcli.sandbox.callbacks import signature
from fluxcli.sandbox.server import serve
from fluxcli.sandbox.service import SandboxService
from tests.worlds import NOON, Ran, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.worlds import World

KEY = "test-hmac-key"
VECTOR = (
    *("--header", "X-Webhook-Timestamp: 1700000000"),
    *("--header", "x-webhook-signature:iAK10TB94/cmCArw3NRzmTCDpiQFjZRtMLlQ+XL+4Ak="),
)
BODY = b'{"data": {"task_id": "task12345"}}'
WAIT_SECONDS = 30.0


@pytest.fixture
def machine(world: World) -> World:
    """A machine with a key for callbacks and none for the service."""
    del world.env["FLUXCLI_API_KEY"]
    world.env["FLUXCLI_WEBHOOK_HMAC_KEY"] = KEY
    return world


@contextmanager
def service(world: World) -> Iterator[SandboxService]:
    """Serve a sandbox whose images are done at once; this world's commands use it."""
    made = SandboxService(
        store=None, wall=world.clock.wall, sleep=time.sleep, seconds=0, webhook_key=KEY
    )
    with serve(made) as served:
        world.ask(served.api_url)
        world.env |= {"FLUXCLI_API_KEY": "sandbox", "FLUXCLI_WEBHOOK_HMAC_KEY": KEY}
        yield made


def headers_of(task_id: str, now: float = NOON) -> dict[str, str]:
    return signature(KEY, task_id, now)


def flags_of(task_id: str, now: float = NOON) -> list[str]:
    pairs = headers_of(task_id, now).items()
    return [word for name, value in pairs for word in ("--header", f"{name}: {value}")]


class TestVerify:
    def test_the_published_example_is_verified(self, machine: World) -> None:
        ran = machine.run("callback", "verify", "--max-age", "0", *VECTOR, stdin=BODY)
        assert (ran.status, ran.lines, ran.err) == (0, ["task  task12345"], "")

    def test_replayed_and_stale_callbacks_are_status_3(self, machine: World) -> None:
        command = ["callback", "verify", "--json", *VECTOR]
        stale = machine.run(*command, stdin=BODY)
        assert (stale.status, stale.record["fresh"]) == (3, False)
        assert "stale" in stale.err
        first = machine.run(*command, "--max-age", "3000d", stdin=BODY)
        again = machine.run(*command, "--max-age", "3000d", stdin=BODY)
        assert (first.status, again.status) == (0, 3)
        assert first.record == {
            "signature_valid": True,
            "fresh": True,
            "replayed": False,
            "task_id": "task12345",
            "timestamp": 1_700_000_000,
            "task": None,
        }
        assert again.record == {**first.record, "replayed": True}
        Draft202012Validator(SCHEMAS["callback"]).validate(again.record)

    @pytest.mark.parametrize(("age", "status"), [(0, 0), (299, 0), (-299, 0), (301, 3), (-301, 3)])
    def test_a_callback_of_five_minutes_ago_is_fresh(
        self, machine: World, age: int, status: int
    ) -> None:
        ran = machine.run("callback", "verify", *flags_of("task12345", NOON - age), stdin=BODY)
        assert ran.status == status

    def test_a_forged_callback_does_not_make_the_real_one_a_replay(self, machine: World) -> None:
        real = flags_of("task12345")
        forged = ["--header", real[1], "--header", "X-Webhook-Signature: AAAA"]
        ran = machine.run("callback", "verify", "--json", *forged, stdin=BODY)
        assert (ran.status, ran.record["signature_valid"]) == (3, False)
        assert machine.run("callback", "verify", *real, stdin=BODY).status == 0

    @pytest.mark.parametrize("kept", [(), (0,), (1,)])
    def test_a_missing_header_is_status_3(self, machine: World, kept: tuple[int, ...]) -> None:
        pairs = flags_of("task12345")
        words = [word for pair in kept for word in pairs[2 * pair : 2 * pair + 2]]
        ran = machine.run("callback", "verify", "--json", *words, stdin=BODY)
        assert (ran.status, ran.record["signature_valid"]) == (3, False)

    @pytest.mark.parametrize("body", [b"", b"taskId=task12345", b"\xff"])
    def test_a_body_that_is_not_json_is_status_2(self, machine: World, body: bytes) -> None:
        ran = machine.run("callback", "verify", "--json", *VECTOR, stdin=body)
        assert (ran.status, ran.code) == (2, "input_unreadable")

    @pytest.mark.parametrize(
        "words",
        [
            ["--header", "no colon"],
            ["--header", ": no name"],
            ["--max-age", "soon"],
            ["--body", "missing.json"],
            ["--body", "."],
        ],
    )
    def test_a_body_that_cannot_be_read_is_status_2(self, machine: World, words: list[str]) -> None:
        assert machine.run("callback", "verify", *words, stdin=BODY).status == 2

    def test_the_body_may_come_from_a_file(self, machine: World) -> None:
        (machine.cwd / "body.json").write_bytes(BODY)
        words = ["--body", "body.json", "--max-age", "0"]
        assert machine.run("callback", "verify", *words, *VECTOR).status == 0

    def test_without_a_key_it_is_an_error(self, machine: World) -> None:
        del machine.env["FLUXCLI_WEBHOOK_HMAC_KEY"]
        for words in (["verify", *VECTOR], ["listen", "--port", "0"]):
            ran = machine.run("callback", *words, "--json", stdin=BODY)
            assert (ran.status, ran.code) == (3, "auth_missing_key")
            assert "fluxcli config set webhook_hmac_key" in ran.err

    @pytest.mark.parametrize("api", ["kontext", "jobs"])
    def test_the_state_comes_from_the_record(self, world: World, api: str) -> None:
        with service(world):
            words = ("generate", "a fox", "--no-wait", "--api", api)
            (task_id,) = world.run(*words).lines
            body = {"taskId": task_id, "data": {"resultImageUrl": "https://evil.invalid/x"}}
            content = json.dumps(body).encode()
            flags = flags_of(task_id)
            ran = world.run("callback", "verify", "--json", *flags, stdin=content)
            assert (ran.status, ran.record["task"]["state"]) == (0, "succeeded")
            assert ran.record["task"]["url"].startswith("http://127.0.0.1:")
            Draft202012Validator(SCHEMAS["callback"]).validate(ran.record)
            card = world.run("callback", "verify", *flags, stdin=content)
            assert card.status == 3
            assert any(task_id in line for line in card.lines)

    def test_a_task_that_the_service_does_not_know_is_null(self, world: World) -> None:
        with service(world):
            flags = flags_of("task12345")
            ran = world.run("callback", "verify", "--json", *flags, stdin=BODY)
        assert (ran.status, ran.record["task"]) == (0, None)
        assert "warning: task `task12345` was not read" in ran.err


class TestKey:
    def test_the_key_is_a_setting_that_is_not_shown(self, machine: World) -> None:
        del machine.env["FLUXCLI_WEBHOOK_HMAC_KEY"]
        secret = "one-webhook-key"  # noqa: S105 - a key of this test
        assert machine.run("config", "set", "webhook_hmac_key", secret).status == 2
        kept = machine.run("config", "set", "webhook_hmac_key", stdin=f"{secret}\n".encode())
        listed = machine.run("config", "list")
        got = machine.run("config", "get", "webhook_hmac_key")
        assert (kept.status, listed.status, got.status) == (0, 0, 2)
        for ran in (kept, listed, got):
            assert secret not in ran.out.decode() + ran.err
        verified = machine.run("callback", "verify", *flags_of("task12345"), stdin=BODY)
        assert verified.status == 3

    def test_the_key_is_redacted_in_all_output(self, machine: World) -> None:
        for text in (f"a {KEY} b", f"{KEY}.png"):
            ran = machine.run("generate", text, "--dry-run", "--json", "--sandbox")
            assert KEY not in ran.out.decode() + ran.err
        machine.run("config", "set", "webhook_hmac_key", stdin=KEY.encode())
        del machine.env["FLUXCLI_WEBHOOK_HMAC_KEY"]
        ran = machine.run("callback", "verify", "--header", f"{KEY}: x", "--body", KEY)
        assert KEY not in ran.out.decode() + ran.err


def listen_until(
    world: World, *arguments: str, send: Callable[[str, Callable[[], Ran]], None]
) -> Ran:
    """Run `callback listen` until `send`, given its URL and what is printed so far, returns."""
    context = world.context()
    failures: list[BaseException] = []

    def so_far() -> Ran:
        return Ran(0, written(context.stdout), written(context.stderr).decode())

    def act() -> None:
        try:
            send(_until(lambda: _url(so_far().err)), so_far)
        except BaseException as failure:  # noqa: BLE001 - raised again in the test's thread
            failures.append(failure)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=act)
    with redirect_stdout(context.stdout), redirect_stderr(context.stderr):
        thread.start()
        status = main(["callback", "listen", "--port", "0", *arguments], context)
    thread.join()
    if "transport" in context.__dict__:
        # After a signal the end of the process closes the connections.
        context.transport.close()
    if failures:
        raise failures[0]
    return Ran(status, written(context.stdout), written(context.stderr).decode())


def _url(err: str) -> str:
    return next((word.rstrip(";") for word in err.split() if word.startswith("http://")), "")


def _until(check: Callable[[], Any]) -> Any:
    """Return what `check` returns, once that is true."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(0.01)
    raise AssertionError("nothing came")


def post(url: str, task_id: str, now: float = NOON, headers: dict[str, str] | None = None) -> int:
    """Deliver a callback as the service does; return the HTTP status of the answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=WAIT_SECONDS)
    body = json.dumps({"code": 200, "data": {"taskId": task_id, "info": {}}})
    connection.request("POST", parts.path, body, headers_of(task_id, now) | (headers or {}))
    try:
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


class TestListen:
    def test_each_callback_is_one_line_of_json(self, machine: World) -> None:
        def send(url: str, so_far: Callable[[], Ran]) -> None:
            assert [post(url, "task1"), post(url, "task1"), post(url, "task2")] == [200] * 3
            assert post(url, "task3", NOON - 301) == 401
            assert post(url, "task3", headers={"x-webhook-signature": "AAAA"}) == 401
            _until(lambda: len(so_far().lines) == 3)

        ran = listen_until(machine, "--path", "/kie", send=send)
        assert (ran.status, "error" in ran.err) == (130, False)
        seen = [(one["task_id"], one["replayed"]) for one in ran.records]
        assert seen == [("task1", False), ("task1", True), ("task2", False)]
        for record in ran.records:
            Draft202012Validator(SCHEMAS["callback"]).validate(record)
        assert "warning: refused: the callback for task `task3` is stale" in ran.err

    @pytest.mark.parametrize("api", ["kontext", "jobs"])
    def test_the_record_is_read_where_a_key_is_set(self, world: World, api: str) -> None:
        with service(world):
            (task_id,) = world.run("generate", "a fox", "--no-wait", "--api", api).lines

            def send(url: str, so_far: Callable[[], Ran]) -> None:
                post(url, task_id)
                _until(lambda: so_far().lines)

            ran = listen_until(world, send=send)
        assert ran.record["task"]["prompt"] == "a fox"
        assert ran.record["task"]["state"] == "succeeded"

    @pytest.mark.parametrize("api", ["kontext", "jobs"])
    def test_each_image_is_saved_once(self, world: World, api: str) -> None:
        """Known and unknown ids, delivered twice and in parallel; a failed and a missing task."""
        with service(world) as made:
            words = ("--no-wait", "--api", api)
            (known,) = world.run("generate", "a fox", "-o", "fox.jpg", *words).lines
            names = [world.run("generate", f"cat {n}", *words).lines[0] for n in range(3)]
            (fails,) = world.run("generate", "[fails]", *words).lines
            for file in world.state.glob("journal.sqlite3*"):
                file.unlink()  # the tasks so far were made on another machine
            (kept,) = world.run("generate", "kept", "-o", "kept.jpg", *words).lines
            everything = [known, *names, kept]

            def send(url: str, so_far: Callable[[], Ran]) -> None:
                posts = [
                    threading.Thread(target=post, args=(url, name, NOON + later))
                    for name in (*everything, fails, "task404")
                    for later in (0, 0, 1)
                ]
                for thread in posts:
                    thread.start()
                for thread in posts:
                    thread.join()
                _until(lambda: len(so_far().lines) >= len(everything))
                _until(lambda: "Generation failed" in so_far().err)
                _until(lambda: "task404" in so_far().err)
                post(url, kept, NOON + 5)
                post(url, "last")
                _until(lambda: "last" in so_far().err)

            ran = listen_until(world, "--save", send=send)
            charges = len(made.charges())
        paths = sorted(ran.lines)
        assert ran.status == 130
        assert len(paths) == len(set(paths)) == len(everything)
        assert all(Path(path).stat().st_size for path in paths)
        assert str(world.cwd / "kept.jpg") in paths
        assert charges == len(everything)

    def test_a_callback_after_a_restart_saves_nothing_again(self, world: World) -> None:
        with service(world):
            (task_id,) = world.run("generate", "a fox", "-o", "fox.jpg", "--no-wait").lines
            assert world.run("download", task_id).status == 0

            def send(url: str, so_far: Callable[[], Ran]) -> None:
                post(url, task_id)
                _until(lambda: "already saved" in so_far().err)

            ran = listen_until(world, "--save", send=send)
        assert (ran.status, ran.lines) == (130, [])

    def test_images_are_saved_to_the_given_folder(self, world: World) -> None:
        with service(world):
            (task_id,) = world.run("generate", "a fox", "--no-wait").lines

            def send(url: str, so_far: Callable[[], Ran]) -> None:
                post(url, task_id)
                _until(lambda: so_far().lines)

            ran = listen_until(world, "--save", "-o", "in/{id}.{ext}", send=send)
        assert ran.lines == [str(world.cwd / "in" / f"{task_id}.jpg")]

    @pytest.mark.parametrize(
        "words",
        [
            ["--save", "-o", "fox.jpg"],
            ["--save", "-o", "-"],
            ["-o", "folder/"],
            ["--path", "kie"],
            ["--path", "/a?b"],
            ["--max-age", "-1"],
        ],
    )
    def test_invalid_options_are_refused_before_listening(
        self, machine: World, words: list[str]
    ) -> None:
        machine.env["FLUXCLI_API_KEY"] = "0" * 32
        assert machine.run("callback", "listen", "--port", "0", *words).status == 2

    def test_saving_needs_the_key_of_the_service(self, machine: World) -> None:
        ran = machine.run("callback", "listen", "--port", "0", "--save")
        assert ran.status == 3

    def test_a_port_that_is_taken_is_reported(self, machine: World) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            ran = machine.run("callback", "listen", "--port", port)
        assert ran.status == 2
        assert f"port {port} cannot be used" in ran.err
        assert "fluxcli callback listen --port 0" in ran.err


def test_a_reader_that_exits_ends_the_listener_without_an_error(machine: World) -> None:
    with process(machine, "callback", "listen", "--port", "0") as (listener, lines):
        assert listener.stderr is not None
        url = _url(listener.stderr.readline())
        now = time.time()
        assert post(url, "task1", now) == 200
        assert json.loads(lines.readline())["task_id"] == "task1"
        lines.close()
        assert post(url, "task2", now) == 200
        assert listener.wait(WAIT_SECONDS) == 0
        assert listener.stderr.read() == ""


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("words", [(), ("--save",)])
def test_a_signal_ends_the_listener_with_its_own_status(
    world: World, words: tuple[str, ...], number: int, status: int
) -> None:
    world.env["FLUXCLI_WEBHOOK_HMAC_KEY"] = KEY
    with process(world, "callback", "listen", "--port", "0", *words) as (listener, _):
        assert listener.stderr is not None
        assert _url(listener.stderr.readline())
        listener.send_signal(number)
        assert listener.wait(WAIT_SECONDS) == status
        assert listener.stderr.read() == "stopped listening\n"


@pytest.mark.parametrize("api", ["kontext", "jobs"])
def test_the_sandbox_calls_the_listener_end_to_end(world: World, api: str) -> None:
    """Three processes: the sandbox signs and sends, the listener saves, Ctrl-C ends it with 130."""
    world.env["FLUXCLI_WEBHOOK_HMAC_KEY"] = KEY
    with (
        process(world, "sandbox", "--port", "0", "--seconds", "0.3") as (sandbox, out),
        process(world, "sandbox", "--print-env"),
    ):
        exported = [out.readline().strip().removeprefix("export ") for _ in range(3)]
        world.env |= dict(line.split("=", 1) for line in exported)
        with process(world, "callback", "listen", "--port", "0", "--save") as (listener, paths):
            assert listener.stderr is not None
            url = _url(listener.stderr.readline())
            words = ("--no-wait", "--api", api, "--callback-url", url)
            assert world.run("generate", "a fox", "-o", "fox.jpg", *words).status == 0
            assert paths.readline().strip() == str(world.cwd / "fox.jpg")
            listener.send_signal(signal.SIGINT)
            assert listener.wait(WAIT_SECONDS) == 130
        assert sandbox.poll() is None


@contextmanager
def process(world: World, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """Run the program as a process of this world; yield it and its stdout."""
    command = [sys.executable, "-m", "fluxcli", *arguments]
    root = Path(fluxcli.__file__).parent.parent
    env = {**os.environ, **world.env, "PYTHONPATH": str(root)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, env=env, cwd=world.cwd
    ) as running:
        try:
            yield running, running.stdout
        finally:
            running.kill()
