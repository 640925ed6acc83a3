"""Exclusive locks on open files; the system ends them with the process that holds them.

Windows locks are mandatory: a locked byte can be neither read nor written by another process.
The locked byte is therefore far beyond the end of the file, and its content stays readable.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":  # pragma: no cover - run under Wine by `.ci/wine`
    import errno
    import msvcrt
    import os
    import time

    _OFFSET = 0x7FFF_0000
    """`msvcrt.locking` counts in 32 bits."""
    _POLL_SECONDS = 0.05
    _HELD = frozenset({0, errno.EACCES, errno.EDEADLK, errno.EDEADLOCK})
    """What `msvcrt.locking` reports of a lock that another handle has; Wine reports 0."""

    def lock(handle: int, *, wait: bool) -> bool:
        """Lock an open file; False if another handle has it and `wait` is not set.

        Raises:
            OSError: the file system has no locks.
        """
        while True:
            os.lseek(handle, _OFFSET, os.SEEK_SET)
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            except OSError as error:
                if error.errno not in _HELD:
                    raise
            else:
                return True
            finally:
                os.lseek(handle, 0, os.SEEK_SET)
            if not wait:
                return False
            # `LK_LOCK` gives up after ten seconds, and Ctrl-C does not end it.
            time.sleep(_POLL_SECONDS)

else:
    import fcntl

    def lock(handle: int, *, wait: bool) -> bool:
        """Lock an open file; False if another handle has it and `wait` is not set.

        Raises:
            OSError: the file system has no locks.
        """
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True
