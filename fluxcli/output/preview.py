"""A picture as bytes that make a terminal show it. Reads the file; writes nothing.

Three ways, the best one first: kitty's graphics protocol, iTerm2's inline images, and
coloured half blocks, which any colour terminal has but which need Pillow to read the file.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Way = Literal["kitty", "iterm", "blocks"]

_WIDEST: Final = 60
"""Columns of a preview, at most: it is a glance, not a viewer."""

_CHUNK: Final = 4096
"""Characters of base64 in one escape sequence: the kitty protocol's limit."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_KITTY_PROGRAMS: Final = frozenset({"ghostty"})
_ITERM_PROGRAMS: Final = frozenset({"iTerm.app", "WezTerm", "vscode"})
_ITERM_SIGNATURES: Final = (_PNG, b"\xff\xd8\xff")


class UnshowableError(Exception):
    """The picture cannot be shown in this terminal; the text says why."""


def draw(path: Path, env: Mapping[str, str], size: tuple[int, int], *, colored: bool) -> bytes:
    """Return what shows the picture at `path` in a terminal of `size` (columns, lines).

    Raises:
        UnshowableError: the terminal cannot, or the file is not a picture.
    """
    columns = max(1, min(size[0] - 1, _WIDEST))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnshowableError((error.strerror or str(error)).lower()) from error
    way = choose(env)
    if way == "kitty" and data.startswith(_PNG):
        return kitty(data, columns)
    if way == "iterm" and data.startswith(_ITERM_SIGNATURES):
        return iterm(data, columns)
    if not colored:
        raise UnshowableError("without colour there is nothing to draw with")
    return blocks(path, columns, max(1, size[1] - 2))


def choose(env: Mapping[str, str]) -> Way:
    """Return the best way that this terminal is known to have."""
    if env.get("TMUX") or env.get("STY"):
        # A multiplexer swallows pictures, though the variables of the terminal shine through.
        return "blocks"
    program = env.get("TERM_PROGRAM")
    if env.get("KITTY_WINDOW_ID") or env.get("TERM") in {"xterm-kitty", "xterm-ghostty"}:
        return "kitty"
    if program in _KITTY_PROGRAMS:
        return "kitty"
    return "iterm" if program in _ITERM_PROGRAMS else "blocks"


def kitty(png: bytes, columns: int) -> bytes:
    """Return a PNG in kitty's graphics protocol; the terminal is told not to answer."""
    text = base64.standard_b64encode(png)
    pieces = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    last = len(pieces) - 1
    parts = []
    for index, piece in enumerate(pieces):
        keys = b"a=T,f=100,q=2,c=%d," % columns if index == 0 else b""
        parts.append(b"\x1b_G%sm=%d;%s\x1b\\" % (keys, index < last, piece))
    return b"".join(parts) + b"\n"


def iterm(data: bytes, columns: int) -> bytes:
    """Return a picture file in iTerm2's inline protocol."""
    head = b"\x1b]1337;File=inline=1;size=%d;width=%d;preserveAspectRatio=1:"
    return head % (len(data), columns) + base64.standard_b64encode(data) + b"\x07\n"


def blocks(path: Path, columns: int, lines: int) -> bytes:
    """Return a picture drawn in half blocks, two pixels a cell.

    Raises:
        UnshowableError: Pillow is not installed, or cannot read the file.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise UnshowableError(
            "this terminal needs the extra `fluxcli[preview]` to draw it"
        ) from error
    try:
        with Image.open(path) as picture:
            width, height = _fitted(picture.width, picture.height, columns, lines * 2)
            pixels = picture.convert("RGB").resize((width, height)).tobytes()
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UnshowableError("the file is not a picture that can be read") from error
    return _half_blocks(pixels, width, height)


def _fitted(width: int, height: int, columns: int, rows: int) -> tuple[int, int]:
    """The largest size of the same shape that fits; a whole number of pairs of rows."""
    scale = min(columns / width, rows / height)
    return max(1, round(width * scale)), max(2, round(height * scale / 2) * 2)


def _half_blocks(pixels: bytes, width: int, height: int) -> bytes:
    """Draw RGB `pixels`: the upper one of two is a block's ink, the lower one its ground."""
    stride = width * 3
    lines = []
    for top in range(0, height * stride, stride * 2):
        cells = [
            b"\x1b[38;2;%d;%d;%d;48;2;%d;%d;%dm\xe2\x96\x80"
            % (*pixels[at : at + 3], *pixels[at + stride : at + stride + 3])
            for at in range(top, top + stride, 3)
        ]
        lines.append(b"".join(cells) + b"\x1b[0m")
    return os.linesep.encode().join(lines) + b"\n"
