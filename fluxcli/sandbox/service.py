"""The stand-in service: authentication, routing, limits, and the answer to every call."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from fluxcli.sandbox import answers, creation, fault_effects, model_pages
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
CREATE_TASK: Final = "/api/v1/jobs/createTask"
RECORD_INFO: Final = "/api/v1/jobs/recordInfo"
CREDIT: Final = "/api/v1/chat/credit"
DOWNLOAD_URL: Final = "/api/v1/common/download-url"
LEDGER: Final = "/sandbox/ledger"

_API: Final = {
    GENERATE: ("POST", "submit"),
    RECORD: ("GET", "poll"),
    CREATE_TASK: ("POST", "submit"),
    RECORD_INFO: ("GET", "poll"),
    CREDIT: ("GET", "credits"),
    DOWNLOAD_URL: ("POST", "link"),
}
_MODELS: Final = ("GET", "models")
_PATHS_OF: Final = {"kontext": {GENERATE, RECORD}, "jobs": {CREATE_TASK, RECORD_INFO}}
_UPLOADS: Final = dict.fromkeys((STREAM, BASE64, FROM_URL), ("POST", "upload"))
_LIMITS: Final = {
    "submit": (creation.SUBMISSIONS, creation.SUBMISSION_WINDOW),
    "poll": (creation.READS, creation.READ_WINDOW),
    "models": (model_pages.READS, model_pages.READ_WINDOW),
}
_BLOCKED_AGENT: Final = "Python-urllib/"
"""The only default User-Agent that was seen refused, in this spelling."""
_REFUSED_KEY: Final = "refused"


class SandboxService:
    """The service. Safe to be called from many threads, and from processes sharing `store`.

    Args:
        store: the SQLite file to keep everything in; None: memory.
        wall: returns the time in seconds since the epoch.
        sleep: waits; called for slow answers.
        seconds: how long an image takes, plus or minus a quarter.
        faults: see `fluxcli.sandbox.faults`.
        credits: the balance of a new store.
        api_url: the API's origin; where it is `upload_url` too, it takes uploads as well.
        upload_url: the upload host's origin.
        result_url: the origin of results and uploaded files.
        webhook_key: signs callbacks; empty: they are not signed.

    Raises:
        ValueError: a fault is not valid, or the store is another file.
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
        webhook_key: str = "",
    ) -> None:
        self._faults = parse_all(faults)
        self._gone = [fault.place for fault in self._faults if fault.kind == "gone"]
        self._tiers = any(fault.kind == "tiers" for fault in self._faults)
        self._blocked = any(fault.kind == "blocked" for fault in self._faults)
        self._account = SandboxAccount(store, balance=credits)
        self._seconds = seconds
        self.wall = wall
        self.webhook_key = webhook_key
        self.sleep = sleep
        self.on_task: Callable[[SandboxTask], None] | None = None
        """Called with each accepted task that has a callback URL."""
        self.set_origins(api_url, upload_url, result_url)

    def set_origins(self, api_url: str, upload_url: str, result_url: str) -> None:
        """Use these origins; links returned before keep the old ones."""
        self.origins = Origins(api_url, upload_url, result_url)
        self._files = FileHost(self._account, self.origins)

    def close(self) -> None:
        """Close the store."""
        self._account.close()

    def charges(self) -> list[Charge]:
        """Return the charges not refunded by now, oldest first."""
        return self._account.charges(self.wall())

    def reset_fault_counts(self) -> None:
        """Count the calls of every fault from 1 again."""
        for fault in self._faults:
            self._account.reset_count(_counter(fault))

    def next_fault(self, call: HttpCall) -> Fault | None:
        """Count a call and return the fault that it has, if any.

        Method, host and path are enough: a fault may apply before anything else is sent.
        """
        place, met = self._place(call), None
        for fault in self._faults:
            if fault.place == place and fault.applies_to(self._account.count(_counter(fault))):
                met = met or fault
        return met

    def handle(self, call: HttpCall) -> HttpAnswer:
        """Answer one call."""
        return self.answer_call(call, self.next_fault(call))

    def answer_call(self, call: HttpCall, fault: Fault | None) -> HttpAnswer:
        """Answer a call that `next_fault` has seen."""
        return answers.marked(answers.packed(self._answered(call, fault), call), self.wall())

    def _answered(self, call: HttpCall, fault: Fault | None) -> HttpAnswer:
        own = {self.origins.api_host, self.origins.upload_host}
        if call.host not in own and _has_credentials(call):
            self._account.count("leaks")
        if call.method == "OPTIONS":
            return answers.preflight()
        if call.path == LEDGER and call.host == self.origins.api_host:
            return self._summary()
        if self._blocked or _is_blocked_agent(call.headers.get("user-agent", "")):
            return answers.edge_block()
        if fault is None:
            return self._work(call, "")
        instead = fault_effects.instead(fault, jobs=call.path in _PATHS_OF["jobs"])
        return instead or fault_effects.spoil(fault.kind, self._work(call, fault.kind))

    def _route(self, call: HttpCall) -> tuple[str, str]:
        """Return the method and place of a path; empty if it is unknown."""
        method, place = "", ""
        gone = any(call.path in _PATHS_OF[format_] for format_ in self._gone)
        if call.host == self.origins.api_host and not gone:
            known = _MODELS if model_pages.is_page(call.path) else (method, place)
            method, place = _API.get(call.path, known)
        if call.host == self.origins.upload_host:
            method, place = _UPLOADS.get(call.path, (method, place))
        return method, place

    def _place(self, call: HttpCall) -> str | None:
        """Return the place of this call as faults name it."""
        if call.host == self.origins.result_host:
            return "download"
        method, place = self._route(call)
        return place if call.method == method else None

    def _work(self, call: HttpCall, kind: str) -> HttpAnswer:
        """Do the work of a call; `kind` is the fault that it has, or empty."""
        if call.host == self.origins.result_host:
            return self._files.fetch(call, self.wall())
        method, place = self._route(call)
        if not place:
            return answers.refusal(404, "Not Found")
        if call.method != method:
            return answers.refusal(405, "Method Not Allowed")
        if not _is_authenticated(call):
            return fault_effects.refuse(place, answers.KEY_REFUSED, answers.UNAUTHORIZED)
        now = self.wall()
        if place in _LIMITS and not self._admitted(place, call, now):
            return answers.refusal(429, answers.TOO_OFTEN)
        return self._answer(place, call, kind, now)

    def _answer(self, place: str, call: HttpCall, kind: str, now: float) -> HttpAnswer:
        match place:
            case "submit":
                return self._submit(call, kind, now)
            case "poll":
                return self._poll(call, kind, now)
            case "models":
                return model_pages.answer(call.path, now, tiers=self._tiers)
            case "link":
                return self._issue_link(call, kind, now)
            case "upload":
                return self._files.upload(call, now)
            case _:
                return answers.success(self._account.balance(now))

    def _admitted(self, place: str, call: HttpCall, now: float) -> bool:
        limit, window = _LIMITS[place]
        # All keys are of one account; reads of tasks are limited for each task.
        what = call.query.get("taskId", "") if place == "poll" else ""
        return self._account.admit(place, what, now=now, limit=limit, window=window)

    def _submit(self, call: HttpCall, kind: str, now: float) -> HttpAnswer:
        try:
            if call.path == CREATE_TASK:
                request, params = creation.read_jobs(call.body, tiers=self._tiers)
            else:
                request, params = creation.read(call.body)
        except Invalid as error:
            return answers.refusal(error.code, error.message)
        task = self._planned(request, params, kind, now)
        if not self._account.accept(task):
            return answers.refusal(402, answers.NO_CREDITS)
        if task.callback and self.on_task is not None:
            self.on_task(task)
        if call.path == CREATE_TASK:
            return answers.success({"taskId": task.id, "recordId": task.id})
        return answers.success({"taskId": task.id})

    def _planned(
        self, request: creation.CreationRequest, params: str, kind: str, now: float
    ) -> SandboxTask:
        """Return the task of a request."""
        outcome, usual = creation.outcome_of(request.prompt), creation.DEFAULT_RATIO
        if request.image is not None:
            reachable, usual = self._files.inspect_input(request.image, now)
            outcome = outcome if reachable else "unreachable"
        name = uuid.uuid4().hex
        return SandboxTask(
            id=name,
            prompt=request.prompt,
            params=params,
            ratio=request.ratio or usual,
            form=request.form,
            credits=request.credits,
            created=now,
            ends=now + creation.duration(name, self._seconds),
            outcome=kind if kind in {"moderated", "failed", "expired", "late"} else outcome,
            callback=request.callback,
        )

    def _poll(self, call: HttpCall, kind: str, now: float) -> HttpAnswer:
        name = call.query.get("taskId", "")
        if kind in {"moderated", "failed"}:
            self._account.end(name, kind, now)
        elif kind == "expired":
            self._account.drop_record(name, now)
        task = self._account.task(name)
        jobs = call.path == RECORD_INFO
        if task is None or creation.is_forgotten(task, now) or creation.is_jobs(task) != jobs:
            return answers.refusal(422, answers.NO_JOBS_RECORD if jobs else answers.NO_RECORD)
        record = creation.jobs_record if jobs else creation.record
        return answers.success(record(task, now=now, result_url=self.origins.results))

    def _issue_link(self, call: HttpCall, kind: str, now: float) -> HttpAnswer:
        try:
            fields = str(read_object(call.body, code=422).get("url") or "")
        except Invalid as error:
            return answers.refusal(error.code, error.message)
        seconds = 0.0 if kind == "expired" else LINK_SECONDS
        link = self._files.reissue(fields, now, seconds=seconds)
        return answers.success(link) if link else answers.refusal(422, answers.WRONG_URL)

    def _summary(self) -> HttpAnswer:
        """Return what tests check: charges, counts, leaks."""
        return answers.encoded(
            {
                "charges": [charge._asdict() for charge in self.charges()],
                "tasks": self._account.tasks(),
                "credits": self._account.balance(self.wall()),
                "refused": self._account.counted("refused"),
                "leaks": self._account.counted("leaks"),
            }
        )


def _counter(fault: Fault) -> str:
    return f"fault {fault.spec}"


def _has_credentials(call: HttpCall) -> bool:
    return bool({"authorization", "cookie", "proxy-authorization"} & call.headers.keys())


def _is_blocked_agent(agent: str) -> bool:
    return agent.startswith(_BLOCKED_AGENT)


def _is_authenticated(call: HttpCall) -> bool:
    """Check key and Content-Type together: the service refuses both with the same text."""
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip() or key.strip() == _REFUSED_KEY:
        return False
    if call.method != "POST":
        return True
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == ("multipart/form-data" if call.path == STREAM else answers.JSON)
