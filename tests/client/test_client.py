"""The calls to the service, against a scripted transport."""

from __future__ import annotations

import gzip
import io
import json
import threading
import zlib
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx
import pytest

from fluxcli import __version__
from fluxcli.client.client import Service
from fluxcli.client.responses import (
    SubmissionAccepted,
    SubmissionRefused,
    SubmissionResult,
    SubmissionUnknown,
)
from fluxcli.client.result_stream import LinkGoneError
from fluxcli.client.transport import Transport
from fluxcli.errors import Code, FluxError
from fluxcli.task_types import Request
from tests.client import bodies
from tests.client.scripted import (
    API,
    KEY,
    UPLOADS,
    BrokenImageError,
    Script,
    Unsent,
    service,
    transport,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.client.scripted import Act

REQUEST = Request(
    mode="generate",
    prompt="ein Fuchs — 狐",
    model="flux-kontext-pro",
    aspect_ratio="16:9",
    output_format="jpeg",
    safety_tolerance=2,
)
RESULT = "https://results.invalid/a/b.jpeg"


def ok(content: bytes = bodies.GENERATE, status: int = 200) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(content))


def nothing() -> None:
    """Let the submission leave."""


def submitted(*acts: Act | Unsent) -> SubmissionResult:
    return service(*acts)[0].submit(REQUEST, on_sent=nothing)


def raised(act: Act | Unsent, call: str = "credits") -> FluxError:
    made = service(act)[0]
    with pytest.raises(FluxError) as caught:
        made.credits() if call == "credits" else made.read("t")
    return caught.value


class TestSubmitting:
    def test_the_call_as_it_goes_out(self) -> None:
        made, script = service(ok())
        assert made.submit(REQUEST, on_sent=nothing) == SubmissionAccepted(bodies.TASK)
        (call,) = script.calls
        assert (call.method, str(call.url)) == ("POST", f"{API}/api/v1/flux/kontext/generate")
        assert call.headers["authorization"] == f"Bearer {KEY}"
        assert call.headers["content-type"] == "application/json"
        assert call.headers["user-agent"].startswith(f"fluxcli/{__version__}")
        assert json.loads(script.sent[0])["prompt"] == "ein Fuchs — 狐"

    def test_the_record_is_written_before_the_first_byte(self) -> None:
        """`on_sent` runs while nothing has left yet."""
        made, script = service(ok())
        seen: list[int] = []
        made.submit(REQUEST, on_sent=lambda: seen.append(len(script.sent)))
        assert seen == [0]

    def test_a_record_that_cannot_be_written_stops_the_submission(self) -> None:
        made, script = service(ok())

        def fail() -> None:
            raise FluxError(Code.JOURNAL, "disk full")

        result = made.submit(REQUEST, on_sent=fail)
        assert isinstance(result, SubmissionRefused)
        assert (result.error.code, result.again) == (Code.JOURNAL, False)
        assert script.sent == []

    @pytest.mark.parametrize(
        "error",
        [httpx.ConnectError("refused"), httpx.ConnectTimeout(""), httpx.ProxyError("403")],
    )
    def test_what_never_left_may_be_sent_again(self, error: Exception) -> None:
        result = submitted(Unsent(error))
        assert isinstance(result, SubmissionRefused)
        assert (result.error.code, result.again) == (Code.NETWORK, True)

    @pytest.mark.parametrize(
        "error",
        [
            httpx.ReadError("reset"),
            httpx.ReadTimeout(""),
            httpx.WriteError("broken pipe"),
            httpx.RemoteProtocolError("no answer"),
            OSError("gone"),
        ],
    )
    def test_what_left_without_an_answer_is_unknown(self, error: Exception) -> None:
        result = submitted(error)
        assert isinstance(result, SubmissionUnknown)
        assert "api.invalid" in result.reason

    def test_an_id_that_came_before_the_break_settles_it(self) -> None:
        body = BrokenImageError(bodies.GENERATE[:-1], httpx.ReadError("reset"))
        assert submitted(httpx.Response(200, stream=body)) == SubmissionAccepted(bodies.TASK)

    def test_a_break_within_the_id_is_unknown(self) -> None:
        body = BrokenImageError(bodies.GENERATE[:60], httpx.ReadError("reset"))
        assert isinstance(submitted(httpx.Response(200, stream=body)), SubmissionUnknown)

    def test_an_answer_without_end_is_not_read_to_its_end(self) -> None:
        """What came up to the cap is judged; it holds no id."""
        flood = httpx.ByteStream(b" " * (5 << 20))
        assert isinstance(submitted(httpx.Response(200, stream=flood)), SubmissionUnknown)

    def test_it_is_sent_exactly_once(self) -> None:
        made, script = service(httpx.ReadError("reset"), ok())
        made.submit(REQUEST, on_sent=nothing)
        assert len(script.sent) == 1


