"""Questions are asked on a terminal only; stdin is read up to a limit."""

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
    ("typed", "agreed"),
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
def test_only_y_and_yes_mean_yes(
    new_output: Callable[..., OutputHarness],
    typed: bytes,
    agreed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    one = new_output(terminal=True, typed=typed)
    assert one.output.confirm("spend about 100 credits?") is agreed
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
def test_without_a_terminal_nothing_is_asked(
    new_output: Callable[..., OutputHarness], setting: dict[str, object]
) -> None:
    one = new_output(typed=b"y\n", **setting)
    assert one.output.confirm("spend?") is None
    with pytest.raises(FluxError, match="no terminal to prompt on: API key") as caught:
        one.output.ask_secret("API key")
    assert caught.value.code is Code.USAGE
    assert one.err == ""


@pytest.mark.parametrize("off", ["", "0", "false"])
def test_a_ci_variable_that_is_off_does_not_prevent_questions(
    new_output: Callable[..., OutputHarness], off: str
) -> None:
    assert new_output(terminal=True, env={"CI": off}).output.interactive


class Typist:
    """A pseudo-terminal on which text is typed as soon as its echo is off."""

    def __init__(self) -> None:
        self.master, terminal = os.openpty()
        self.stdin = os.fdopen(terminal, "r")
        self.before = termios.tcgetattr(self.stdin)

    def type_hidden(self, data: bytes) -> None:
        threading.Thread(target=self._type, args=(data,), daemon=True).start()

    def _type(self, data: bytes) -> None:
        for _ in range(2000):
            if not termios.tcgetattr(self.stdin)[3] & termios.ECHO:
                os.write(self.master, data)
                return
            threading.Event().wait(0.005)

    def close(self) -> None:
        self.stdin.close()
        os.close(self.master)


@pytest.fixture
def typist() -> Typist:
    return Typist()


def test_a_typed_secret_is_not_echoed(
    new_output: Callable[..., OutputHarness], typist: Typist
) -> None:
    """Afterwards the terminal echoes again."""
    one = new_output(terminal=True, stdin=typist.stdin)
    typist.type_hidden(b" s3cret \n")
    assert one.output.ask_secret("API key") == "s3cret"
    assert one.err == "API key: \n"
    assert termios.tcgetattr(typist.stdin) == typist.before
    typist.close()


@pytest.mark.parametrize("typed", [b"\n", b"\x04"])
def test_an_empty_secret_is_refused(
    new_output: Callable[..., OutputHarness], typist: Typist, typed: bytes
) -> None:
    one = new_output(terminal=True, stdin=typist.stdin)
    typist.type_hidden(typed)
    with pytest.raises(FluxError, match="nothing was typed"):
        one.output.ask_secret("API key")
    assert termios.tcgetattr(typist.stdin) == typist.before
    typist.close()


def test_stdin_is_utf_8_in_any_locale(new_output: Callable[..., OutputHarness]) -> None:
    one = new_output(encoding="ascii", typed=b"\xef\xbb\xbf\xe7\x81\xaf\n")
    assert one.output.read_stdin(100) == "灯\n"
    assert one.err == ""


def test_stdin_can_be_read_as_bytes(new_output: Callable[..., OutputHarness]) -> None:
    assert new_output(typed=b"\x89PNG\r\n").output.read_stdin_bytes(6) == b"\x89PNG\r\n"


def test_a_stdin_without_a_buffer_can_be_read(new_output: Callable[..., OutputHarness]) -> None:
    assert new_output(stdin=io.StringIO("灯")).output.read_stdin(10) == "灯"


def test_the_key_that_ends_typed_input_is_printed(new_output: Callable[..., OutputHarness]) -> None:
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
def test_a_stdin_that_cannot_be_read_is_an_error(
    new_output: Callable[..., OutputHarness], stdin: io.TextIOBase | None, message: str
) -> None:
    with pytest.raises(FluxError, match=message) as caught:
        new_output(stdin=stdin).output.read_stdin(4)
    assert caught.value.code is Code.INPUT_UNREADABLE
