"""Pictures that go on and on are seen through early, or cost little for each byte."""

from __future__ import annotations

import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.saving.checks import Inspector
from tests.reliability.pictures import jpeg

WHOLE = jpeg("the same")


@pytest.mark.parametrize("segment", [b"\xff\xfe\x00\x02", b"\xff\x01", b"\xff\xd0"])
def test_segments_without_number(segment: bytes) -> None:
    """No picture has so many: it is refused long before it is too big."""
    inspector = Inspector()
    inspector.feed(WHOLE[:2])
    with pytest.raises(FluxError, match="holds more segments than any picture does") as caught:
        inspector.feed(segment * 70_000)
    assert caught.value.code is Code.NOT_AN_IMAGE


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_any_number_of_fill_bytes(size: int) -> None:
    """They are allowed before a marker, however they are cut into pieces."""
    filled = WHOLE[:2] + b"\xff" * 30_000 + WHOLE[2:-2] + b"\xff" * 30_000 + WHOLE[-2:]
    inspector = Inspector()
    for at in range(0, len(filled), size):
        inspector.feed(filled[at : at + size])
    found = inspector.finish(len(filled))
    assert (found.format, found.width, found.height) == ("jpeg", 16, 8)
