"""Every way in which an answer goes wrong, each with a name.

`HARMLESS` answers are odd but say what is right. `REFUSALS` prove that nothing was accepted, by
the service's documentation. Everything in `MURKY` leaves open whether a task exists: the very
same bytes come before and after one does. `BAD_RESULTS` are for the pictures themselves.
"""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tests.reliability.fault_server import Answer, Fault, Wire, envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HTML: Final = (
    b"<!DOCTYPE html><html><head><title>502</title></head><body>Bad gateway</body></html>"
)
_NOTHING: Final = 0.0002

PROVEN: Final = (400, 401, 402, 403, 404, 405, 422, 429, 433, 455, 505)
"""Codes that are documented to refuse the request, in the envelope or as the HTTP status."""

HTTP_PROVEN: Final = (411, 413, 414, 415, 431)
"""HTTP statuses that refuse a request before it is handled."""

EDGE_PROVEN: Final = (521, 522, 523, 525, 526, 530)
"""HTTP statuses by which the edge says that it never reached the service."""


def says(name: str, answer: Answer, *, decisive: bool = False) -> Fault:
    """Answer with something else."""
    return Fault(name, lambda wire, _: wire.send(answer.raw()), decisive=decisive)


def sends(name: str, data: bytes) -> Fault:
    """Send these very bytes, and hang up."""

    def act(wire: Wire, _: Answer) -> None:
        wire.send(data)
        wire.finish()

    return Fault(name, act)


def altered(
    name: str, change: Callable[[Answer], bytes], *, decisive: bool = False, ends: bool = True
) -> Fault:
    """Send what is right in another form."""

    def act(wire: Wire, right: Answer) -> None:
        wire.send(change(right))
        if ends:
            wire.finish()

    return Fault(name, act, decisive=decisive)


def cut(share: float, *, reset: bool = False) -> Fault:
    """Send a share of what is right, then hang up."""

    def act(wire: Wire, right: Answer) -> None:
        raw = right.raw()
        wire.send(raw[: int(len(raw) * share)])
        (wire.reset if reset else wire.finish)()

    return Fault(f"{'reset' if reset else 'cut'} at {share:.0%}", act)


