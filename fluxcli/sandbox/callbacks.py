"""Callbacks: the news of a task's end, brought to the address that its request named.

Only to plain http on this machine: the stand-in asks nobody outside. Source of the rules: the
service's documentation. Delivery is tried four times in all, and then given up.
"""

from __future__ import annotations

import http.client
import threading
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fluxcli.sandbox import creation as generation
from fluxcli.sandbox.bodies import authority, compact

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from fluxcli.sandbox.account import SandboxTask
    from fluxcli.sandbox.service import SandboxService

_LOOK_SECONDS: Final = 0.05
_PATIENCE: Final = 15.0
_TRIES: Final = 4
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Callbacks:
    """Brings a stand-in's callbacks, from a thread of its own, while the block lasts."""

    def __init__(self, sandbox_service: SandboxService) -> None:
        self._stand_in = sandbox_service
        self._waiting: dict[str, tuple[SandboxTask, int]] = {}
        self._guard = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def add(self, task: SandboxTask) -> None:
        """Remember to tell of a task's end; addresses elsewhere are never told."""
        parts = urlsplit(task.callback)
        if authority(task.callback) and parts.scheme == "http" and parts.hostname in _LOCAL:
            with self._guard:
                self._waiting[task.id] = (task, _TRIES)

    def _run(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            for task, tries in self._due():
                if not self._bring(task) and tries > 1:
                    with self._guard:
                        self._waiting[task.id] = (task, tries - 1)

    def _due(self) -> list[tuple[SandboxTask, int]]:
        now = self._stand_in.wall()
        with self._guard:
            due = [one for one in self._waiting.values() if now >= one[0].ends]
            for task, _ in due:
                del self._waiting[task.id]
        return due

    def _bring(self, task: SandboxTask) -> bool:
        """Tell once; return whether it was taken."""
        parts = urlsplit(task.callback)
        said = generation.callback(task, result_url=self._stand_in.origins.results)
        place = parts._replace(scheme="", netloc="").geturl() or "/"
        line = http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE)
        try:
            headers = {"content-type": "application/json", "user-agent": "sandbox"}
            line.request("POST", place, compact(said).encode(), headers)
            return line.getresponse().status < http.client.BAD_REQUEST
        except (OSError, http.client.HTTPException):
            return False
        finally:
            line.close()

    def __enter__(self) -> Self:
        self._stand_in.on_task = self.add
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stand_in.on_task = None
        self._closing.set()
        self._thread.join()
