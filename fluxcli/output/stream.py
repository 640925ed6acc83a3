"""One text stream, written so that nothing it is or does can break the program.

A stream may be missing (closed by the shell), speak a narrow encoding, or have lost its
reader. Every text that passes is redacted here, and here only; image bytes are not.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, BinaryIO, TextIO

from fluxcli.output.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable


class Stream:
    """`stream` with the shell's accidents taken care of; None is a closed one.

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
        """Whether a person is looking."""
        return self.is_open and self._stream is not None and self._stream.isatty()

    @property
    def handle(self) -> int | None:
        """The stream's file descriptor, if it has one."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            return self._stream.fileno() if self._stream is not None else None
        return None

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
