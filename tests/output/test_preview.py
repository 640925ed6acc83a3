"""A preview: the protocol of each terminal, and nothing in a pipe."""

from __future__ import annotations

import base64
import re
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from fluxcli.output import preview

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.output.conftest import OutputHarness

KITTY = {"TERM": "xterm-kitty"}
ITERM = {"TERM_PROGRAM": "iTerm.app"}


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """A red image with noise, so that its file is large enough for several pieces."""

    def make(name: str = "p.png", size: tuple[int, int] = (64, 32)) -> Path:
        path = tmp_path / name
        Image.effect_noise(size, 90).convert("RGB").save(path)
        return path

    return make


@pytest.mark.parametrize(
    ("env", "way"),
    [
        ({"KITTY_WINDOW_ID": "1"}, "kitty"),
        (KITTY, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM_PROGRAM": "ghostty"}, "kitty"),
        (ITERM, "iterm"),
        ({"TERM_PROGRAM": "WezTerm"}, "iterm"),
        ({"TERM_PROGRAM": "vscode"}, "iterm"),
        ({"TERM_PROGRAM": "Apple_Terminal"}, "blocks"),
        (KITTY | {"TMUX": "/run/tmux"}, "blocks"),
        (ITERM | {"STY": "1.pts"}, "blocks"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "foot", "TMUX": "x"}, "blocks"),
        ({}, "blocks"),
    ],
)
def test_the_protocol_is_chosen_by_the_terminal(env: dict[str, str], way: str) -> None:
    assert preview.choose(env) == way


def test_kitty_gets_the_png_in_pieces(
    new_output: Callable[..., OutputHarness], picture: Callable[..., Path]
) -> None:
    """Every piece but the last is marked as continued; together they are the file."""
    one = new_output(terminal=True, env=KITTY, columns=41)
    path = picture(size=(200, 100))
    one.output.preview(path)
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", one.err)
    assert [keys for keys, _ in pieces] == [
        "a=T,f=100,q=2,c=40,m=1",
        *["m=1"] * (len(pieces) - 2),
        "m=0",
    ]
    assert len(pieces) > 2
    assert max(len(data) for _, data in pieces) == 4096
    assert base64.b64decode("".join(data for _, data in pieces)) == path.read_bytes()
    assert one.out == ""


@pytest.mark.parametrize("name", ["p.png", "p.jpg"])
def test_iterm_gets_the_file(
    new_output: Callable[..., OutputHarness], picture: Callable[..., Path], name: str
) -> None:
    one = new_output(terminal=True, env=ITERM)
    path = picture(name)
    one.output.preview(path)
    data = path.read_bytes()
    text = base64.b64encode(data).decode()
    head = f"\x1b]1337;File=inline=1;size={len(data)};width=60;preserveAspectRatio=1:"
    assert one.err == f"{head}{text}\x07\n"


@pytest.mark.parametrize(
    ("size", "room", "drawn"),
    [
        ((64, 32), (80, 24), (60, 15)),
        ((64, 32), (21, 24), (20, 5)),
        ((32, 64), (80, 12), (10, 10)),
        ((900, 1), (31, 24), (30, 1)),
    ],
)
def test_other_terminals_get_half_blocks(
    new_output: Callable[..., OutputHarness],
    picture: Callable[..., Path],
    size: tuple[int, int],
    room: tuple[int, int],
    drawn: tuple[int, int],
) -> None:
    """The image keeps its ratio and fits the terminal."""
    one = new_output(terminal=True, columns=room[0], lines=room[1])
    one.output.preview(picture(size=size))
    shown = one.shown()
    assert (max(map(len, shown)), len(shown)) == drawn
    assert set("".join(shown)) == {"▀"}


def test_half_blocks_have_the_colours_of_the_image(
    new_output: Callable[..., OutputHarness], tmp_path: Path
) -> None:
    """The foreground is the upper pixel, the background the lower one."""
    path = tmp_path / "p.png"
    flag = Image.new("RGB", (2, 2), (255, 0, 0))
    flag.putpixel((0, 1), (0, 0, 255))
    flag.save(path)
    one = new_output(terminal=True, columns=3)
    one.output.preview(path)
    assert one.err.startswith("\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[38;2;255;0;0;48;2;255;0;0m▀")
    assert one.err.endswith("\x1b[0m\n")


def test_in_a_pipe_preview_prints_a_note_only(
    new_output: Callable[..., OutputHarness], picture: Callable[..., Path]
) -> None:
    one = new_output(env=KITTY)
    one.output.preview(picture())
    assert (one.out, one.err) == ("", "`--preview` needs a terminal\n")


def refused(one: OutputHarness, path: Path) -> str:
    one.output.preview(path)
    assert one.out == ""
    first, second = one.err.splitlines()
    assert second == "hint: `--open` shows the image in the system's viewer"
    return first


def test_an_image_that_cannot_be_shown_is_a_note(
    new_output: Callable[..., OutputHarness], tmp_path: Path
) -> None:
    """A failed preview never fails the command."""
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG but no more")
    colored: dict[str, bool | str] = {"terminal": True}
    assert (
        refused(new_output(terminal=True, color="never"), broken)
        == "no preview: this terminal needs colour to show it, and colour is off"
    )
    one = new_output(**colored)
    one.output.preview(broken)
    assert one.err.startswith("no preview: the file is not an image that can be read\n")
    one = new_output(**colored)
    one.output.preview(tmp_path / "none.png")
    assert one.err.startswith("no preview: no such file or directory\n")


def test_a_jpeg_on_kitty_is_a_note_without_pillow(
    new_output: Callable[..., OutputHarness],
    picture: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kitty's protocol takes no JPEG, and the extra that could draw it is not installed."""
    path = picture("p.jpg")
    monkeypatch.setitem(sys.modules, "PIL", None)
    one = new_output(terminal=True, env=KITTY)
    one.output.preview(path)
    assert one.err.startswith(
        "no preview: kitty's protocol shows PNG only, and converting needs Pillow: "
        "`pip install 'fluxcli[preview]'`\n"
    )


def test_kitty_gets_a_jpeg_converted_to_png(
    new_output: Callable[..., OutputHarness], picture: Callable[..., Path]
) -> None:
    one = new_output(terminal=True, env=KITTY)
    one.output.preview(picture("p.jpg"))
    pieces = re.findall(r"\x1b_G[^;]*;([^\x1b]*)\x1b", one.err)
    assert base64.b64decode("".join(pieces)).startswith(b"\x89PNG")


def test_sixel_sets_every_pixel_once(
    new_output: Callable[..., OutputHarness], picture: Callable[..., Path]
) -> None:
    """Each pixel of a band has exactly one colour."""
    one = new_output(terminal=True, env={"TERM": "foot"}, columns=9)
    one.output.preview(picture(size=(64, 32)))
    text = one.err
    assert text.startswith('\x1bPq"1;1;64;32')
    assert text.endswith("\x1b\\\n")
    body = text[text.index("#0") : -3]
    bands = [band for band in body.split("-") if band]
    assert len(bands) == 6
    for number, band in enumerate(bands):
        rows = 6 if number < 5 else 2
        filled = [0] * 64
        for layer in re.sub(r"#\d+;2;\d+;\d+;\d+", "", band).split("$"):
            expanded = re.sub(
                r"!(\d+)(.)", lambda run: run[2] * int(run[1]), re.sub(r"^#\d+", "", layer)
            )
            for column, sign in enumerate(expanded):
                assert not filled[column] & (ord(sign) - 63)
                filled[column] |= ord(sign) - 63
        assert filled == [2**rows - 1] * 64
