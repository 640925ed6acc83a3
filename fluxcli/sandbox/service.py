"""The stand-in service itself: who may ask, which call is which, and what it is answered.

Knows the contract of the API, the upload and the result host; knows no sockets and no httpx.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from fluxcli.sandbox import answers, faults, generation, mishaps, pictures, uploads
from fluxcli.sandbox.generation import Invalid
from fluxcli.sandbox.ledger import Charge, Ledger, Task, Upload
from fluxcli.sandbox.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fluxcli.sandbox.faults import Fault
    from fluxcli.sandbox.wire import Call

GENERATE: Final = "/api/v1/flux/kontext/generate"
RECORD: Final = "/api/v1/flux/kontext/record-info"
CREDIT: Final = "/api/v1/chat/credit"
DOWNLOAD_URL: Final = "/api/v1/common/download-url"
STREAM: Final = "/api/file-stream-upload"
BASE64: Final = "/api/file-base64-upload"
FROM_URL: Final = "/api/file-url-upload"
LEDGER: Final = "/sandbox/ledger"

_API: Final = {
    GENERATE: ("POST", "submit"),
    RECORD: ("GET", "poll"),
    CREDIT: ("GET", "credits"),
    DOWNLOAD_URL: ("POST", "link"),
}
_UPLOADS: Final = {path: ("POST", "upload") for path in (STREAM, BASE64, FROM_URL)}
_DISLIKED_AGENTS: Final = ("python-httpx", "python-urllib", "python-requests")
_REFUSED_KEY: Final = "refused"


class StandIn:
    """The service. Safe to be called from many threads, and from processes sharing `store`.

    Args:
        store: the SQLite file to remember everything in between runs; None: memory.
        wall: the present, in seconds since the epoch.
        sleep: lets seconds pass, where a slow answer is asked for.
        seconds: how long a picture takes, give or take a quarter.
        faults: what is to go wrong; see `faults`.
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
        self._faults = _parsed(faults)
        self._ledger = Ledger(store, balance=credits)
        self._seconds = seconds
        self.wall = wall
        self.sleep = sleep
        self.on_task: Callable[[Task], None] | None = None
        self.settle(api_url, upload_url, result_url)

    def settle(self, api_url: str, upload_url: str, result_url: str) -> None:
        """Move to these origins; what was handed out before names the old ones."""
        self.result_url = result_url
        self._api, self._uploads, self._results = (
            urlsplit(url).netloc for url in (api_url, upload_url, result_url)
        )

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

    # -- the way in ---------------------------------------------------------------------

    def meet(self, call: Call) -> Fault | None:
        """Count a call that begins, and return the fault that strikes it.

        Method, host and path are enough. It is apart from `handle` for the sake of the one
        fault that strikes before anything of the call is sent.
        """
        where, met = self._where(call), None
        for fault in self._faults:
            if fault.where == where and fault.strikes(self._ledger.count(_counter(fault))):
                met = met or fault
        return met

    def handle(self, call: Call) -> Answer:
        """Answer one call, from beginning to end."""
        return self.serve(call, self.meet(call))

    def serve(self, call: Call, fault: Fault | None) -> Answer:
        """Answer a call that `meet` has seen."""
        what = fault.what if fault else ""
        if call.host == self._results and {"authorization", "cookie"} & call.headers.keys():
            self._ledger.count("leaks")
            return answers.plain(400, "a key was sent to the result host, which must not see any")
        if call.path == LEDGER and call.host == self._api:
            return self._summary()
        if _disliked(call.headers.get("user-agent", "")):
            return answers.edge_block()
        early = mishaps.instead(what, fault.where) if fault else None
        answer = early or mishaps.spoil(what, self._work(call, what))
        return answers.packed(answer, call)

    def _routes(self, call: Call) -> dict[str, tuple[str, str]]:
        """Return the paths of the host that is asked, with method and kind."""
        routes: dict[str, tuple[str, str]] = {}
        if call.host == self._api:
            routes |= _API
        if call.host == self._uploads:
            routes |= _UPLOADS
        return routes

    def _where(self, call: Call) -> str | None:
        if call.host == self._results:
            return "download"
        method, where = self._routes(call).get(call.path, ("", ""))
        return where if call.method == method else None

    def _work(self, call: Call, what: str) -> Answer:
        if call.host == self._results:
            return self._serve_file(call)
        method, where = self._routes(call).get(call.path, ("", ""))
        if not where:
            return answers.refusal(404, "Not Found", status=404)
        if call.method != method:
            return answers.refusal(405, "Method Not Allowed", status=405)
        if not _trusted(call, where):
            return mishaps.refuse(where, answers.KEY_REFUSED, answers.UNAUTHORIZED)
        match where:
            case "submit":
                return self._submit(call, what)
            case "poll":
                return self._poll(call, what)
            case "link":
                return self._issue_link(call, what)
            case "upload":
                return self._upload(call)
            case _:
                return answers.success(self._ledger.balance(self.wall()))

    # -- the API ------------------------------------------------------------------------

    def _submit(self, call: Call, what: str) -> Answer:
        now = self.wall()
        if not self._ledger.admit(
            "submit",
            call.headers["authorization"],
            now=now,
            limit=generation.SUBMISSIONS,
            window=generation.SUBMISSION_WINDOW,
        ):
            return answers.refusal(429, answers.TOO_OFTEN)
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

    def _planned(self, wish: generation.Wish, params: str, what: str, now: float) -> Task:
        """Return the task that a request becomes."""
        ratio, fate = wish.ratio, generation.fate_of(wish.prompt)
        if wish.image is not None:
            reachable, own_ratio = self._look_at(wish.image, now)
            ratio = ratio or own_ratio
            fate = fate if reachable else "unreachable"
        name = uuid.uuid4().hex
        return Task(
            id=name,
            prompt=wish.prompt,
            params=params,
            ratio=ratio or pictures.RATIOS[0],
            form=wish.form,
            credits=wish.credits,
            created=now,
            ends=now + generation.duration(name, self._seconds),
            fate=what if what in {"moderated", "failed", "expired"} else fate,
            callback=wish.callback,
        )

    def _look_at(self, image: str, now: float) -> tuple[bool, str]:
        """Tell whether an input can be fetched, and the offered ratio nearest to its own.

        Only files of one's own can be looked at: the stand-in leaves the machine for nothing.
        """
        if urlsplit(image).netloc not in {self._api, self._uploads, self._results}:
            return True, "1:1"
        found = self._file(image, now)
        if found is None:
            return False, "1:1"
        size = pictures.size_of(found[0])
        return True, pictures.nearest_ratio(*size) if size else "1:1"

    def _poll(self, call: Call, what: str) -> Answer:
        now, name = self.wall(), call.query.get("taskId", "")
        if not self._ledger.admit(
            "poll",
            call.headers["authorization"],
            now=now,
            limit=generation.READS,
            window=generation.READ_WINDOW,
        ):
            return answers.refusal(429, answers.TOO_OFTEN)
        if what in {"moderated", "failed", "expired"}:
            self._ledger.end(name, "forgotten" if what == "expired" else what, now)
        task = self._ledger.task(name)
        if task is None or now >= task.created + generation.RECORD_SECONDS:
            return answers.refusal(422, answers.NO_RECORD)
        if task.fate == "forgotten" and now >= task.ends:
            return answers.refusal(422, answers.NO_RECORD)
        return answers.success(generation.record(task, now=now, result_url=self.result_url))

    def _issue_link(self, call: Call, what: str) -> Answer:
        now = self.wall()
        task = self._result_at(generation.link_in(call.body), now)
        if task is None or now >= task.ends + generation.RESULT_SECONDS:
            return answers.refusal(422, answers.WRONG_URL)
        token = uuid.uuid4().hex
        self._ledger.link(token, task.id, now + generation.LINK_SECONDS * (what != "expired"))
        return answers.success(f"{self.result_url}/links/{token}/{task.id}.{task.form}")

    # -- files --------------------------------------------------------------------------

    def _upload(self, call: Call) -> Answer:
        try:
            sent = self._received(call)
        except Invalid as error:
            return answers.upload_refusal(error.code, error.message)
        now = self.wall()
        mime, ending = uploads.kind_of(sent.name, sent.data)
        name = uploads.safe_name(sent.name) or f"{now * 1000:.0f}-{uuid.uuid4().hex[:11]}{ending}"
        path = f"kieai/{uploads.ACCOUNT}/{sent.folder}/{name}"
        self._ledger.store(Upload(path, sent.data, mime, now))
        return answers.uploaded(
            uploads.description(path, mime, len(sent.data), now=now, result_url=self.result_url)
        )

    def _received(self, call: Call) -> uploads.Sent:
        if call.path == STREAM:
            return uploads.read_stream(call)
        if call.path == BASE64:
            return uploads.read_base64(call)
        link, folder, name = uploads.read_url(call)
        if urlsplit(link).netloc != self._results:
            # The world outside is never asked; some picture stands in for what is there.
            return uploads.Sent(folder, name, pictures.draw("1:1", "png", task="", prompt=link))
        found = self._file(link, self.wall())
        if found is None:
            raise Invalid(400, "The file could not be downloaded from fileUrl")
        return uploads.Sent(folder, name, found[0])

    def _serve_file(self, call: Call) -> Answer:
        if call.method not in {"GET", "HEAD"}:
            return answers.plain(405, "405 Method Not Allowed")
        found = self._file(f"//{call.host}{call.path}", self.wall())
        if found is None:
            return answers.plain(404, "404 Not Found")
        data, mime = found
        return Answer(200, (("content-type", mime), ("cache-control", "max-age=14400")), data)

    def _file(self, link: str, now: float) -> tuple[bytes, str] | None:
        """Return the bytes and the MIME type of a link to the result host, while it lives."""
        path = unquote(urlsplit(link).path).lstrip("/")
        kind, _, rest = path.partition("/")
        if kind == "kieai":
            upload = self._ledger.upload(path)
            good = upload is not None and now < upload.stored + uploads.UPLOAD_SECONDS
            return (upload.data, upload.mime) if upload and good else None
        if kind == "links":
            name = self._ledger.linked(rest.partition("/")[0], now)
            task = self._ledger.task(name) if name else None
            return _picture(task) if task else None
        task = self._result_at(link, now)
        return (
            _picture(task) if task and task.fate != "expired" and _lives(task, kind, now) else None
        )

    def _result_at(self, link: str, now: float) -> Task | None:
        """Return the finished task whose own result a link names."""
        parts = urlsplit(link)
        kind, _, name = parts.path.lstrip("/").partition("/")
        if parts.netloc != self._results or kind not in {"results", "origin"}:
            return None
        task = self._ledger.task(name.rpartition(".")[0])
        good = task is not None and name == f"{task.id}.{task.form}" and now >= task.ends
        return task if good and task and task.fate not in generation.FAILURES else None

    # -- the judges ---------------------------------------------------------------------

    def _summary(self) -> Answer:
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


def _parsed(specs: Sequence[str]) -> tuple[Fault, ...]:
    return faults.parse_all(specs)


def _counter(fault: Fault) -> str:
    return f"fault {fault.spec}"


def _disliked(agent: str) -> bool:
    return not agent.strip() or agent.lower().startswith(_DISLIKED_AGENTS)


def _trusted(call: Call, where: str) -> bool:
    """Judge key and Content-Type together, for the service refuses both in the same words."""
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip() or key.strip() == _REFUSED_KEY:
        return False
    if call.method != "POST":
        return True
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == ("multipart/form-data" if call.path == STREAM else answers.JSON)


def _lives(task: Task, kind: str, now: float) -> bool:
    """Tell whether a result's link of this kind still leads to it."""
    lifetime = generation.ORIGIN_SECONDS if kind == "origin" else generation.RESULT_SECONDS
    return now < task.ends + lifetime


def _picture(task: Task) -> tuple[bytes, str]:
    data = pictures.draw(task.ratio, task.form, task=task.id, prompt=task.prompt)
    return data, f"image/{task.form}"
