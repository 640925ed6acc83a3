"""A harness for each test."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.tasks.harness import JobHarness, answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def drawn(form: str = "JPEG") -> bytes:
    """Return a small image."""
    file = io.BytesIO()
    Image.new("RGB", (16, 9), "teal").save(file, form)
    return file.getvalue()


@pytest.fixture
def jpeg() -> bytes:
    """A small JPEG."""
    return drawn()


@pytest.fixture
def png() -> bytes:
    """A small PNG."""
    return drawn("PNG")


@pytest.fixture
def harness(tmp_path: Path, jpeg: bytes) -> Iterator[JobHarness]:
    """A harness whose service finishes an image at once."""
    made = JobHarness(tmp_path, {"results.invalid": [answer(jpeg)]})
    yield made
    made.journal.close()
