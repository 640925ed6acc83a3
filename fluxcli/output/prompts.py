"""Prompts on the terminal, and reading of stdin. Decides nothing."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, BinaryIO, TextIO

from fluxcli.errors import Code, FluxError, reason_of
from fluxcli.output.text import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

if sys.platform == "win32":  # pragma: no cover - Windows has its own way to read in silence
    import getpass

    def secret_line(stream: TextIO, ask: Callable[[], None]) -> str:  # noqa: ARG001 - there is only one console
        """Read one line without showing it."""
        ask()
        return getpass.getpass("")

else:

    def secret_line(stream: TextIO, ask: Callable[[], None]) -> str:
        """Read one line without showing it; `ask` prints the prompt.

        Raises:
            EOFError: the input ended instead.
        """
        with _silenced(stream):
            # Only now: an answer typed at once would be shown, or lost.
            ask()
            return answer_line(stream)

    @contextlib.contextmanager
    def _silenced(stream: TextIO) -> Iterator[None]:
        import termios

        handle = stream.fileno()
        before = termios.tcgetattr(handle)
        silent = list(before)
        silent[3] &= ~termios.ECHO
        try:
            # TCSAFLUSH: what was typed before the question does not answer it.
            termios.tcsetattr(handle, termios.TCSAFLUSH, silent)
            yield
        finally:
            termios.tcsetattr(handle, termios.TCSADRAIN, before)


def answer_line(stream: TextIO) -> str:
    """Read one line, without its end.

    Raises:
        EOFError: the input ended instead.
    """
    line = stream.readline()
    if not line:
        raise EOFError
    return line.rstrip("\r\n")


def yes_or_no(stream: TextIO) -> bool | None:
    """Read a line and return whether it means yes; None if it is not text, or the input ended."""
    try:
        return answer_line(stream).strip().lower() in {"y", "yes"}
    except (EOFError, UnicodeDecodeError):
        return None


def secret(stream: TextIO, write: Callable[[str], None], question: str) -> str:
    """Prompt for a line that is not shown; blanks around it are dropped.

    Raises:
        FluxError: USAGE, if nothing was typed.
    """
    try:
        answer = secret_line(stream, lambda: write(f"{question}: ")).strip()
    except EOFError:
        answer = ""
    if not answer:
        raise FluxError(Code.USAGE, f"nothing was typed: {question}")
    return answer


def read_bytes(stream: TextIO | None, limit: int) -> bytes:
    """Read all of `stream`, at most `limit` bytes.

    Raises:
        FluxError: INPUT_UNREADABLE if it is closed, broken or longer.
    """
    if stream is None or stream.closed:
        raise FluxError(Code.INPUT_UNREADABLE, "stdin is closed, so nothing can be read from it")
    try:
        data = _some(stream, limit + 1)
    except OSError as error:
        reason = reason_of(error)
        raise FluxError(Code.INPUT_UNREADABLE, f"cannot read stdin: {reason}") from error
    if len(data) > limit:
        raise FluxError(Code.INPUT_UNREADABLE, f"stdin has more than {size(limit)}")
    return data


def read_text(stream: TextIO | None, limit: int) -> str:
    """Read all of `stream` as UTF-8 in any locale; a byte order mark is dropped.

    Raises:
        FluxError: INPUT_UNREADABLE if it is closed, broken, longer than `limit` bytes, or not text.
    """
    try:
        return read_bytes(stream, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FluxError(
            Code.INPUT_UNREADABLE, f"stdin is not UTF-8 text (byte {error.start})"
        ) from error


def _some(stream: TextIO, count: int) -> bytes:
    buffer: BinaryIO | None = getattr(stream, "buffer", None)
    return stream.read(count).encode() if buffer is None else buffer.read(count)