class TestConnections:
    def test_each_submission_has_one_of_its_own(self) -> None:
        """One that was kept may be closing already, and then the answer is lost."""
        with answering(bodies.GENERATE) as (url, opened), closing(Transport(env={})) as made:
            requested = Service(transport=made, key=lambda: KEY, base_url=url, upload_url=url)
            for count in (1, 2):
                assert requested.submit(REQUEST, on_sent=nothing) == SubmissionAccepted(bodies.TASK)
                assert len(opened) == count

    def test_what_is_free_shares_one(self) -> None:
        with answering(bodies.CREDIT) as (url, opened), closing(Transport(env={})) as made:
            requested = Service(transport=made, key=lambda: KEY, base_url=url, upload_url=url)
            assert requested.credits() == requested.credits() == 5916.25
            assert len(opened) == 1


@contextmanager
def answering(content: bytes) -> Iterator[tuple[str, list[object]]]:
    """Answer every call so, as long as its connection lasts; yield the URL and who came."""
    opened: list[object] = []

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            opened.append(self.client_address)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", opened
        finally:
            server.shutdown()
            thread.join(5)


@pytest.mark.parametrize(
    ("call", "seconds"),
    [
        (lambda made: made.submit(REQUEST, on_sent=nothing), 130.0),
        (lambda made: made.read("t"), 30.0),
        (lambda made: made.credits(), 30.0),
        (lambda made: made.relink(RESULT), 30.0),
        (lambda made: made.upload(io.BytesIO(b"x"), name="a.png", mime="image/png"), 600.0),
        (lambda made: made.upload_text(b"x", name="a.png", mime="image/png"), 600.0),
        (lambda made: made.upload_link(RESULT, name="a.png"), 600.0),
        (lambda made: made.fetch(RESULT, seconds=5), 5.0),
        (lambda made: made.fetch(RESULT, seconds=900), 30.0),
    ],
)
def test_how_long_each_call_may_be_silent(
    call: Callable[[Service], object], seconds: float
) -> None:
    """A submission waits longer than the edge does, and 20 s for a connection."""
    made, script = service(httpx.ReadError("reset"))
    with suppress(FluxError):
        call(made)
    (requested,) = script.calls
    assert requested.extensions["timeout"]["read"] == seconds
    assert requested.extensions["timeout"]["connect"] == min(seconds, 20.0)


class TestReading:
    def test_a_running_task(self) -> None:
        made, script = service(ok(bodies.GENERATING))
        assert made.read("a b").state == "running"
        assert str(script.calls[0].url).endswith("record-info?taskId=a%20b")

    @pytest.mark.parametrize(
        "content", [bodies.NO_RECORD, b'{"code":404,"msg":"not found","data":null}']
    )
    def test_an_unknown_task(self, content: bytes) -> None:
        error = raised(lambda _: ok(content), "read")
        assert (error.code, error.task_id) == (Code.TASK_NOT_FOUND, "t")
        assert (error.message, error.hint) == (
            "the service does not know task `t`",
            "fluxcli status",
        )

    def test_a_page_that_was_not_found_does_not_mean_an_unknown_task(self) -> None:
        """Only the service itself knows its tasks; a proxy's 404 ends no wait."""
        error = raised(ok(b"<html>404</html>", 404), "read")
        assert error.code is not Code.TASK_NOT_FOUND

    def test_a_refused_key(self) -> None:
        assert raised(ok(bodies.UNAUTHORIZED), "read").code is Code.AUTH_REFUSED

    def test_a_page_in_place_of_json(self) -> None:
        assert raised(ok(b"<html>One moment</html>"), "read").code is Code.SERVICE_ERROR

    def test_a_request_and_its_record_are_compared(self) -> None:
        made = service(ok(bodies.DOCUMENTED_SUCCESS))[0]
        record = made.read("task12345")
        assert made.is_echo(record, REQUEST) is False
        assert made.request_of(record).prompt == "A serene mountain landscape"


