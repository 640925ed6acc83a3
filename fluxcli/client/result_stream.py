"""A result's bytes as they arrive: redirects followed, length checked, decompressed.

Results lie on hosts of their own: neither the key nor cookies are sent there.
"""

from __future__ import annotations

import itertools
import zlib
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

import httpx

from fluxcli.client.deadline import SILENCE_SECONDS
from fluxcli.client.transport import HEADERS, Exchange, Transport
from fluxcli.client.wire import link
from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Generator

REDIRECTS: Final = 5
_BLOCK: Final = 256 << 10
_PASSING: Final = frozenset({408, 425, 429})
"""Refusals that are not the link's: the same one may work later. Signed links that have expired are
refused with 400, 401 or 403, depending on the host."""
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_GZIP: Final = b"\x1f\x8b"
_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})


class LinkGoneError(FluxError):
    """The result's link is refused (HTTP 4xx); a new link can be requested."""


def open_result(transport: Transport, url: str, *, seconds: float) -> Generator[bytes]:
    """Open a result for download. Yields its bytes, decompressed; close it when done.

    Raises:
        LinkGoneError: the link is refused.
        FluxError: DOWNLOAD_FAILED or NETWORK, here or while bytes are read.
    """
    for _ in range(REDIRECTS + 1):
        exchange = Exchange()
        call = httpx.Request("GET", url, headers=HEADERS | {"accept-encoding": "identity"})
        chunks = transport.stream(exchange, call, seconds=seconds, silence=SILENCE_SECONDS)
        first = next(chunks, b"")
        if exchange.status not in _MOVED:
            return _opened(exchange, first, chunks, url)
        chunks.close()
        url = _next_hop(url, exchange.location)
    message = f"the result's link redirects more than {REDIRECTS} times"
    raise FluxError(Code.DOWNLOAD_FAILED, message)


def _opened(
    exchange: Exchange, first: bytes, chunks: Generator[bytes], url: str
) -> Generator[bytes]:
    if exchange.status != 200:  # noqa: PLR2004 - HTTP
        chunks.close()
        message = f"{urlsplit(url).hostname} answered HTTP {exchange.status} for the result"
        refused = (exchange.status or 0) // 100 == 4 and exchange.status not in _PASSING  # noqa: PLR2004 - HTTP
        kind: Any = LinkGoneError if refused else FluxError
        raise kind(Code.DOWNLOAD_FAILED, message)
    length = None
    with suppress(TypeError, ValueError):
        length = int(exchange.length or "")
    return _blocks(_unpacked(_counted(first, chunks, length), exchange.encoding))


def _counted(first: bytes, rest: Generator[bytes], length: int | None) -> Generator[bytes]:
    """Yield the bytes as they arrive, and check that as many came as were announced."""
    total = len(first)
    with closing(rest):
        yield first
        for piece in rest:
            total += len(piece)
            yield piece
    if length is not None and total != length:
        message = f"{total} bytes of the result arrived, of {length} announced"
        raise FluxError(Code.DOWNLOAD_FAILED, message)


def _unpacked(pieces: Generator[bytes], encoding: str) -> Generator[bytes]:
    """Yield a result decompressed: some hosts compress although that was not asked for.

    A gzip file counts as compressed even if the header is missing: no image begins like one.
    """
    with closing(pieces):
        head = b""
        for piece in pieces:
            head += piece
            if len(head) >= len(_GZIP):
                break
        plain = itertools.chain([head], pieces)
        if not head.startswith(_GZIP) and encoding not in _PACKED:
            yield from plain
            return
        unpacker = zlib.decompressobj(wbits=_wbits(head))
        try:
            for piece in plain:
                data = piece
                while data and not unpacker.eof:
                    yield unpacker.decompress(data, _BLOCK)
                    data = unpacker.unconsumed_tail
            yield unpacker.flush()
        except zlib.error as error:
            message = f"the result is damaged: {error}"
            raise FluxError(Code.DOWNLOAD_FAILED, message) from error
        if not unpacker.eof:
            raise FluxError(Code.DOWNLOAD_FAILED, "the compressed result is incomplete")


def _wbits(head: bytes) -> int:
    """Return zlib's window setting for gzip, zlib or raw deflate data."""
    if head.startswith(_GZIP):
        return 31
    is_zlib = len(head) > 1 and head[0] & 15 == 8 and int.from_bytes(head[:2]) % 31 == 0  # noqa: PLR2004 - RFC 1950
    return 15 if is_zlib else -15


def _blocks(pieces: Generator[bytes]) -> Generator[bytes]:
    """Yield a result in blocks: handling each small piece costs more than joining them."""
    block = bytearray()
    with closing(pieces):
        for piece in pieces:
            block += piece
            if len(block) >= _BLOCK:
                yield bytes(block)
                block.clear()
    yield bytes(block)


def _next_hop(url: str, location: str | None) -> str:
    target = link(urljoin(url, location or ""))
    if not location or target is None:
        raise FluxError(Code.DOWNLOAD_FAILED, "the result's link redirects without a usable target")
    if url.startswith("https:") and not target.startswith("https:"):
        raise FluxError(Code.DOWNLOAD_FAILED, "the result's link redirects from https to http")
    return target
