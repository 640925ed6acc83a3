"""One text stream, written so that its state or its encoding cannot break the program.

A stream may be closed by the shell, have a narrow encoding, or have lost its reader. Text is
redacted here, and only here; image bytes are not.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, TextIO

from fluxcli.output.text import visible
from fluxcli.system.console import understands_escapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Stream:
    """Writes to `stream`, or nowhere if it is None: the shell may have closed it.

    Raises, from every writing method:
        BrokenPipeError: the reader has gone away.
        OSError: the system refuses to write.
    """

    def __init__(self, stream: TextIO | None, redact: Callable[[str], str]) -> None:
        self._stream = stream
        self._redact = redact
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    @property
    def is_open(self) -> bool:
        """Whether there is anything to write to."""
        return self._stream is not None and not self._stream.closed

    @property
    def is_terminal(self) -> bool:
        """Whether this is a terminal."""
        return self.is_open and self._stream is not None and self._stream.isatty()

    @property
    def is_pipe(self) -> bool:
        """Whether another program reads this."""
        handle = self.handle
        try:
            return handle is not None and stat.S_ISFIFO(os.fstat(handle).st_mode)
        except OSError:
            return False

    @property
    def draws(self) -> bool:
        """Whether this is a terminal that understands escape sequences."""
        return self.is_terminal and understands_escapes(self.handle)

    @property
    def handle(self) -> int | None:
        """The stream's file descriptor, if it has one."""
        return handle_of(self._stream)

    def size(self, env: Mapping[str, str]) -> tuple[int, int]:
        """Return the terminal's columns and lines; `COLUMNS` and `LINES` may narrow them."""
        handle = self.handle
        columns, lines = 80, 24
        with contextlib.suppress(OSError):
            columns, lines = os.get_terminal_size(handle) if handle is not None else (80, 24)
        return _narrowed(columns, env.get("COLUMNS")), _narrowed(lines, env.get("LINES"))

    def shown(self, text: str) -> str:
        """Return `text` exactly as it would appear here: harmless, redacted, encodable."""
        return self._encodable(self._redact(visible(text)))

    def can_show(self, text: str) -> bool:
        """Whether the stream's encoding has these characters."""
        return self._encodable(text) == text

    def write(self, text: str) -> None:
        """Write `text` at once; what the encoding lacks is written as an escape."""
        self._put(self._redact(text).encode(self.encoding, "backslashreplace"))

    def write_at_once(self, text: str) -> None:
        """Write `text` past every buffer, for a signal's handler, which may interrupt a write.

        It raises nothing: a handler cannot report it.
        """
        handle = self.handle
        with contextlib.suppress(OSError):
            if handle is None:
                self.write(text)
            else:
                os.write(handle, self._redact(text).encode(self.encoding, "backslashreplace"))

    def write_path(self, path: str) -> None:
        """Write `path` and a line end, byte for byte what the file system calls it."""
        self._put(os.fsencode(self._redact(path)) + b"\n")

    def write_bytes(self, data: bytes) -> None:
        """Write `data` as it is."""
        self._put(data)

    def abandon(self) -> None:
        """Point the stream at nothing, so that the interpreter's last flush cannot fail."""
        handle = self.handle
        if handle is not None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, handle)
            os.close(nowhere)
        self._stream = None

    def _encodable(self, text: str) -> str:
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def _put(self, data: bytes) -> None:
        if self._stream is None or self._stream.closed:
            return
        # Through the buffer: a text layer would fail on its encoding, or change line ends.
        buffer: BinaryIO | None = getattr(self._stream, "buffer", None)
        if buffer is None:
            self._stream.write(data.decode(self.encoding, "backslashreplace"))
        else:
            self._stream.flush()
            buffer.write(data)
        self._stream.flush()


def handle_of(stream: TextIO | None) -> int | None:
    """Return the file descriptor of a stream, if it has one."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return stream.fileno() if stream is not None else None
    return None


def _narrowed(actual: int, limit: str | None) -> int:
    """Return the smaller of the two: a longer line would be wrapped."""
    return min(actual, int(limit)) if limit and limit.isdecimal() and int(limit) > 0 else actual