class TestTheBalance:
    @pytest.mark.parametrize("code", [404, 505])
    def test_a_service_without_that_path_names_the_address(self, code: int) -> None:
        error = raised(ok(b'{"code":%d,"msg":"no","data":null}' % code))
        assert error.status == 5
        assert "base_url" in (error.hint or "")

    def test_as_recorded(self) -> None:
        made, script = service(ok(bodies.CREDIT))
        assert made.credits() == 5916.25
        (call,) = script.calls
        assert (call.method, str(call.url)) == ("GET", f"{API}/api/v1/chat/credit")

    @pytest.mark.parametrize("data", [b"null", b'"12"', b"true", b"{}"])
    def test_a_balance_that_is_not_a_number_is_refused(self, data: bytes) -> None:
        error = raised(ok(b'{"code":200,"msg":"success","data":' + data + b"}"))
        assert error.code is Code.SERVICE_ERROR


class TestANewLink:
    def test_it_is_a_bare_string(self) -> None:
        made, script = service(ok(b'{"code":200,"msg":"ok","data":"https://h.invalid/n"}'))
        assert made.relink(RESULT) == "https://h.invalid/n"
        (call,) = script.calls
        assert (call.method, str(call.url)) == ("POST", f"{API}/api/v1/common/download-url")
        assert json.loads(script.sent[0]) == {"url": RESULT}

    @pytest.mark.parametrize("data", [b"null", b'""', b'"null"', b'{"url":"https://h/x"}'])
    def test_anything_else_is_none(self, data: bytes) -> None:
        made = service(ok(b'{"code":200,"msg":"ok","data":' + data + b"}"))[0]
        with pytest.raises(FluxError, match="no new link") as caught:
            made.relink(RESULT)
        assert caught.value.code is Code.SERVICE_ERROR

    def test_a_foreign_link_is_refused(self) -> None:
        made = service(ok(bodies.WRONG_URL))[0]
        with pytest.raises(FluxError) as caught:
            made.relink(RESULT)
        assert caught.value.code is Code.REJECTED