def _wire_faults() -> Iterator[Fault]:
    yield Fault("reset on the head", lambda wire, _: wire.reset(), early=True)
    yield Fault("hang up on the head", lambda wire, _: wire.finish(), early=True)
    yield Fault("reset", lambda wire, _: wire.reset())
    yield Fault("hang up", lambda wire, _: wire.finish())
    yield sends("zeros", bytes(100))
    yield sends("a TLS alert", b"\x15\x03\x03\x00\x02\x02\x28")
    yield sends("half a status line", b"HTTP/1.1 2")
    yield sends("no number for a status", b"HTTP/1.1 abc OK\r\n\r\n")
    yield sends("status 99", b"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n")
    yield sends("status 1000", b"HTTP/1.1 1000 High\r\nContent-Length: 0\r\n\r\n")
    yield sends("another protocol", b"SSH-2.0-OpenSSH_9.9\r\n")
    yield sends("HTTP/2", b"HTTP/2 200 OK\r\n\r\n")
    yield sends("a head without end", b"HTTP/1.1 200 OK\r\nA: " + b"a" * 300_000)
    yield sends("a zero in a header", b"HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n")
    yield sends("a header without colon", b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n")
    yield sends("a negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}")
    yield sends("a length in words", b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}")
    yield sends(
        "two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"
    )
    yield sends("bad chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n")
    yield sends("half a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{")
    yield sends("an unknown coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\r\n{}")
    yield sends("protocols switched", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n")
    yield sends("only 100s", b"HTTP/1.1 100 Continue\r\n\r\n" * 3)
    yield cut(0.05)
    yield cut(0.3, reset=True)


def _bodies() -> Iterator[tuple[str, bytes]]:
    yield "an empty body", b""
    yield "HTML", _HTML
    yield "text", b"oops"
    yield "null", b"null"
    yield "a list", b"[]"
    yield "a number", b"200"
    yield "a string", b'"success"'
    yield "half an object", b'{"code": 200, "msg": "success", "data"'
    yield "no code", b'{"msg": "success", "data": null}'
    yield "no data", b'{"code": 200, "msg": "success"}'
    yield "null data", b'{"code": 200, "msg": "success", "data": null}'
    yield "data of text", b'{"code": 200, "msg": "success", "data": "ok"}'
    yield "data of lists", b'{"code": 200, "msg": ["x"], "data": [[{}]]}'
    yield "an id of null", b'{"code": 200, "data": {"taskId": null}}'
    yield "an id of nothing", b'{"code": 200, "data": {"taskId": " "}}'
    yield "an id of lists", b'{"code": 200, "data": {"taskId": ["a", {}]}}'
    yield "an id of truth", b'{"code": 200, "data": {"taskId": true}}'
    yield "a code of text", b'{"code": "fine", "data": null}'
    yield "a code of null", b'{"code": null, "data": null}'
    yield "a code of truth", b'{"code": true, "data": null}'
    yield "a giant code", b'{"code": ' + b"9" * 6000 + b', "data": null}'
    yield "an infinite code", b'{"code": 1e999, "data": NaN}'
    yield "success: false", b'{"code": 200, "success": false, "data": null}'
    yield "a mark of bytes", b"\xef\xbb\xbf{}"
    yield "UTF-16", '{"code": 200}'.encode("utf-16")
    yield "no UTF-8", b'{"code": 200, "msg": "\xff\xfe\xc3\x28"}'
    yield "lone surrogates", b'{"code": 500, "msg": "\\ud800 \\u0000 \\u001b[31m \\u202e"}'
    yield "deep nesting", b'{"data": ' + b"[" * 200_000
    yield "deep and closed", b"[" * 100_000 + b"]" * 100_000
    yield "huge", b'{"code": 500, "msg": "' + b"x" * (6 << 20) + b'"}'


def _murky_answers() -> Iterator[Fault]:
    for name, body in _bodies():
        yield says(name, Answer(200, body))
    for code in (0, 1, -1, 100, 201, 299, 300, 408, 409, 418, 424, 500, 502, 503, 504, 999):
        yield says(f"code {code}", envelope(code, "something went wrong", None))
    yield says("code 500.0", envelope(500.0, "internal", None))
    yield says('code "500"', envelope("500", "internal", None))
    yield says("code 500, the model is busy", envelope(500, "the model is busy", None))
    for http in (500, 502, 503, 504, 520, 524, 527, 529):
        yield says(f"HTTP {http} of HTML", Answer(http, _HTML))
        yield says(f"HTTP {http} of nothing", Answer(http, b""))
    for http in (301, 302, 303, 307, 308):
        away = (("Location", "http://127.0.0.1:9/elsewhere"),)
        yield says(f"redirected by {http}", Answer(http, b"", away))
    yield says("no content", Answer(204, b""))
    yield says("not a gzip", Answer(200, b'{"code":', (("Content-Encoding", "gzip"),)))
    bomb = gzip.compress(bytes(100 << 20), 1)
    yield says("a gzip bomb", Answer(200, bomb, (("Content-Encoding", "gzip"),)))
    yield says("brotli", Answer(200, b"\x0b\x02\x80", (("Content-Encoding", "br"),)))


def every_status() -> Iterator[Fault]:
    """Every HTTP status that proves nothing, in the service's envelope and by itself."""
    for http in range(200, 600):
        if http in {*PROVEN, *HTTP_PROVEN, *EDGE_PROVEN, 304}:
            continue
        if http not in {200, 204, 205}:
            yield says(f"HTTP {http} in an envelope", envelope(http, "?", None, http=http))
        yield says(f"HTTP {http} alone", Answer(http, b""))


def _refusals() -> Iterator[Fault]:
    for code in PROVEN:
        yield says(f"code {code}", envelope(code, "no", None), decisive=True)
        yield says(f"HTTP {code}", envelope(code, "no", None, http=code), decisive=True)
    for code in HTTP_PROVEN:
        yield says(f"HTTP {code}", envelope(code, "no", None, http=code), decisive=True)
    for http in EDGE_PROVEN:
        yield says(f"edge {http}", Answer(http, _HTML), decisive=True)
    blocked = Answer(403, b"error code: 1010")
    yield says("blocked by the edge", blocked, decisive=True)
    for code, text in (
        (500, "This field is required"),
        (500, "Credits insufficient"),
        (429, "Credits insufficient"),
        (500, "safetyTolerance is not within the range of allowed options"),
        (422, "余额不足"),
        (400, "flagged by content policy"),
    ):
        yield says(f"code {code}: {text}", envelope(code, text, None), decisive=True)


def _deflated(right: Answer, coding: str, pack: Callable[[bytes], bytes]) -> bytes:
    headers = (*right.headers, ("Content-Encoding", coding))
    return replace(right, body=pack(right.body), headers=headers).raw()


def _chunked(right: Answer) -> bytes:
    body = b"".join(b"%x;x=y\r\n%c\r\n" % (1, byte) for byte in right.body)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


def _with_fields(right: Answer, **fields: Any) -> bytes:
    if not right.body.startswith(b"{"):
        return right.raw()
    return replace(right, body=json.dumps(json.loads(right.body) | fields).encode()).raw()


def _after(early: bytes, right: Answer) -> bytes:
    return early + right.raw()


def _cut_short(share: float, right: Answer) -> bytes:
    raw = right.raw()
    return raw[: int(len(raw) * share)]


def _cut_without_length(share: float, right: Answer) -> bytes:
    return b"HTTP/1.1 200 OK\r\n\r\n" + right.body[: int(len(right.body) * share)]


def _cut_and_announced(share: float, right: Answer) -> bytes:
    return replace(right, body=right.body[: int(len(right.body) * share)]).raw()


def _harmless() -> Iterator[Fault]:
    def drip(wire: Wire, right: Answer) -> None:
        wire.drip(right.raw(), seconds=_NOTHING)

    yield Fault("byte by byte", drip, decisive=True)
    yield altered("in gzip", lambda a: _deflated(a, "gzip", gzip.compress), decisive=True)
    yield altered("in deflate", lambda a: _deflated(a, "deflate", zlib.compress), decisive=True)
    yield altered("in chunks", _chunked, decisive=True)
    yield altered("without length", lambda a: b"HTTP/1.1 200 OK\r\n\r\n" + a.body, decisive=True)
    for number in (100, 102, 103):
        early = f"HTTP/1.1 {number} Early\r\n\r\n".encode()
        yield altered(f"after a {number}", partial(_after, early), decisive=True)
    yield altered("code of text", lambda a: _with_fields(a, code="200"), decisive=True)
    yield altered("unknown fields", lambda a: _with_fields(a, x={"y": [1]}), decisive=True)
    twice = (("Content-Type", "text/html"), ("X", "1"), ("X", "2"))
    yield altered(
        "headers twice", lambda a: replace(a, headers=a.headers + twice).raw(), decisive=True
    )


def _id_in_ruins() -> Iterator[Fault]:
    """Answers that are broken, though the id of the task stands in them."""
    tail = b"\x00\xff trailing"
    yield altered("HTTP 500 with the id", lambda a: replace(a, status=500).raw(), decisive=True)
    yield altered("HTTP 502 with the id", lambda a: replace(a, status=502).raw(), decisive=True)
    yield altered(
        "a tail of garbage", lambda a: replace(a, body=a.body + tail).raw(), decisive=True
    )
    yield altered("cut within the last bytes", lambda a: a.raw()[:-2], decisive=True)
    yield altered("cut in gzip", lambda a: _deflated(a, "gzip", gzip.compress)[:-9], decisive=True)
    yield altered(
        "a length too long",
        lambda a: a.raw().replace(b"Content-Length: ", b"Content-Length: 9"),
        decisive=True,
    )
    yield altered("code 500 with the id", lambda a: _with_fields(a, code=500), decisive=True)


def cuts(count: int) -> Iterator[Fault]:
    """Cuts at as many places, from the first byte to the last but one."""
    for number in range(count):
        yield cut(number / count, reset=bool(number % 2))


def result_cuts(count: int) -> Iterator[Fault]:
    """The image's bytes end early, with a correct, a missing and a wrong length."""
    for number in range(count):
        share = number / count
        yield altered(f"cut at {share:.0%}", partial(_cut_short, share))
        yield altered(f"cut at {share:.0%}, no length", partial(_cut_without_length, share))
        yield altered(f"cut at {share:.0%}, its own length", partial(_cut_and_announced, share))


def flips(count: int) -> Iterator[Fault]:
    """One byte of the picture is another."""
    for number in range(count):

        def flip(right: Answer, place: float = number / count) -> bytes:
            body = bytearray(right.body)
            body[int(len(body) * place)] ^= 0x55
            return replace(right, body=bytes(body)).raw()

        yield altered(f"another byte at {number / count:.0%}", flip)


def _bad_results() -> Iterator[Fault]:
    for http in (400, 401, 403, 404, 410, 416, 429, 500, 502, 503, 504):
        yield says(f"result HTTP {http}", Answer(http, _HTML))
    yield says("result of HTML", Answer(200, _HTML, (("Content-Type", "image/png"),)))
    yield says("result of JSON", Answer(200, b'{"code": 404}'))
    yield says("result of nothing", Answer(200, b""))
    yield says("result of a GIF", Answer(200, b"GIF89a\x01\0\x01\0\0\0\0;"))
    yield says("result 204", Answer(204, b""))
    yield altered("partial content", lambda a: replace(a, status=206, body=a.body[:99]).raw())
    yield altered("a tail", lambda a: replace(a, body=a.body + b"tail").raw())
    yield altered("twice", lambda a: replace(a, body=a.body * 2).raw())
    yield altered("claims gzip", lambda a: _deflated(a, "gzip", lambda b: b))
    yield altered("is gzip", lambda a: _deflated(a, "gzip", gzip.compress))
    yield says("without a usable target", Answer(302, b""))
    yield says("to a file", Answer(302, b"", (("Location", "file:///etc/passwd"),)))
    yield says("to garbage", Answer(302, b"", (("Location", "http://[::1:x/%%"),)))
    yield says("in a circle", Answer(302, b"", (("Location", "?v=0"),)))


EARLY: Final = tuple(fault for fault in _wire_faults() if fault.early)
MURKY: Final = tuple(fault for fault in (*_wire_faults(), *_murky_answers()) if not fault.early)
REFUSALS: Final = tuple(_refusals())
HARMLESS: Final = tuple(_harmless())
ID_IN_RUINS: Final = tuple(_id_in_ruins())
BAD_RESULTS: Final = tuple(_bad_results())


def _stalled(wire: Wire, _: Answer) -> None:
    wire.stall(600.0)


def _stalled_midway(wire: Wire, right: Answer) -> None:
    wire.send(right.raw()[:-4])
    wire.stall(600.0)


def _dripping_head(wire: Wire, _: Answer) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\n")
    while not wire.over:
        wire.drip(b"X-More: and more\r\n", seconds=0.2)


def _dripping_body(wire: Wire, _: Answer) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not wire.over:
        wire.drip(b" " * 100, seconds=0.2)


ENDLESS: Final = (
    Fault("silence", _stalled),
    Fault("silence before the last bytes", _stalled_midway),
    Fault("an endless head, byte by byte", _dripping_head),
    Fault("a long body, byte by byte", _dripping_body),
)
"""Answers that never end; only the client's own patience ends them, in real time."""
