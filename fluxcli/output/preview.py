"""An image as bytes that make a terminal show it. Reads the file; writes nothing.

Four ways, the best one first: kitty's graphics protocol (PNG only), iTerm2's inline images,
Sixel, and coloured half blocks, which any colour terminal has. All but a PNG for kitty and a
file for iTerm2 need Pillow to read the image.
"""

from __future__ import annotations

import base64
import io
import os
import re
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Way = Literal["kitty", "iterm", "sixel", "blocks"]

_WIDEST: Final = 60
"""Columns of a preview, at most."""

_CELL_WIDTH: Final = 8
"""Pixels of a column, for Sixel, which counts pixels; most terminals have more."""

_CELL_HEIGHT: Final = 16
_SIXEL_COLORS: Final = 128
_BAND: Final = 6
_CHUNK: Final = 4096
"""Characters of base64 in one escape sequence: the kitty protocol's limit."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_KITTY_PROGRAMS: Final = frozenset({"ghostty"})
_ITERM_PROGRAMS: Final = frozenset({"iTerm.app", "WezTerm", "vscode"})
_SIXEL_TERMS: Final = ("foot", "mlterm", "contour", "yaft")
_ITERM_SIGNATURES: Final = (_PNG, b"\xff\xd8\xff")


class UnshowableError(Exception):
    """The image cannot be shown in this terminal; the text is the reason."""


def draw(path: Path, env: Mapping[str, str], size: tuple[int, int], *, colored: bool) -> bytes:
    """Return what shows the image at `path` in a terminal of `size` (columns, lines).

    Raises:
        UnshowableError: the terminal cannot, or the file is not an image.
    """
    columns = max(1, min(size[0] - 1, _WIDEST))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnshowableError((error.strerror or str(error)).lower()) from error
    way = choose(env)
    if way == "kitty":
        return kitty(data if data.startswith(_PNG) else _as_png(path), columns)
    if way == "iterm" and data.startswith(_ITERM_SIGNATURES):
        return iterm(data, columns)
    if way == "sixel":
        return sixel(path, columns, max(1, size[1] - 2))
    if not colored:
        raise UnshowableError("this terminal needs colour to show it, and colour is off")
    return blocks(path, columns, max(1, size[1] - 2))


def choose(env: Mapping[str, str]) -> Way:
    """Return the best way that this terminal is known to have."""
    if env.get("TMUX") or env.get("STY"):
        # A multiplexer drops images, though it passes the variables of the terminal on.
        return "blocks"
    program, term = env.get("TERM_PROGRAM"), env.get("TERM", "")
    if env.get("KITTY_WINDOW_ID") or term in {"xterm-kitty", "xterm-ghostty"}:
        return "kitty"
    if program in _KITTY_PROGRAMS:
        return "kitty"
    if program in _ITERM_PROGRAMS:
        return "iterm"
    return "sixel" if term.startswith(_SIXEL_TERMS) else "blocks"


def kitty(png: bytes, columns: int) -> bytes:
    """Return a PNG in kitty's graphics protocol; the terminal sends no answer."""
    text = base64.standard_b64encode(png)
    pieces = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    last = len(pieces) - 1
    parts = []
    for index, piece in enumerate(pieces):
        keys = b"a=T,f=100,q=2,c=%d," % columns if index == 0 else b""
        parts.append(b"\x1b_G%sm=%d;%s\x1b\\" % (keys, index < last, piece))
    return b"".join(parts) + b"\n"


def iterm(data: bytes, columns: int) -> bytes:
    """Return an image file in iTerm2's inline protocol."""
    head = b"\x1b]1337;File=inline=1;size=%d;width=%d;preserveAspectRatio=1:"
    return head % (len(data), columns) + base64.standard_b64encode(data) + b"\x07\n"


def sixel(path: Path, columns: int, lines: int) -> bytes:
    """Return an image as Sixel, in bands of six rows of pixels, one layer a colour.

    Raises:
        UnshowableError: Pillow is not installed, or cannot read the file.
    """
    image = _loaded(path)
    width, height = _fitted(image.width, image.height, columns * _CELL_WIDTH, lines * _CELL_HEIGHT)
    reduced = image.resize((width, height)).quantize(_SIXEL_COLORS)
    palette = reduced.getpalette()
    colors = len(palette) // 3
    parts = [b'\x1bPq"1;1;%d;%d' % (width, height)]
    for number in range(colors):
        red, green, blue = (100 * part // 255 for part in palette[3 * number : 3 * number + 3])
        parts.append(b"#%d;2;%d;%d;%d" % (number, red, green, blue))
    pixels = reduced.tobytes()
    parts.extend(
        _sixel_band(pixels, width, top, min(top + _BAND, height)) for top in range(0, height, _BAND)
    )
    return b"".join(parts) + b"\x1b\\\n"


def _sixel_band(pixels: bytes, width: int, top: int, bottom: int) -> bytes:
    layers: dict[int, bytearray] = {}
    for row in range(top, bottom):
        bit = 1 << (row - top)
        for column, color in enumerate(pixels[row * width : (row + 1) * width]):
            layers.setdefault(color, bytearray(b"?" * width))[column] += bit
    shortened = (
        b"#%d" % color
        + re.sub(rb"(?s)(.)\1{3,}", lambda run: b"!%d%s" % (len(run[0]), run[1]), bytes(layer))
        for color, layer in layers.items()
    )
    return b"$".join(shortened) + b"-"


def blocks(path: Path, columns: int, lines: int) -> bytes:
    """Return an image drawn in half blocks, two pixels a cell.

    Raises:
        UnshowableError: Pillow is not installed, or cannot read the file.
    """
    image = _loaded(path)
    width, height = _fitted(image.width, image.height, columns, lines * 2)
    pixels = image.resize((width, height)).tobytes()
    return _half_blocks(pixels, width, height)


def _as_png(path: Path) -> bytes:
    buffer = io.BytesIO()
    _loaded(path, reason="kitty's protocol shows PNG only, and converting").save(buffer, "PNG")
    return buffer.getvalue()


def _loaded(path: Path, *, reason: str = "drawing an image in this terminal") -> Any:  # noqa: ANN401 - a Pillow image, of an optional package
    """Return the image in RGB."""
    try:
        from PIL import Image
    except ImportError as error:
        raise UnshowableError(f"{reason} needs Pillow: `pip install 'fluxcli[preview]'`") from error
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnshowableError("the file is not an image that can be read") from error


def _fitted(width: int, height: int, columns: int, rows: int) -> tuple[int, int]:
    """The largest size of the same shape that fits; a whole number of pairs of rows."""
    scale = min(columns / width, rows / height)
    return max(1, round(width * scale)), max(2, round(height * scale / 2) * 2)


def _half_blocks(pixels: bytes, width: int, height: int) -> bytes:
    """Draw RGB `pixels`: of two, the upper one is a block's foreground, the lower one its back."""
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
