"""Read bytes that arrive in pieces of any size in the order of a file format.

Knows no format. A format is a generator that yields whenever it needs the next piece, so its
code reads like the format's definition, and memory stays that of one piece.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import re

T = TypeVar("T")

Walk = Generator[None, bytes, T]
"""Reads a file's structure: yields to get the next piece, returns what it found."""


class BrokenImageError(Exception):
    """The bytes break the format's rules; the text says how, after "the file"."""


class ByteReader:
    """The current piece and how far it has been read."""

    def __init__(self) -> None:
        self._piece = b""
        self._at = 0

    def exactly(self, count: int) -> Walk[bytes]:
        """Read exactly `count` bytes: few, for they are held together."""
        taken = b""
        while len(taken) < count:
            taken += yield from self.some(count - len(taken))
        return taken

    def number(self, count: int) -> Walk[int]:
        """Read a big-endian number of `count` bytes."""
        return int.from_bytes((yield from self.exactly(count)))

    def some(self, most: int) -> Walk[bytes]:
        """Read between 1 and `most` bytes: what has arrived, without waiting for more."""
        while self._at == len(self._piece):
            self._piece, self._at = (yield), 0
        piece = self._piece[self._at : self._at + most]
        self._at += len(piece)
        return piece

    def skip(self, count: int) -> Walk[None]:
        """Skip `count` bytes."""
        while count:
            while self._at == len(self._piece):
                self._piece, self._at = (yield), 0
            step = min(count, len(self._piece) - self._at)
            self._at += step
            count -= step

    def jump(self, pattern: re.Pattern[bytes]) -> int:
        """Skip what lies before a match in the current piece; return how much.

        Without a match, all but the piece's last byte is skipped: with the next piece's
        first ones it may become one.
        """
        begun = self._at
        found = pattern.search(self._piece, begun)
        self._at = max(begun, found.start() if found else len(self._piece) - 1)
        return self._at - begun

    def skip_to(self, mark: int) -> Walk[int]:
        """Skip everything before the next byte `mark`, and over it; return how much."""
        passed = 0
        sought = bytes((mark,))
        while True:
            found = self._piece.find(sought, self._at)
            if found >= 0:
                passed += found - self._at
                self._at = found + 1
                return passed
            passed += len(self._piece) - self._at
            self._piece, self._at = (yield), 0
