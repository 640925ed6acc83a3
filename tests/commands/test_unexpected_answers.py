"""Unexpected answers of the service: the charges, and what is saved."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Final

import pytest

from tests.reliability.fault_server import Answer, FaultServer, envelope
from tests.reliability.faults import altered, says, sends
from tests.reliability.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.worlds import World

MAKE: Final = ("generate", "a fox", "-o", "k.png")


@pytest.fixture(params=["kontext", "jobs"])
def server(request: pytest.FixtureRequest, world: World) -> Iterator[FaultServer]:
    """A service whose next answers can be replaced, in either wire format."""
    with FaultServer() as made:
        world.ask(made.api_url)
        world.env["FLUXCLI_API"] = request.param
        yield made


def calls(server: FaultServer, part: str) -> int:
    """Return how many calls had `part` in their path."""
    return sum(part in heard.target for heard in server.heard)


HTML: Final = b"<html>Error</html>"
DATE: Final = "Wed, 21 Oct 2015 07:28:00 GMT"
WORDS: Final = (
    "服务器内部错误",
    "参数错误",
    "prompt 不能为空!",
    "Ce champ est requis",
    "Feld ist erforderlich",
    "このフィールドは必須です",
    "This field is required for the retry of task 12",
    "Credits insufficient, or the balance could not be read",
    "prompt is required; queued",
    "",
    " ",
    "null",
    "success",
)


class TestUnclearAnswer:
    """A submission whose answer does not prove a refusal is unknown and not repeated."""

    def check_unknown(self, world: World, server: FaultServer) -> None:
        """Run the command three times, and check that it was sent once."""
        for _ in range(3):
            ran = world.run(*MAKE)
            assert (ran.status, "--settle" in ran.err) == (11, True), ran
        assert server.charges == 1

    @pytest.mark.parametrize(
        ("code", "message"),
        [*((500, words) for words in WORDS), *((code, "failed") for code in (501, 408, 520, 599))],
    )
    def test_an_unclear_code_and_text(
        self, world: World, server: FaultServer, code: int, message: str
    ) -> None:
        server.strike("submit", says("odd", envelope(code, message, None)))
        self.check_unknown(world, server)

    @pytest.mark.parametrize(
        ("http", "body"),
        [
            *((http, HTML) for http in (200, 201, 202, 500, 502, 503, 504, 520, 524, 527, 599)),
            *((http, b"") for http in (200, 204, 500, 503)),
            *((200, body) for body in (b"\x1f\x8b\x00garbage", b'{"msg": "ok"}', b"[]")),
        ],
    )
    def test_an_unclear_status_and_body(
        self, world: World, server: FaultServer, http: int, body: bytes
    ) -> None:
        server.strike("submit", says("odd", Answer(http, body)))
        self.check_unknown(world, server)

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x"])
    def test_a_body_that_is_not_in_its_declared_encoding(
        self, world: World, server: FaultServer, coding: str
    ) -> None:
        body = b"\x00\x01\x02 no such thing"
        server.strike("submit", says("odd", Answer(200, body, (("Content-Encoding", coding),))))
        self.check_unknown(world, server)

    @pytest.mark.parametrize("http", [300, 301, 302, 303, 304, 307, 308])
    def test_a_redirect_is_not_followed(self, world: World, server: FaultServer, http: int) -> None:
        """Neither the request nor the key goes to another host."""
        with FaultServer() as other:
            target = (("Location", f"{other.api_url}/api/v1/flux/kontext/generate"),)
            server.strike("submit", says("moved", Answer(http, b"", target)))
            self.check_unknown(world, server)
            assert (other.charges, other.heard) == (0, [])

    @pytest.mark.parametrize(
        "before",
        [
            b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
        ],
    )
    def test_an_informational_answer_is_ignored(
        self, world: World, server: FaultServer, before: bytes
    ) -> None:
        server.strike("submit", altered("hints", lambda right: before + right.raw(), ends=False))
        assert world.run(*MAKE).status == 0
        assert server.charges == 1

    def test_an_informational_answer_alone_is_unclear(
        self, world: World, server: FaultServer
    ) -> None:
        server.strike("submit", sends("hints", b"HTTP/1.1 103 Early Hints\r\n\r\n"))
        self.check_unknown(world, server)


class TestPoll:
    """No unexpected answer ends the wait, or makes a rerun pay."""

    @pytest.mark.parametrize("enveloped", [True, False])
    @pytest.mark.parametrize(
        "code", [400, 402, 404, 405, 408, 409, 422, 429, 433, 451, 455, 500, 502, 503, 505, 599]
    )
    def test_an_unexpected_code_is_retried(
        self, world: World, server: FaultServer, code: int, *, enveloped: bool
    ) -> None:
        answer = envelope(code, "odd", None) if enveloped else Answer(code, b"<html>odd</html>")
        server.strike("poll", says("odd", answer), times=12)
        ran = world.run(*MAKE)
        assert (ran.status, server.charges) == (0, 1), ran

    @pytest.mark.parametrize("code", [401, 403])
    def test_a_key_refused_during_the_wait_names_the_paid_task(
        self, world: World, server: FaultServer, code: int
    ) -> None:
        server.strike("poll", says("key", envelope(code, "no access", None)), times=99)
        for _ in range(2):
            ran = world.run(*MAKE)
            assert (ran.status, "already paid" in ran.err) == (3, True)
            assert "fluxcli download fluxkontext_" in ran.err
        server.heal()
        assert world.run(*MAKE).status == 0
        assert server.charges == 1

    @pytest.mark.parametrize("code", [402, 404, 422, 433, 455, 500])
    def test_an_unexpected_code_for_ever_is_status_4_and_not_charged_again(
        self, world: World, server: FaultServer, code: int
    ) -> None:
        server.strike("poll", says("odd", envelope(code, "odd", None)), times=9999)
        for _ in range(2):
            ran = world.run(*MAKE, "--timeout", "3m")
            assert (ran.status, "already paid" in ran.err) == (4, True), ran
        server.heal()
        assert world.run("download", "--unsaved").status == 0
        assert world.run(*MAKE).status == 0
        assert server.charges == 1


class TestResultLink:
    """A link that does not work is renewed; the image is not recorded as lost."""

    @pytest.mark.parametrize("http", [400, 401, 402, 403, 404, 405, 410, 416, 418, 451, 499])
    def test_a_refused_link_is_renewed_at_once(
        self, world: World, server: FaultServer, http: int
    ) -> None:
        server.strike("result", says("refused", Answer(http, b"<Error>Expired</Error>")))
        ran = world.run(*MAKE)
        assert (ran.status, calls(server, "download-url"), server.charges) == (0, 1, 1), ran

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(200, b"<html>Please log in</html>", (("Content-Type", "image/png"),)),
            Answer(200, b""),
            Answer(200, b'{"error": "expired"}', (("Content-Type", "application/json"),)),
            Answer(200, b"%PDF-1.7 no image"),
            Answer(206, b"\x89PNG\r\n\x1a\n"),
            Answer(302, b"", (("Location", "http://127.0.0.1:9/x.png"),)),
            Answer(503, b"busy"),
        ],
    )
    def test_a_link_to_something_else_is_renewed_before_the_timeout(
        self, world: World, server: FaultServer, answer: Answer
    ) -> None:
        """Requesting it again would not help."""
        server.strike("result", says("else", answer), times=2)
        ran = world.run(*MAKE)
        assert (ran.status, calls(server, "download-url") > 0, server.charges) == (0, True, 1), ran

    @pytest.mark.parametrize("http", [400, 401, 403, 404, 410, 451])
    def test_a_link_that_is_never_renewed_is_status_6_and_tried_by_a_rerun(
        self, world: World, server: FaultServer, http: int
    ) -> None:
        server.strike("result", says("refused", Answer(http, b"no")), times=9999)
        server.strike("relink", says("odd", envelope(500, "busy", None)), times=9999)
        for _ in range(2):
            ran = world.run(*MAKE)
            assert (ran.status, "fluxcli download" in ran.err) == (6, True), ran
        server.heal()
        assert world.run("download", "--unsaved").lines == [str(world.cwd / "k.png")]
        assert server.charges == 1

    @pytest.mark.parametrize("length", [b"1", b"99999999", b"-5", b"many", b"1, 2"])
    def test_a_wrong_length_never_saves_a_part_of_an_image(
        self, world: World, server: FaultServer, length: bytes
    ) -> None:
        def lie(right: Answer) -> bytes:
            announced = b"Content-Length: %d" % len(right.body)
            return right.raw().replace(announced, b"Content-Length: " + length)

        server.strike("result", altered("lie", lie))
        assert world.run(*MAKE).status == 0
        assert (world.cwd / "k.png").read_bytes() == next(iter(server.tasks.values())).picture
        assert server.charges == 1


class TestRetryAfter:
    """`Retry-After` in any form: submissions are paused, and the command goes on."""

    @pytest.mark.parametrize(
        "header",
        [
            "0",
            "-1",
            "0.001",
            "soon",
            "",
            "nan",
            "inf",
            "1e3",
            "999999999",
            "Wed, 21 Oct 2015 07:28:00 GMT",
        ],
    )
    @pytest.mark.parametrize("code", [429, 455])
    def test_submissions_are_at_least_a_second_apart(
        self, world: World, server: FaultServer, code: int, header: str
    ) -> None:
        body = json.dumps({"code": code, "msg": "later", "data": None}).encode()
        refusal = Answer(200, body, (("Retry-After", header),))
        server.strike("submit", says("later", refusal), when="before", times=9999)
        began = world.clock.monotonic()
        assert world.run(*MAKE, "--timeout", "12").status == 5
        took = world.clock.monotonic() - began
        assert (took <= 13, calls(server, "generate") + calls(server, "createTask") <= 13) == (
            True,
            True,
        )
        server.heal()
        world.clock.sleep(11.0)
        assert world.run(*MAKE).status == 0
        assert server.charges == 1


class TestUnexpectedResult:
    """An image is saved by its real format; keys and control characters are not printed."""

    @pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP"])
    def test_a_compressed_image_is_saved_decompressed(
        self, world: World, server: FaultServer, coding: str
    ) -> None:
        def packed(right: Answer) -> bytes:
            body = gzip.compress(right.body)
            return Answer(200, body, (("Content-Encoding", coding),)).raw()

        server.strike("result", altered("packed", packed))
        assert world.run(*MAKE).status == 0
        assert (world.cwd / "k.png").read_bytes() == next(iter(server.tasks.values())).picture

    @pytest.mark.parametrize("quiet", [(), ("-q",)])
    def test_another_format_is_reported_and_recorded(
        self, world: World, server: FaultServer, quiet: tuple[str, ...]
    ) -> None:
        server.strike("result", says("jpeg", Answer(200, picture("jpeg", "x"))))
        ran = world.run(*MAKE, *quiet, "--json")
        assert (ran.status, ran.record["format"], ran.record["output_format"]) == (
            0,
            "jpeg",
            "png",
        )
        assert "sent jpeg, not png" in ran.err
        assert world.run(*MAKE).status == 0
        assert server.charges == 1

    @pytest.mark.parametrize(
        "name", ["\x1b[2Jid", "id\r\nerror: x", "\u202eid", "id id", "../../id"]
    )
    def test_an_id_with_control_characters_is_escaped_and_found(
        self, world: World, server: FaultServer, name: str
    ) -> None:
        odd = json.dumps({"code": 200, "msg": "ok", "data": {"taskId": name}}).encode()
        server.strike("submit", says("odd id", Answer(200, odd)))
        ran = world.run("generate", "a fox", "--no-wait")
        assert ran.status == 0
        assert len(ran.lines) == 1
        assert all(ch.isprintable() for ch in ran.lines[0])
        assert world.run("generate", "a fox", "--no-wait").lines == ran.lines
        assert server.charges == 1
