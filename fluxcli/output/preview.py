"""An image as bytes that make a terminal show it. Reads the file; writes nothing.

Four ways, the best one first: kitty's graphics protocol (PNG only), iTerm2's inline images,
Sixel, and coloured half blocks, which any colour terminal has. All but a PNG for kitty and a
file for iTerm2 need Pillow to read the image.

The environment decides where it is certain; otherwise the terminal itself is asked.
"""

from __future__ import annotations

import base64
import io
import os
import re
import struct
from typing import TYPE_CHECKING, Any, Final, Literal

from fluxcli.dataclass import dataclass
from fluxcli.system.upgrade import install_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fluxcli.output.stream import Stream
    from fluxcli.output.style import Style
    from fluxcli.system.terminal_query import Terminal, TerminalQuery

Way = Literal["kitty", "iterm", "sixel", "blocks"]

_WIDEST: Final = 60
"""Columns of a preview, at most."""

_CELL: Final = (8, 16)
"""Pixels of a cell, where the terminal has not set them; most terminals have more."""

_SIXEL_COLORS: Final = 128
_BAND: Final = 6
_CHUNK: Final = 4096
"""Characters of base64 in one escape sequence: the kitty protocol's limit."""

_PNG_HEAD: Final = 24
"""The bytes of a PNG up to its width and height."""

_GREYISH: Final = 16
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_KITTY_TERMS: Final = frozenset({"xterm-kitty", "xterm-ghostty"})
_KITTY_NAMES: Final = ("kitty", "ghostty")
_ITERM_NAMES: Final = ("iTerm", "WezTerm", "mintty")
_SIXEL_TERMS: Final = ("foot", "mlterm", "contour", "yaft")
_SILENT_TERMS: Final = frozenset({"dumb", "linux", "unknown"})
_ITERM_SIGNATURES: Final = (_PNG, b"\xff\xd8\xff")
_DIRECT_TERMS: Final = ("xterm-kitty", "xterm-ghostty", "foot", "alacritty", "contour", "wezterm")
_DIRECT_NAMES: Final = (*_KITTY_NAMES, *_ITERM_NAMES, "vscode", "Hyper", "rio", "WarpTerminal")


class UnshowableError(Exception):
    """The image cannot be shown in this terminal; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where an image is drawn.

    `size` is in columns and lines, `cell` the pixels of one if they are known. `colored` and
    `unicode` are whether colours are wanted, and whether the encoding has a half block. `ask`
    queries the terminal; it is called only where the environment leaves it open.
    """

    size: tuple[int, int]
    cell: tuple[int, int] | None
    colored: bool
    unicode: bool
    ask: Callable[[], Terminal]


def canvas(stream: Stream, env: Mapping[str, str], query: TerminalQuery, style: Style) -> Canvas:
    """Return where `stream`, a terminal, is drawn to; `query` is asked only if need be."""
    from fluxcli.system.terminal_query import cell_size

    return Canvas(
        size=stream.size(env),
        cell=cell_size(stream.handle),
        colored=style.colored,
        unicode=stream.can_show("▀"),
        ask=query.ask,
    )


def draw(path: Path, env: Mapping[str, str], place: Canvas) -> bytes:
    """Return what shows the image at `path` on a terminal.

    Raises:
        UnshowableError: the terminal cannot, or the file is not an image.
    """
    columns = max(1, min(place.size[0] - 1, _WIDEST))
    lines = max(1, place.size[1] - 2)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnshowableError((error.strerror or str(error)).lower()) from error
    way = choose(env, place.ask)
    if way == "kitty":
        png = data if data.startswith(_PNG) else _as_png(path)
        return kitty(png, columns, lines)
    if way == "iterm" and data.startswith(_ITERM_SIGNATURES):
        return iterm(data, columns, lines)
    if way == "sixel":
        return sixel(path, columns, lines, place.cell or _CELL)
    if not place.colored:
        raise UnshowableError("this terminal needs colour to show it, and colour is off")
    return blocks(path, columns, lines, direct=has_direct_color(env), unicode=place.unicode)


def choose(env: Mapping[str, str], ask: Callable[[], Terminal]) -> Way:
    """Return the best way that this terminal is known to have.

    A multiplexer passes the variables of the terminal on, but not its images: what it can show
    itself is its own answer. GNU screen and Emacs show none.
    """
    program, term = env.get("TERM_PROGRAM", ""), env.get("TERM", "")
    if env.get("STY") or env.get("INSIDE_EMACS") or term in _SILENT_TERMS:
        return "blocks"
    nested = bool(env.get("TMUX") or env.get("ZELLIJ"))
    known = None if nested else _known("kitty" if env.get("KITTY_WINDOW_ID") else program, term)
    if known is not None:
        return known
    if not term:
        return "blocks"
    terminal = ask()
    way = None if nested else _known(terminal.name, "")
    if way is None and terminal.sixel:
        # Visual Studio Code has iTerm2's images and Sixel, or, if they are switched off, neither.
        way = "iterm" if program == "vscode" and not nested else "sixel"
    return way or "blocks"