class TestUploading:
    def test_a_stream_is_multipart_with_path_and_name(self) -> None:
        made, script = service(ok(bodies.UPLOADED))
        url = made.upload(io.BytesIO(b"\x89PNG..."), name="abc.png", mime="image/png")
        assert url.endswith("/1777534514383-w5dsj9ctw1.jpg")
        (call,) = script.calls
        assert (call.method, str(call.url)) == ("POST", f"{UPLOADS}/api/file-stream-upload")
        assert call.headers["authorization"] == f"Bearer {KEY}"
        assert call.headers["content-type"].startswith("multipart/form-data; boundary=")
        sent = script.sent[0]
        assert b'name="uploadPath"\r\n\r\nfluxcli\r\n' in sent
        assert b'name="fileName"\r\n\r\nabc.png\r\n' in sent
        assert b'name="file"; filename="abc.png"\r\nContent-Type: image/png' in sent
        assert b"\x89PNG..." in sent

    def test_small_bytes_go_as_text(self) -> None:
        made, script = service(ok(bodies.UPLOADED))
        made.upload_text(b"abc", name="a.png", mime="image/png")
        (call,) = script.calls
        assert (call.method, str(call.url)) == ("POST", f"{UPLOADS}/api/file-base64-upload")
        assert json.loads(script.sent[0]) == {
            "base64Data": "data:image/png;base64,YWJj",
            "uploadPath": "fluxcli",
            "fileName": "a.png",
        }

    def test_a_link_is_passed_on(self) -> None:
        made, script = service(ok(bodies.UPLOADED))
        made.upload_link("https://h.invalid/x.png", name="x.png")
        assert str(script.calls[0].url) == f"{UPLOADS}/api/file-url-upload"
        assert json.loads(script.sent[0]) == {
            "fileUrl": "https://h.invalid/x.png",
            "uploadPath": "fluxcli",
            "fileName": "x.png",
        }

    @pytest.mark.parametrize(
        ("content", "status", "code"),
        [
            (bodies.UPLOAD_REFUSED, 200, Code.REJECTED),
            (b'{"success":false,"code":200,"msg":"x"}', 200, Code.SERVICE_ERROR),
            (bodies.UPLOADED, 500, Code.SERVICE_ERROR),
            (b'{"success":true,"code":200,"msg":"x","data":{}}', 200, Code.SERVICE_ERROR),
        ],
    )
    def test_status_success_and_code_are_checked_together(
        self, content: bytes, status: int, code: Code
    ) -> None:
        made = service(ok(content, status))[0]
        with pytest.raises(FluxError) as caught:
            made.upload(io.BytesIO(b"x"), name="a.png", mime="image/png")
        assert caught.value.code is code


def moved(target: str | None, status: int = 302) -> httpx.Response:
    headers = {} if target is None else {"location": target}
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(b""))


