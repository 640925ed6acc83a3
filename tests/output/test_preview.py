"""A preview: the protocol of each terminal, and nothing in a pipe."""

from __future__ import annotations

import base64
import re
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from fluxcli.output import preview
from fluxcli.system.terminal_query import Terminal, parsed

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
        ({"TERM_PROGRAM": "mintty"}, "iterm"),
        ({"TERM_PROGRAM": "Apple_Terminal"}, "blocks"),
        (KITTY | {"TMUX": "/run/tmux"}, "blocks"),
        (ITERM | {"STY": "1.pts"}, "blocks"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "foot", "TMUX": "x"}, "blocks"),
        (KITTY | {"ZELLIJ": "0"}, "blocks"),
        ({}, "blocks"),
    ],
)
def test_the_protocol_is_chosen_by_the_terminal(env: dict[str, str], way: str) -> None:
    assert preview.choose(env, Terminal) == way


@pytest.mark.parametrize(
    ("env", "answer", "way"),
    [
        ({}, "\x1b[?62;4;22c", "sixel"),
        ({}, "\x1b[?4c", "blocks"),
        ({}, "\x1b[?1;2c", "blocks"),
        ({}, "\x1bP>|XTerm(390)\x1b\\\x1b[?64;1;2;4;6;9;15;22c", "sixel"),
        ({}, "\x1bP>|VTE(7600)\x1b\\\x1b[?65;1;9c", "blocks"),
        ({}, "\x1bP>|kitty(0.36.1)\x1b\\\x1b[?62;c", "kitty"),
        ({}, "\x1bP>|ghostty 1.1.0\x1b\\\x1b[?62;22c", "kitty"),
        ({}, "\x1bP>|WezTerm 20240203\x1b\\\x1b[?65;4;6;18;22c", "iterm"),
        ({}, "\x1bP>|iTerm2 3.5.10\x1b\\\x1b[?64;1;2;4;6;17;18;21;22c", "iterm"),
        ({"TERM_PROGRAM": "vscode"}, "\x1b[?62;4;9;22c", "iterm"),
        ({"TERM_PROGRAM": "vscode"}, "\x1b[?1;2c", "blocks"),
        ({"TMUX": "x"}, "\x1bP>|tmux 3.4\x1b\\\x1b[?1;2;4c", "sixel"),
        ({"TMUX": "x", "KITTY_WINDOW_ID": "1"}, "\x1bP>|tmux 3.3a\x1b\\\x1b[?1;2c", "blocks"),
        ({"ZELLIJ": "0"}, "\x1bP>|kitty(0.36.1)\x1b\\\x1b[?62;4c", "sixel"),
    ],
)
def test_a_terminal_that_calls_itself_xterm_is_known_by_its_answer(
    env: dict[str, str], answer: str, way: str
) -> None:
    terminal = parsed(answer.encode())
    assert terminal is not None
    assert preview.choose({"TERM": "xterm-256color"} | env, lambda: terminal) == way


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"TERM": "dumb"},
        {"TERM": "linux"},
        {"TERM": "screen", "STY": "1.pts"},
        {"TERM": "xterm-256color", "INSIDE_EMACS": "vterm"},
        KITTY,
        ITERM | {"TERM": "xterm-256color"},
        {"TERM": "foot"},
    ],
)
def test_a_terminal_is_not_asked_where_the_environment_decides(env: dict[str, str]) -> None:
    """Some of them would show the query, or answer nothing."""

    def ask() -> Terminal:
        pytest.fail("asked")

    preview.choose({"TERM": ""} | env, ask)


@pytest.mark.parametrize(
    "answer", [b"", b"\x1b[?62;4", b"garbage", b"\x1bP>|kitty(0.36.1)\x1b\\", b"[?4c", b"\xff" * 99]
)
def test_an_incomplete_or_garbled_answer_is_none(answer: bytes) -> None:
    assert parsed(answer) is None


def test_an_answer_is_found_between_other_bytes() -> None:
    assert parsed(b"x\x1b]0;\xff\x07\x1b[?62;4c\r") == Terminal(name="", sixel=True)


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
    head = f"\x1b]1337;File=inline=1;size={len(data)};width=60;height=22;preserveAspectRatio=1:"
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


@pytest.mark.parametrize("way", [KITTY, ITERM, {}])
def test_an_upright_image_is_not_higher_than_the_terminal(
    new_output: Callable[..., OutputHarness], picture: Callable[..., Path], way: dict[str, str]
) -> None:
    """Of a higher one, only the lower part would stay on the screen."""
    one = new_output(terminal=True, env=way, columns=80, lines=24)
    one.output.preview(picture(size=(90, 160)))
    found = re.search(r"c=(\d+)|width=60;height=(\d+)", one.err)
    if way == KITTY:
        assert found is not None
        assert int(found[1]) == 25
    elif way == ITERM:
        assert found is not None
        assert int(found[2]) == 22
    else:
        assert len(one.shown()) == 22


def test_without_24_bit_colours_they_are_of_the_256(
    new_output: Callable[..., OutputHarness], tmp_path: Path
) -> None:
    """A terminal that does not know 24-bit colours takes their numbers for other attributes."""
    path = tmp_path / "p.png"
    flag = Image.new("RGB", (3, 2), (255, 0, 0))
    for x, color in enumerate([(0, 0, 255), (128, 128, 128), (255, 255, 255)]):
        flag.putpixel((x, 1), color)
    flag.save(path)
    one = new_output(terminal=True, columns=4, env={"TERM_PROGRAM": "Apple_Terminal"})
    one.output.preview(path)
    assert re.findall(r"38;5;(\d+);48;5;(\d+)m", one.err) == [
        ("196", "21"),
        ("196", "244"),
        ("196", "231"),
    ]


def test_without_a_half_block_a_pixel_is_a_blank(
    new_output: Callable[..., OutputHarness], picture: Callable[..., Path]
) -> None:
    one = new_output(terminal=True, encoding="latin-1", columns=21)
    one.output.preview(picture(size=(64, 32)))
    text = one.stderr.memory.getvalue()
    assert text.isascii()
    assert text.count(b"m ") == 20 * 5
    assert b"38;" not in text


def test_half_blocks_have_the_colours_of_the_image(
    new_output: Callable[..., OutputHarness], tmp_path: Path
) -> None:
    """The foreground is the upper pixel, the background the lower one."""
    path = tmp_path / "p.png"
    flag = Image.new("RGB", (2, 2), (255, 0, 0))
    flag.putpixel((0, 1), (0, 0, 255))
    flag.save(path)
    one = new_output(terminal=True, columns=3, env={"COLORTERM": "truecolor"})
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