def _known(name: str, term: str) -> Way | None:
    """The way of a terminal by its name or `TERM`, where one of them makes it certain."""
    if name.startswith(_KITTY_NAMES) or term in _KITTY_TERMS:
        return "kitty"
    if name.startswith(_ITERM_NAMES):
        return "iterm"
    return "sixel" if term.startswith(_SIXEL_TERMS) else None


def has_direct_color(env: Mapping[str, str]) -> bool:
    """Return whether the terminal is known to have 24-bit colours, rather than 256."""
    if env.get("COLORTERM", "").lower() in {"truecolor", "24bit"} or env.get("WT_SESSION"):
        return True
    program, term = env.get("TERM_PROGRAM", ""), env.get("TERM", "")
    nested = bool(env.get("TMUX") or env.get("STY"))
    return term.startswith(_DIRECT_TERMS) or (not nested and program.startswith(_DIRECT_NAMES))


def kitty(png: bytes, columns: int, lines: int) -> bytes:
    """Return a PNG in kitty's graphics protocol; the terminal sends no answer."""
    if len(png) >= _PNG_HEAD:
        width, height = struct.unpack(">II", png[16:_PNG_HEAD])
        if width and height:
            # A cell is about twice as high as it is wide.
            columns, _ = _fitted(width, height, columns, lines * 2)
    text = base64.standard_b64encode(png)
    pieces = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    last = len(pieces) - 1
    parts = []
    for index, piece in enumerate(pieces):
        keys = b"a=T,f=100,q=2,c=%d," % columns if index == 0 else b""
        parts.append(b"\x1b_G%sm=%d;%s\x1b\\" % (keys, index < last, piece))
    return b"".join(parts) + b"\n"


def iterm(data: bytes, columns: int, lines: int) -> bytes:
    """Return an image file in iTerm2's inline protocol; it keeps its shape within the size."""
    head = b"\x1b]1337;File=inline=1;size=%d;width=%d;height=%d;preserveAspectRatio=1:"
    return head % (len(data), columns, lines) + base64.standard_b64encode(data) + b"\x07\n"


def sixel(path: Path, columns: int, lines: int, cell: tuple[int, int] = _CELL) -> bytes:
    """Return an image as Sixel, in bands of six rows of pixels, one layer a colour.

    Raises:
        UnshowableError: Pillow is not installed, or cannot read the file.
    """
    image = _loaded(path)
    width, height = _fitted(image.width, image.height, columns * cell[0], lines * cell[1])
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


def blocks(path: Path, columns: int, lines: int, *, direct: bool, unicode: bool) -> bytes:
    """Return an image drawn in half blocks, two pixels a cell.

    `direct` colours have 24 bits, others are of the 256 of xterm. Without `unicode` there is no
    half block, and a pixel is a blank cell.

    Raises:
        UnshowableError: Pillow is not installed, or cannot read the file.
    """
    image = _loaded(path)
    width, height = _fitted(image.width, image.height, columns, lines * 2)
    pixels = image.resize((width, height if unicode else height // 2)).tobytes()
    color = _direct_color if direct else _palette_color
    stride = width * 3
    below = stride if unicode else 0
    rows = []
    for top in range(0, len(pixels), stride + below):
        cells = []
        for at in range(top, top + stride, 3):
            upper, lower = pixels[at : at + 3], pixels[at + below : at + below + 3]
            ink = b"38;%s;" % color(upper) if unicode else b""
            cell = b"\xe2\x96\x80" if unicode else b" "
            cells.append(b"\x1b[%s48;%sm%s" % (ink, color(lower), cell))
        rows.append(b"".join(cells) + b"\x1b[0m")
    return os.linesep.encode().join(rows) + b"\n"


def _direct_color(rgb: bytes) -> bytes:
    return b"2;%d;%d;%d" % (rgb[0], rgb[1], rgb[2])


def _palette_color(rgb: bytes) -> bytes:
    """The nearest colour of xterm's cube of 6 x 6 x 6, or of its 24 greys."""
    if max(rgb) - min(rgb) < _GREYISH:
        grey = (sum(rgb) // 3 - 3) // 10
        return b"5;%d" % (16 if grey < 0 else 231 if grey > 23 else 232 + grey)  # noqa: PLR2004 - xterm's palette
    red, green, blue = (0 if part < 48 else 1 if part < 115 else (part - 35) // 40 for part in rgb)  # noqa: PLR2004 - xterm's palette
    return b"5;%d" % (16 + 36 * red + 6 * green + blue)


def _as_png(path: Path) -> bytes:
    buffer = io.BytesIO()
    _loaded(path, reason="kitty's protocol shows PNG only, and converting").save(buffer, "PNG")
    return buffer.getvalue()


def _loaded(path: Path, *, reason: str = "drawing an image in this terminal") -> Any:  # noqa: ANN401 - a Pillow image, of an optional package
    """Return the image in RGB."""
    try:
        from PIL import Image
    except ImportError as error:
        raise UnshowableError(f"{reason} needs Pillow: `{install_command('preview')}`") from error
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnshowableError("the file is not an image that can be read") from error


def _fitted(width: int, height: int, columns: int, rows: int) -> tuple[int, int]:
    """The largest size of the same shape that fits; a whole number of pairs of rows."""
    scale = min(columns / width, rows / height)
    return max(1, round(width * scale)), max(2, round(height * scale / 2) * 2)
