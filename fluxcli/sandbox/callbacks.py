"""Callbacks: POST the end of a task to the URL in its request.

Only to plain http on this machine: the sandbox never connects elsewhere. A delivery is tried
four times in all. Source of the rules: the service's documentation.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import threading
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fluxcli.sandbox import creation
from fluxcli.sandbox.bodies import authority, compact

if TYPE_CHECKING:
    from typing import Self

    from fluxcli.sandbox.account import SandboxTask
    from fluxcli.sandbox.service import SandboxService

_CHECK_SECONDS: Final = 0.05
_TIMEOUT: Final = 15.0
_TRIES: Final = 4
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Callbacks:
    """Delivers a sandbox's callbacks from its own thread while the block lasts."""

    def __init__(self, sandbox_service: SandboxService) -> None:
        self._service = sandbox_service
        self._waiting: dict[str, tuple[SandboxTask, int]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def add(self, task: SandboxTask) -> None:
        """Schedule the callback of a task; other machines are never called."""
        parts = urlsplit(task.callback)
        if authority(task.callback) and parts.scheme == "http" and parts.hostname in _LOCAL:
            with self._lock:
                self._waiting[task.id] = (task, _TRIES)

    def _run(self) -> None:
        while not self._closing.wait(_CHECK_SECONDS):
            for task, tries in self._due():
                if not self._deliver(task) and tries > 1:
                    with self._lock:
                        self._waiting[task.id] = (task, tries - 1)

    def _due(self) -> list[tuple[SandboxTask, int]]:
        now = self._service.wall()
        with self._lock:
            due = [one for one in self._waiting.values() if now >= one[0].ends]
            for task, _ in due:
                del self._waiting[task.id]
        return due

    def _deliver(self, task: SandboxTask) -> bool:
        """Deliver once; return whether it was accepted."""
        parts = urlsplit(task.callback)
        write = creation.jobs_callback if creation.is_jobs(task) else creation.callback
        body = write(task, result_url=self._service.origins.results)
        place = parts._replace(scheme="", netloc="").geturl() or "/"
        connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT)
        try:
            headers = {"content-type": "application/json", "user-agent": "sandbox"}
            if self._service.webhook_key:
                headers |= signature(self._service.webhook_key, task.id, self._service.wall())
            connection.request("POST", place, compact(body).encode(), headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        else:
            return answer.status < http.client.BAD_REQUEST
        finally:
            connection.close()

    def __enter__(self) -> Self:
        self._service.on_task = self.add
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._service.on_task = None
        self._closing.set()
        self._thread.join()


def signature(key: str, task: str, now: float) -> dict[str, str]:
    """Return the headers that sign a callback.

    Source: the service's documentation. The body is not signed: base64 of HMAC-SHA256 over the
    task id, a dot, and the time in whole seconds.
    """
    timestamp = str(int(now))
    digest = hmac.new(key.encode(), f"{task}.{timestamp}".encode(), hashlib.sha256).digest()
    return {
        "x-webhook-timestamp": timestamp,
        "x-webhook-signature": base64.b64encode(digest).decode(),
    }
