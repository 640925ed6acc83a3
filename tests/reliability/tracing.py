"""A process struck at one chosen system call, whichever of its threads makes it.

`strace -e inject=…:when=N` counts each thread's calls by itself, so a worker's first write can
never be distinguished from the main thread's; here the calls of all threads are numbered in the
order in which they are made, from the first one that touches a given folder. Linux on x86-64 only.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

POSSIBLE: Final = sys.platform == "linux" and platform.machine() == "x86_64"

_GETREGS, _SETREGS, _SYSCALL = 12, 13, 24
_SEIZE, _INTERRUPT, _LISTEN, _SYSCALL_INFO = 0x4206, 0x4207, 0x4208, 0x420E
_SYSGOOD, _FOLLOW, _EXITKILL = 0x1, 0x2 | 0x4 | 0x8, 0x100000
_OURS: Final = 0x40000000 | 0x20000000
"""Wait for threads too, but for none that another thread of ours has in hand."""
_EVENT_STOP: Final = 128
_STOPPING: Final = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
_REGISTERS, _NUMBER, _RESULT = 27, 15, 10
"""How many registers there are, and the places of `orig_rax` and `rax` among them."""

CONNECT: Final = 42
EXEC: Final = 59
_OPENING: Final = {2: 0, 83: 0, 85: 0, 257: 1, 258: 1}
"""Calls that open or make something, and which argument is its path."""

NAMES: Final = {
    0: "read", 1: "write", 2: "open", 3: "close", 4: "stat", 5: "fstat", 7: "poll", 8: "lseek",
    9: "mmap", 10: "mprotect", 11: "munmap", 12: "brk", 13: "rt_sigaction", 14: "rt_sigprocmask",
    16: "ioctl", 17: "pread64", 18: "pwrite64", 20: "writev", 21: "access", 24: "sched_yield",
    28: "madvise", 32: "dup", 39: "getpid", 41: "socket", 42: "connect", 44: "sendto",
    45: "recvfrom", 46: "sendmsg", 47: "recvmsg", 48: "shutdown", 51: "getsockname",
    52: "getpeername", 54: "setsockopt", 55: "getsockopt", 56: "clone", 59: "execve",
    60: "exit", 62: "kill",
    72: "fcntl", 73: "flock", 74: "fsync", 75: "fdatasync", 76: "truncate", 77: "ftruncate",
    79: "getcwd", 80: "chdir", 82: "rename", 83: "mkdir", 84: "rmdir", 85: "creat", 86: "link",
    87: "unlink", 89: "readlink", 90: "chmod", 91: "fchmod", 102: "getuid", 107: "geteuid",
    186: "gettid", 202: "futex", 204: "sched_getaffinity", 217: "getdents64",
    230: "clock_nanosleep", 231: "exit_group", 232: "epoll_wait", 233: "epoll_ctl", 257: "openat",
    258: "mkdirat",
    262: "newfstatat", 264: "renameat", 265: "linkat", 263: "unlinkat", 270: "pselect6",
    271: "ppoll", 273: "set_robust_list", 285: "fallocate", 291: "epoll_create1",
    302: "prlimit64", 316: "renameat2", 318: "getrandom", 332: "statx", 334: "rseq", 435: "clone3",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Strike:
    """What is done at the `at`-th call, or at the `at`-th called `call`.

    A `signal` is sent as the call begins; with `errno` the call is not made, and fails so.
    """

    at: int
    call: str | None = None
    signal: int | None = None
    errno: int | None = None


@dataclass(slots=True)
class Traced:
    """What became of a process: its exit status (128 + N for a signal) and its calls."""

    status: int = -1
    calls: list[str] = field(default_factory=list)
    struck: str | None = None
    """The call that was struck; None if the process ended before it came to that."""
    seconds: float = 0.0


class Tracer:
    """Runs one process to its end, and strikes once. Not to be shared between threads.

    Calls count from `EXEC`, by which a process becomes its program; from the first connection
    (`CONNECT`); or from the first that opens or makes something in a folder.
    """

    def __init__(self, since: Path | int, strike: Strike | None) -> None:
        self._since = since if isinstance(since, int) else os.fsencode(since)
        self._strike = strike
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.argtypes = [ctypes.c_long] * 2 + [ctypes.c_void_p] * 2
        self._libc.ptrace.restype = ctypes.c_long
        self._info = ctypes.create_string_buffer(96)
        self._begun = False
        self._counts: dict[str, int] = {}
        self._failing: dict[int, int] = {}
        self._traced = Traced()
        self._leader = 0

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        streams: Sequence[Path],
        gate: Path | None = None,
        seconds: float = 60.0,
    ) -> Traced:
        """Start `argv` with its stdin, stdout and stderr at the files `streams`; see it through.

        With a `gate`, a FIFO, it becomes its program only once we have hold of it.
        """
        if gate is not None:
            waiting = 'gate=$1; shift; read -r _ < "$gate"; exec "$@"'
            argv = ["/bin/sh", "-c", waiting, "sh", str(gate), *argv]
        modes = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        actions = [
            (os.POSIX_SPAWN_OPEN, number, str(path), modes[number > 0], 0o600)
            for number, path in enumerate(streams)
        ]
        process = os.posix_spawn(argv[0], list(argv), dict(env), file_actions=actions)
        return self.follow(process, gate=gate, seconds=seconds)

    def follow(self, process: int, *, gate: Path | None = None, seconds: float = 60.0) -> Traced:
        """Trace a process to its end; one that waits at a `gate` is released once it is traced."""
        begun = time.monotonic()
        self._leader = process
        self._ptrace(_SEIZE, process, _SYSGOOD | _FOLLOW | _EXITKILL)
        if gate is None:
            self._ptrace(_INTERRUPT, process)
        else:
            with open(gate, "wb", buffering=0) as opened:  # noqa: PTH123 - a bare descriptor
                self._ptrace(_INTERRUPT, process)
                opened.write(b".")
        return self._see_through(begun, seconds)

    def _see_through(self, begun: float, seconds: float) -> Traced:
        patience = threading.Timer(seconds, os.kill, (self._leader, signal.SIGKILL))
        patience.start()
        try:
            while self._step():
                pass
        finally:
            patience.cancel()
        self._traced.seconds = time.monotonic() - begun
        if self._traced.seconds >= seconds:
            raise TimeoutError(f"the process hangs after {self._traced.calls[-5:]}")
        return self._traced

    def _step(self) -> bool:
        """Deal with one stop of one thread; False once the process is gone."""
        thread, status = os.waitpid(-1, _OURS)
        if not os.WIFSTOPPED(status):
            if thread == self._leader:
                code = os.waitstatus_to_exitcode(status)
                self._traced.status = code if code >= 0 else 128 - code
            return thread != self._leader
        number, event = (status >> 8) & 0xFF, status >> 16
        if number == signal.SIGTRAP | 0x80:
            self._call(thread)
            number = 0
        elif event == _EVENT_STOP and number in _STOPPING:
            self._ptrace(_LISTEN, thread)
            return True
        elif event:
            number = 0
        self._ptrace(_SYSCALL, thread, 0, number)
        return True

    def _call(self, thread: int) -> None:
        self._ptrace(_SYSCALL_INFO, thread, len(self._info), ctypes.addressof(self._info))
        op = self._info.raw[0]
        if op == 1:
            values = struct.unpack_from("<7Q", self._info.raw, 24)
            self._enter(thread, values[0], values[1:])
        elif op == 2 and thread in self._failing:
            self._set_register(thread, _RESULT, -self._failing.pop(thread))

    def _enter(self, thread: int, number: int, arguments: Sequence[int]) -> None:
        if not self._begun:
            self._begun = self._begins(number, arguments)
        if not self._begun:
            return
        name = NAMES.get(number, f"call_{number}")
        self._traced.calls.append(name)
        self._counts[name] = self._counts.get(name, 0) + 1
        if self._is_due(name):
            self._traced.struck = name
            self._carry_out(thread)

    def _begins(self, number: int, arguments: Sequence[int]) -> bool:
        if isinstance(self._since, int):
            return number == self._since
        place = _OPENING.get(number)
        return place is not None and self._path(arguments[place]).startswith(self._since)

    def _is_due(self, name: str) -> bool:
        strike = self._strike
        if strike is None or self._traced.struck is not None:
            return False
        if strike.call is None:
            return len(self._traced.calls) == strike.at
        return strike.call == name and self._counts[name] == strike.at

    def _carry_out(self, thread: int) -> None:
        strike = self._strike
        if strike is not None and strike.signal is not None:
            os.kill(self._leader, strike.signal)
        if strike is not None and strike.errno is not None:
            self._set_register(thread, _NUMBER, -1)
            self._failing[thread] = strike.errno

    def _path(self, address: int) -> bytes:
        with open(f"/proc/{self._leader}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - no file
            try:
                memory.seek(address)
                return memory.read(512).partition(b"\0")[0]
            except (OSError, ValueError, OverflowError):
                return b""

    def _set_register(self, thread: int, place: int, value: int) -> None:
        registers = (ctypes.c_longlong * _REGISTERS)()
        self._ptrace(_GETREGS, thread, 0, ctypes.addressof(registers))
        registers[place] = value
        self._ptrace(_SETREGS, thread, 0, ctypes.addressof(registers))

    def _ptrace(self, request: int, thread: int, first: int = 0, second: int = 0) -> None:
        if request == _SEIZE:
            first, second = 0, first
        if self._libc.ptrace(request, thread, first, second) == -1:
            error = ctypes.get_errno()
            # A thread that was killed meanwhile is reported by the next wait.
            if error != 3:
                raise OSError(error, f"ptrace {request:#x}: {os.strerror(error)}")
