"""What this process may still take from the system: open files, memory, threads.

A limit that is met after a submission costs an image that is paid for and not saved, so it is met
before: what a run needs is tried first, and given back at once.
"""

from __future__ import annotations

import errno
import os
from math import inf
from typing import Final

MEMORY: Final = 36 << 20
"""Bytes of address space that a run may need once its workers run: modules, TLS, file blocks.

It is more than 32 MiB, so that the C library returns it to the system at once."""

THREAD_MEMORY: Final = 144 << 20
"""Bytes of address space that one more thread may take: its stack, and the C library's reserve."""

_MANY: Final = 1 << 20
"""From so many open files on, a limit is none."""


def try_memory(size: int) -> None:
    """Take `size` bytes of address space and give them back; none of it is touched.

    Raises:
        MemoryError: there is less.
    """
    bytes(size)


def spare_handles() -> float:
    """Return about how many more files this process may open; infinity if there is no limit."""
    try:
        handle = os.open(os.devnull, os.O_RDONLY)
    except OSError as error:
        # A system without that device has handles all the same.
        return 0 if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOMEM} else inf
    os.close(handle)
    limit = os.sysconf("SC_OPEN_MAX") if hasattr(os, "sysconf") else -1
    # The lowest free number is about the number of files that are open.
    return limit - handle if 0 < limit < _MANY else inf


def need_handles(count: int, *, spare: float | None = None) -> None:
    """Check that `count` more files can be opened, of `spare` ones if that is known.

    Raises:
        OSError: EMFILE, if they cannot.
    """
    if (spare_handles() if spare is None else spare) < count:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
