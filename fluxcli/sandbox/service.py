"""The stand-in service itself: who may ask, which call is which, and what it is answered.

Knows the contract of the API, the upload and the result host; knows no sockets and no httpx.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Final

from fluxcli.sandbox import answers
from fluxcli.sandbox import creation as generation
from fluxcli.sandbox import fault_effects as mishaps
from fluxcli.sandbox.account import Charge, SandboxAccount, SandboxTask
from fluxcli.sandbox.bodies import Invalid, read_object
from fluxcli.sandbox.faults import parse_all
from fluxcli.sandbox.file_host import BASE64, FROM_URL, LINK_SECONDS, STREAM, FileHost
from fluxcli.sandbox.http_messages import Origins

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fluxcli.sandbox.faults import Fault
    from fluxcli.sandbox.http_messages import HttpAnswer, HttpCall

GENERATE: Final = "/api/v1/flux/kontext/generate"
RECORD: Final = "/api/v1/flux/kontext/record-info"
CREDIT: Final = "/api/v1/chat/credit"
DOWNLOAD_URL: Final = "/api/v1/common/download-url"
LEDGER: Final = "/sandbox/ledger"

_API: Final = {
    GENERATE: ("POST", "submit"),
    RECORD: ("GET", "poll"),
    CREDIT: ("GET", "credits"),
    DOWNLOAD_URL: ("POST", "link"),
}
_UPLOADS: Final = dict.fromkeys((STREAM, BASE64, FROM_URL), ("POST", "upload"))
_LIMITS: Final = {
    "submit": (generation.SUBMISSIONS, generation.SUBMISSION_WINDOW),
    "poll": (generation.READS, generation.READ_WINDOW),
}
_DISLIKED_AGENTS: Final = ("python-httpx", "python-urllib", "python-requests")
_REFUSED_KEY: Final = "refused"


class SandboxService:
    """The service. Safe to be called from many threads, and from processes sharing `store`.

    Args:
        store: the SQLite file to remember everything in between runs; None: memory.
        wall: the present, in seconds since the epoch.
        sleep: lets seconds pass, where a slow answer is asked for.
        seconds: how long a picture takes, give or take a quarter.
        faults: what is to go wrong; see `fluxcli.sandbox.faults`.
        credits: the balance that a new store begins with.
        api_url: the API's origin; where it is `upload_url` too, it takes uploads as well.
        upload_url: the upload host's origin.
        result_url: the origin of results and uploaded files.

    Raises:
        ValueError: a fault is none, or the store is not one.
        OSError: the store cannot be opened.
    """

    def __init__(
        self,
        *,
        store: Path | None,
        wall: Callable[[], float],
        sleep: Callable[[float], None],
        seconds: float = 1.0,
        faults: Sequence[str] = (),
        credits: float = 1000.0,  # noqa: A002 - the service's word
        api_url: str = "https://api.sandbox.invalid",
        upload_url: str = "https://upload.sandbox.invalid",
        result_url: str = "https://results.sandbox.invalid",
    ) -> None:
        self._faults = parse_all(faults)
        self._ledger = SandboxAccount(store, balance=credits)
        self._seconds = seconds
        self.wall = wall
        self.sleep = sleep
        self.on_task: Callable[[SandboxTask], None] | None = None
        """Told each accepted task that asks for a callback."""
        self.settle(api_url, upload_url, result_url)

    def settle(self, api_url: str, upload_url: str, result_url: str) -> None:
        """Move to these origins; what was handed out before names the old ones."""
        self.origins = Origins(api_url, upload_url, result_url)
        self._files = FileHost(self._ledger, self.origins)

    def close(self) -> None:
        """Let go of the store."""
        self._ledger.close()

    def charges(self) -> list[Charge]:
        """Return the tasks that were paid for and did not fail by now, oldest first."""
        return self._ledger.charges(self.wall())

    def count_anew(self) -> None:
        """Count the calls that faults wait for from the beginning."""
        for fault in self._faults:
            self._ledger.forget(_counter(fault))

    def meet(self, call: HttpCall) -> Fault | None:
        """Count a call that begins, and return the fault that strikes it.

        Method, host and path are enough. It is apart from `serve` for the sake of the one
        fault that strikes before anything of the call is sent.
        """
        where, met = self._where(call), None
        for fault in self._faults:
            if fault.where == where and fault.strikes(self._ledger.count(_counter(fault))):
                met = met or fault
        return met

    def handle(self, call: HttpCall) -> HttpAnswer:
        """Answer one call, from beginning to end."""
        return self.serve(call, self.meet(call))

    def serve(self, call: HttpCall, fault: Fault | None) -> HttpAnswer:
        """Answer a call that `meet` has seen."""
        if call.host not in {self.origins.api_host, self.origins.upload_host} and _leaks(call):
            self._ledger.count("leaks")
            return answers.plain(400, "a key was sent to a host that must see none")
        if call.path == LEDGER and call.host == self.origins.api_host:
            return self._summary()
        if _disliked(call.headers.get("user-agent", "")):
            return answers.edge_block()
        if fault is None:
            answer = self._work(call, "")
        else:
            instead = mishaps.instead(fault.what, fault.where)
            answer = instead or mishaps.spoil(fault.what, self._work(call, fault.what))
        return answers.packed(answer, call)

    def _route(self, call: HttpCall) -> tuple[str, str]:
        """Return the method and the kind of the path that is asked; empty if there is none."""
        method, where = "", ""
        if call.host == self.origins.api_host:
            method, where = _API.get(call.path, (method, where))
        if call.host == self.origins.upload_host:
            method, where = _UPLOADS.get(call.path, (method, where))
        return method, where

    def _where(self, call: HttpCall) -> str | None:
        """Return the place that a fault would name for this call."""
        if call.host == self.origins.result_host:
            return "download"
        method, where = self._route(call)
        return where if call.method == method else None

    def _work(self, call: HttpCall, what: str) -> HttpAnswer:
        """Do what a call asks for; `what` is the fault that strikes it, or empty."""
        if call.host == self.origins.result_host:
            return self._files.fetch(call, self.wall())
        method, where = self._route(call)
        if not where:
            return answers.refusal(404, "Not Found", status=404)
        if call.method != method:
            return answers.refusal(405, "Method Not Allowed", status=405)
        if not _trusted(call):
            return mishaps.refuse(where, answers.KEY_REFUSED, answers.UNAUTHORIZED)
        now = self.wall()
        if where in _LIMITS and not self._admitted(where, call, now):
            return answers.refusal(429, answers.TOO_OFTEN)
        return self._answer(where, call, what, now)

    def _answer(self, where: str, call: HttpCall, what: str, now: float) -> HttpAnswer:
        match where:
            case "submit":
                return self._submit(call, what, now)
            case "poll":
                return self._poll(call, what, now)
            case "link":
                return self._issue_link(call, what, now)
            case "upload":
                return self._files.upload(call, now)
            case _:
                return answers.success(self._ledger.balance(now))

    def _admitted(self, where: str, call: HttpCall, now: float) -> bool:
        limit, window = _LIMITS[where]
        # Somebody may show it a real key; the store keeps none.
        key = hashlib.sha256(call.headers["authorization"].encode()).hexdigest()
        if where == "poll":
            # Reads are limited for each task.
            key += f" {call.query.get('taskId', '')}"
        return self._ledger.admit(where, key, now=now, limit=limit, window=window)

    def _submit(self, call: HttpCall, what: str, now: float) -> HttpAnswer:
        try:
            wish, params = generation.read(call.body)
        except Invalid as error:
            return answers.refusal(error.code, error.message)
        task = self._planned(wish, params, what, now)
        if not self._ledger.accept(task):
            return answers.refusal(402, answers.NO_CREDITS)
        if task.callback and self.on_task is not None:
            self.on_task(task)
        return answers.success({"taskId": task.id})

    def _planned(
        self, wish: generation.CreationRequest, params: str, what: str, now: float
    ) -> SandboxTask:
        """Return the task that a request becomes."""
        fate, usual = generation.fate_of(wish.prompt), generation.DEFAULT_RATIO
        if wish.image is not None:
            reachable, usual = self._files.look_at(wish.image, now)
            fate = fate if reachable else "unreachable"
        name = uuid.uuid4().hex
        return SandboxTask(
            id=name,
            prompt=wish.prompt,
            params=params,
            ratio=wish.ratio or usual,
            form=wish.form,
            credits=wish.credits,
            created=now,
            ends=now + generation.duration(name, self._seconds),
            fate=what if what in {"moderated", "failed", "expired"} else fate,
            callback=wish.callback,
        )

    def _poll(self, call: HttpCall, what: str, now: float) -> HttpAnswer:
        name = call.query.get("taskId", "")
        if what in {"moderated", "failed"}:
            self._ledger.end(name, what, now)
        elif what == "expired":
            self._ledger.lose(name, now)
        task = self._ledger.task(name)
        if task is None or generation.is_forgotten(task, now):
            return answers.refusal(422, answers.NO_RECORD)
        return answers.success(generation.record(task, now=now, result_url=self.origins.results))

    def _issue_link(self, call: HttpCall, what: str, now: float) -> HttpAnswer:
        try:
            asked = str(read_object(call.body, code=422).get("url") or "")
        except Invalid as error:
            return answers.refusal(error.code, error.message)
        seconds = 0.0 if what == "expired" else LINK_SECONDS
        link = self._files.reissue(asked, now, seconds=seconds)
        return answers.success(link) if link else answers.refusal(422, answers.WRONG_URL)

    def _summary(self) -> HttpAnswer:
        """Return everything that a judge of a rehearsal asks for."""
        return answers.encoded(
            {
                "charges": [charge._asdict() for charge in self.charges()],
                "tasks": self._ledger.tasks(),
                "credits": self._ledger.balance(self.wall()),
                "refused": self._ledger.counted("refused"),
                "leaks": self._ledger.counted("leaks"),
            }
        )


def _counter(fault: Fault) -> str:
    return f"fault {fault.spec}"


def _leaks(call: HttpCall) -> bool:
    return bool({"authorization", "cookie", "proxy-authorization"} & call.headers.keys())


def _disliked(agent: str) -> bool:
    return not agent.strip() or agent.lower().startswith(_DISLIKED_AGENTS)


def _trusted(call: HttpCall) -> bool:
    """Judge key and Content-Type together, for the service refuses both in the same words."""
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip() or key.strip() == _REFUSED_KEY:
        return False
    if call.method != "POST":
        return True
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == ("multipart/form-data" if call.path == STREAM else answers.JSON)
