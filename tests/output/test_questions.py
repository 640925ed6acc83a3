"""Prompts appear only on a terminal; stdin is read with a limit."""

from __future__ import annotations

import errno
import io
import os
import termios
import threading
from typing import TYPE_CHECKING, NoReturn

import pytest

from fluxcli.errors import Code, FluxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.output.conftest import OutputHarness


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (b"y\n", True),
        (b" YES \r\n", True),
        (b"n\n", False),
        (b"\n", False),
        (b"yeah\n", False),
        (b"", False),
        (b"\xff\xfe\n", False),
    ],
)
def test_only_a_plain_yes_is_yes(
    new_output: Callable[..., OutputHarness],
    typed: bytes,
    meant: bool,  # noqa: FBT001 - a column of the table
) -> None:
    one = new_output(terminal=True, typed=typed)
    assert one.output.confirm("spend about 100 credits?") is meant
    assert one.err.startswith("spend about 100 credits? [y/N] ")
    assert one.out == ""


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"terminal": True, "no_input": True},
        {"terminal": True, "env": {"CI": "true"}},
        {"terminal": True, "stdin": None},
        {"terminal": True, "stderr": None},
    ],
)
def test_no_terminal_means_no_answer(
    new_output: Callable[..., OutputHarness], setting: dict[str, object]
) -> None:
    one = new_output(typed=b"y\n", **setting)
    assert one.output.confirm("spend?") is None
    with pytest.raises(FluxError, match="no terminal to prompt on: API key") as caught:
        one.output.ask_secret("API key")
    assert caught.value.code is Code.USAGE
    assert one.err == ""


@pytest.mark.parametrize("off", ["", "0", "false"])
def test_a_ci_that_is_none(new_output: Callable[..., OutputHarness], off: str) -> None:
    assert new_output(terminal=True, env={"CI": off}).output.interactive


class Typist:
    """A terminal with a person who types once echo is off, and what the terminal echoed."""

    def __init__(self) -> None:
        self.hand, terminal = os.openpty()
        self.stdin = os.fdopen(terminal, "r")
        self.before = termios.tcgetattr(self.stdin)

    def types(self, data: bytes) -> None:
        threading.Thread(target=self._type, args=(data,), daemon=True).start()

    def _type(self, data: bytes) -> None:
        for _ in range(2000):
            if not termios.tcgetattr(self.stdin)[3] & termios.ECHO:
                os.write(self.hand, data)
                return
            threading.Event().wait(0.005)

    def close(self) -> None:
        self.stdin.close()
        os.close(self.hand)


@pytest.fixture
def typist() -> Typist:
    return Typist()


def test_a_secret_is_not_shown(new_output: Callable[..., OutputHarness], typist: Typist) -> None:
    """Nothing is echoed, the question is ended by a line end, and echo comes back."""
    one = new_output(terminal=True, stdin=typist.stdin)
    typist.types(b" s3cret \n")
    assert one.output.ask_secret("API key") == "s3cret"
    assert one.err == "API key: \n"
    assert termios.tcgetattr(typist.stdin) == typist.before
    typist.close()


@pytest.mark.parametrize("typed", [b"\n", b"\x04"])
def test_an_empty_secret_is_refused(
    new_output: Callable[..., OutputHarness], typist: Typist, typed: bytes
) -> None:
    one = new_output(terminal=True, stdin=typist.stdin)
    typist.types(typed)
    with pytest.raises(FluxError, match="nothing was typed"):
        one.output.ask_secret("API key")
    assert termios.tcgetattr(typist.stdin) == typist.before
    typist.close()


def test_stdin_is_utf_8_in_any_locale(new_output: Callable[..., OutputHarness]) -> None:
    one = new_output(encoding="ascii", typed=b"\xef\xbb\xbf\xe7\x81\xaf\n")
    assert one.output.read_stdin(100) == "灯\n"
    assert one.err == ""


def test_stdin_as_bytes(new_output: Callable[..., OutputHarness]) -> None:
    assert new_output(typed=b"\x89PNG\r\n").output.read_stdin_bytes(6) == b"\x89PNG\r\n"


def test_stdin_without_bytes_beneath(new_output: Callable[..., OutputHarness]) -> None:
    assert new_output(stdin=io.StringIO("灯")).output.read_stdin(10) == "灯"


def test_the_way_to_end_is_printed(new_output: Callable[..., OutputHarness]) -> None:
    one = new_output(terminal=True, typed=b"words")
    assert one.output.read_stdin(10) == "words"
    assert one.err == "reading from the terminal: end with Ctrl-D\n"


class Unreadable(io.StringIO):
    """A stream that cannot be read."""

    def read(self, size: int | None = -1, /) -> NoReturn:  # noqa: ARG002 - the shape of a stream
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (None, "stdin is closed"),
        (Unreadable(), "cannot read stdin: input/output error"),
        (io.StringIO("12345"), "stdin has more than 4 B"),
        (io.TextIOWrapper(io.BytesIO(b"a\xff")), r"stdin is not UTF-8 text \(byte 1\)"),
    ],
)
def test_what_cannot_be_read_is_an_error(
    new_output: Callable[..., OutputHarness], stdin: io.TextIOBase | None, message: str
) -> None:
    with pytest.raises(FluxError, match=message) as caught:
        new_output(stdin=stdin).output.read_stdin(4)
    assert caught.value.code is Code.INPUT_UNREADABLE