class Pieces(httpx.SyncByteStream):
    """A body in given pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces


class TestFetching:
    def test_bytes_and_their_promised_length(self) -> None:
        made = service(
            httpx.Response(200, headers={"content-length": "6"}, stream=httpx.ByteStream(b"abcdef"))
        )[0]
        assert b"".join(made.fetch(RESULT, seconds=5)) == b"abcdef"

    @pytest.mark.parametrize("length", ["3", "7"])
    def test_another_length_than_announced_is_a_failure(self, length: str) -> None:
        headers = {"content-length": length}
        made = service(httpx.Response(200, headers=headers, stream=httpx.ByteStream(b"abcdef")))[0]
        with pytest.raises(FluxError, match=f"6 bytes of the result arrived, of {length}"):
            list(made.fetch(RESULT, seconds=5))

    @pytest.mark.parametrize(
        ("packed", "encoding"),
        [
            (gzip.compress(b"abc" * 99, mtime=0), "gzip"),
            (gzip.compress(b"abc" * 99, mtime=0), None),
            (zlib.compress(b"abc" * 99), "deflate"),
            (zlib.compress(b"abc" * 99)[2:-4], "deflate"),
        ],
    )
    def test_a_compressed_result_is_decompressed(self, packed: bytes, encoding: str | None) -> None:
        """Even if it was not requested; a gzip file is known without its header too."""
        headers = {"content-encoding": encoding} if encoding else {}
        headers["content-length"] = str(len(packed))
        pieces = [packed[at : at + 1] for at in range(len(packed))]
        for body in (httpx.ByteStream(packed), Pieces(pieces)):
            made = service(httpx.Response(200, headers=headers, stream=body))[0]
            assert b"".join(made.fetch(RESULT, seconds=5)) == b"abc" * 99

    @pytest.mark.parametrize("cut", [20, 12])
    def test_half_a_compressed_result_is_a_failure(self, cut: int) -> None:
        packed = gzip.compress(bytes(range(200)), mtime=0)[:cut]
        headers = {"content-encoding": "gzip"}
        made = service(httpx.Response(200, headers=headers, stream=httpx.ByteStream(packed)))[0]
        with pytest.raises(FluxError) as caught:
            list(made.fetch(RESULT, seconds=5))
        assert caught.value.code is Code.DOWNLOAD_FAILED

    def test_an_empty_result_is_empty(self) -> None:
        made = service(httpx.Response(200, stream=httpx.ByteStream(b"")))[0]
        assert b"".join(made.fetch(RESULT, seconds=5)) == b""

    @pytest.mark.parametrize("length", [None, "many"])
    def test_a_length_that_was_not_announced(self, length: str | None) -> None:
        headers = {} if length is None else {"content-length": length}
        made = service(httpx.Response(200, headers=headers, stream=httpx.ByteStream(b"abc")))[0]
        assert b"".join(made.fetch(RESULT, seconds=5)) == b"abc"

    def test_the_key_and_packing_stay_away_from_result_hosts(self) -> None:
        made, script = service(moved("https://cdn.invalid/x"), ok(b"abc"))
        list(made.fetch(RESULT, seconds=5))
        assert [call.url.host for call in script.calls] == ["results.invalid", "cdn.invalid"]
        for call in script.calls:
            assert "authorization" not in call.headers
            assert "cookie" not in call.headers
            assert KEY not in str(call.headers) + str(call.url)
            assert (call.method, call.headers["accept-encoding"]) == ("GET", "identity")
            assert call.headers["user-agent"].startswith("fluxcli/")

    def test_cookies_are_not_kept(self) -> None:
        first = moved("/again")
        first.headers["set-cookie"] = "a=b; Path=/"
        made, script = service(first, ok(b"abc"))
        list(made.fetch(RESULT, seconds=5))
        assert "cookie" not in script.calls[1].headers

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_relative_redirect(self, status: int) -> None:
        made, script = service(moved("../c.jpeg", status), ok(b"abc"))
        list(made.fetch(RESULT, seconds=5))
        assert str(script.calls[1].url) == "https://results.invalid/c.jpeg"

    @pytest.mark.parametrize("target", [None, "", "file:///etc/passwd", "http://h:0/"])
    def test_a_redirect_to_nowhere(self, target: str | None) -> None:
        self.check_failure(moved(target), "without a usable target")

    def test_a_redirect_out_of_https(self) -> None:
        self.check_failure(moved("http://results.invalid/x"), "https to http")

    def test_a_redirect_without_end(self) -> None:
        made, script = service(lambda _: moved("/again"))
        with pytest.raises(FluxError, match="redirects more than 5 times") as caught:
            made.fetch(RESULT, seconds=5)
        assert caught.value.code is Code.DOWNLOAD_FAILED
        assert len(script.calls) == 6

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
    def test_a_dead_link(self, status: int) -> None:
        made = service(ok(b"gone", status))[0]
        with pytest.raises(LinkGoneError) as caught:
            made.fetch(RESULT, seconds=5)
        assert caught.value.code is Code.DOWNLOAD_FAILED

    @pytest.mark.parametrize("status", [201, 204, 206, 300, 304, 408, 425, 429, 500, 503])
    def test_other_answers_may_pass(self, status: int) -> None:
        self.check_failure(ok(b"", status), f"results.invalid answered HTTP {status}")

    def test_a_break_on_the_way(self) -> None:
        body = BrokenImageError(b"half", httpx.ReadError("reset"))
        made = service(httpx.Response(200, stream=body))[0]
        download = made.fetch(RESULT, seconds=5)
        with pytest.raises(FluxError) as caught:
            list(download)
        assert caught.value.code is Code.NETWORK

    def check_failure(self, act: Act, err: str) -> None:
        made = service(act)[0]
        with pytest.raises(FluxError, match=err) as caught:
            made.fetch(RESULT, seconds=5)
        assert not isinstance(caught.value, LinkGoneError)
        assert caught.value.code is Code.DOWNLOAD_FAILED


def test_preparing_asks_for_the_key_before_anything_is_recorded() -> None:
    def no_key() -> str:
        raise FluxError(Code.AUTH_MISSING_KEY, "no key")

    made = Service(
        transport=transport(Script([ok()])), key=no_key, base_url=API, upload_url=UPLOADS
    )
    with pytest.raises(FluxError, match="no key"):
        made.prepare()
