"""Reading a file that must not be larger than a limit, in memory of its own size."""

from __future__ import annotations

from typing import IO, Final

_BLOCK: Final = 1 << 20


def read_at_most(file: IO[bytes], most: int) -> bytes:
    """Return a file's bytes; no more than `most` and one, by which a larger file is recognised.

    A `read` of the limit itself would take the limit's memory for the smallest file.

    Raises:
        OSError: it cannot be read.
    """
    pieces: list[bytes] = []
    left = most + 1
    while left > 0 and (piece := file.read(min(left, _BLOCK))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
