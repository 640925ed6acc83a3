"""The files that can be fetched: uploads, results, and the links to them; and the upload host.

Knows how long each kind of link lives; knows no keys and no faults.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from fluxcli.sandbox import answers
from fluxcli.sandbox import stock_images as pictures
from fluxcli.sandbox import upload_forms as uploads
from fluxcli.sandbox.account import Upload
from fluxcli.sandbox.bodies import Invalid, authority
from fluxcli.sandbox.creation import FAILURES
from fluxcli.sandbox.http_messages import HttpAnswer

if TYPE_CHECKING:
    from fluxcli.sandbox.account import SandboxAccount, SandboxTask
    from fluxcli.sandbox.http_messages import HttpCall, Origins

STREAM: Final = "/api/file-stream-upload"
BASE64: Final = "/api/file-base64-upload"
FROM_URL: Final = "/api/file-url-upload"

RESULT_SECONDS: Final = 14 * 86400.0
ORIGIN_SECONDS: Final = 600.0
LINK_SECONDS: Final = 1200.0
UPLOAD_SECONDS: Final = 86400.0


class FileHost:
    """What lies on the result host."""

    def __init__(self, ledger: SandboxAccount, origins: Origins) -> None:
        self._ledger = ledger
        self._origins = origins

    def fetch(self, call: HttpCall, now: float) -> HttpAnswer:
        """Answer a call to the result host."""
        if call.method not in {"GET", "HEAD"}:
            return answers.plain(405, "405 Method Not Allowed")
        found = self._find(call.path, now)
        if found is None:
            return answers.plain(404, "404 Not Found")
        data, mime = found
        return HttpAnswer(200, (("content-type", mime), ("cache-control", "max-age=14400")), data)

    def upload(self, call: HttpCall, now: float) -> HttpAnswer:
        """Answer a call that brings a file, or says where one is."""
        try:
            sent = self._received(call, now)
        except Invalid as error:
            return answers.upload_refusal(error.code, error.message)
        mime, ending = uploads.kind_of(sent.name, sent.data)
        name = uploads.safe_name(sent.name) or f"{now * 1000:.0f}-{uuid.uuid4().hex[:11]}{ending}"
        path = f"kieai/{uploads.ACCOUNT}/{sent.folder}/{name}"
        self._ledger.store(Upload(path, sent.data, mime, now), lifetime=UPLOAD_SECONDS)
        return answers.uploaded(
            uploads.description(
                path, mime, len(sent.data), now=now, result_url=self._origins.results
            )
        )

    def look_at(self, image: str, now: float) -> tuple[bool, str]:
        """Tell whether an input can be fetched, and the offered ratio nearest to its own.

        Only files of one's own can be looked at: the stand-in asks nobody outside.
        """
        if not self._own(image):
            return True, "1:1"
        found = self._read(image, now)
        size = pictures.size_of(found[0]) if found else None
        return found is not None, pictures.nearest_ratio(*size) if size else "1:1"

    def reissue(self, link: str, now: float, *, seconds: float = LINK_SECONDS) -> str | None:
        """Return another link to the result that `link` names, good for `seconds`.

        None: there is no such result, or none any more.
        """
        if authority(link) != self._origins.result_host:
            return None
        kind, _, name = urlsplit(link).path.lstrip("/").partition("/")
        task = self._result(name, now) if kind in {"results", "origin"} else None
        if task is None or now >= task.ends + RESULT_SECONDS:
            return None
        token = uuid.uuid4().hex
        self._ledger.link(token, task.id, now + seconds)
        return f"{self._origins.results}/links/{token}/{name}"

    def _own(self, link: str) -> bool:
        origins = self._origins
        hosts = (origins.api_host, origins.upload_host, origins.result_host)
        return authority(link) in hosts

    def _received(self, call: HttpCall, now: float) -> uploads.Sent:
        if call.path == STREAM:
            return uploads.read_stream(call)
        if call.path == BASE64:
            return uploads.read_base64(call)
        link, folder, name = uploads.read_url(call)
        if not authority(link):
            raise Invalid(400, "fileUrl is not a valid URL")
        if not self._own(link):
            # The world outside is never asked; some picture stands in for what is there.
            return uploads.Sent(folder, name, pictures.draw("1:1", "png", task="", prompt=link))
        found = self._read(link, now)
        if found is None:
            raise Invalid(400, "The file could not be downloaded from fileUrl")
        return uploads.Sent(folder, name, found[0])

    def _read(self, link: str, now: float) -> tuple[bytes, str] | None:
        """Return the bytes and the MIME type of a link of one's own, while it lives."""
        if authority(link) != self._origins.result_host:
            return None
        return self._find(urlsplit(link).path, now)

    def _find(self, path: str, now: float) -> tuple[bytes, str] | None:
        path = unquote(path).lstrip("/")
        kind, _, rest = path.partition("/")
        match kind:
            case "kieai":
                upload = self._ledger.upload(path)
                lives = upload is not None and now < upload.stored + UPLOAD_SECONDS
                return (upload.data, upload.mime) if upload and lives else None
            case "links":
                name = self._ledger.linked(rest.partition("/")[0], now)
                return _picture(self._ledger.task(name) if name else None)
            case "results" | "origin":
                return self._live_result(kind, rest, now)
            case _:
                return None

    def _live_result(self, kind: str, name: str, now: float) -> tuple[bytes, str] | None:
        task = self._result(name, now)
        lifetime = ORIGIN_SECONDS if kind == "origin" else RESULT_SECONDS
        if task is None or task.fate == "expired" or now >= task.ends + lifetime:
            return None
        return _picture(task)

    def _result(self, name: str, now: float) -> SandboxTask | None:
        """Return the task that has come to a picture of this name."""
        task = self._ledger.task(name.rpartition(".")[0])
        if task is None or name != f"{task.id}.{task.form}":
            return None
        return None if now < task.ends or task.fate in FAILURES else task


def _picture(task: SandboxTask | None) -> tuple[bytes, str] | None:
    if task is None:
        return None
    data = pictures.draw(task.ratio, task.form, task=task.id, prompt=task.prompt)
    return data, f"image/{task.form}"
