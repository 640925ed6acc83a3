"""Results behind https, over real connections: fetched there, and from nowhere less safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability.fault_server import Answer
from tests.reliability.faults import says
from tests.reliability.results import ARGUMENTS, redirected, secured

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("status", "hops"), [(301, 1), (302, 2), (308, 1)])
def test_a_redirect_out_of_tls(status: int, hops: int) -> None:
    """It ends in status 6 without a file, and the plain address never hears of it."""
    assert not redirected(status, hops)


def test_a_redirect_within_tls(tmp_path: Path) -> None:
    """It is followed; the result's host gets no key."""
    with secured(tmp_path) as (world, server):
        elsewhere = (("Location", "/r/fluxkontext_00000001c0de?v=moved"),)
        server.strike("result", says("moved", Answer(302, b"", elsewhere)))
        assert world.run(*ARGUMENTS).status == 0
        (made,) = server.tasks.values()
        assert (world.cwd / "out.png").read_bytes() == made.picture
        fetched = [heard for heard in server.heard if heard.host == "result"]
        assert [heard.target.partition("?")[2] for heard in fetched] == ["v=0", "v=moved"]
        assert not any(b"authorization" in heard.head.lower() for heard in fetched)


def test_a_host_without_a_valid_certificate(tmp_path: Path) -> None:
    """Its certificate is looked at: without trust there is no picture, and no request."""
    with secured(tmp_path) as (world, server):
        del world.env["SSL_CERT_FILE"]
        ran = world.run(*ARGUMENTS)
        assert (ran.status, server.charges) == (6, 1)
        assert "certificate" in ran.err
        assert not any(heard.host == "result" for heard in server.heard)
