"""The result host and the upload host: uploads, results, links, and their lifetimes."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from fluxcli.sandbox import answers, stock_images, upload_forms
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
    """The files of the result host."""

    def __init__(self, account: SandboxAccount, origins: Origins) -> None:
        self._account = account
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
        """Answer an upload: a file, or the URL of one."""
        try:
            sent = self._received(call, now)
        except Invalid as error:
            return answers.upload_refusal(error.code, error.message)
        mime, ending = upload_forms.kind_of(sent.name, sent.data)
        name = (
            upload_forms.safe_name(sent.name) or f"{now * 1000:.0f}-{uuid.uuid4().hex[:11]}{ending}"
        )
        path = f"kieai/{upload_forms.ACCOUNT}/{sent.folder}/{name}"
        self._account.store(Upload(path, sent.data, mime, now), lifetime=UPLOAD_SECONDS)
        return answers.uploaded(
            upload_forms.description(
                path, mime, len(sent.data), now=now, result_url=self._origins.results
            )
        )

    def inspect_input(self, image: str, now: float) -> tuple[bool, str]:
        """Return whether an input can be fetched, and the offered ratio nearest to its own.

        Only the sandbox's own files can be read: it never connects elsewhere.
        """
        if not self._is_own(image):
            return True, "1:1"
        found = self._read(image, now)
        size = stock_images.size_of(found[0]) if found else None
        return found is not None, stock_images.nearest_ratio(*size) if size else "1:1"

    def reissue(self, link: str, now: float, *, seconds: float = LINK_SECONDS) -> str | None:
        """Return another link to the result that `link` names, valid for `seconds`.

        None: there is no such result, or it has expired.
        """
        if authority(link) != self._origins.result_host:
            return None
        kind, _, name = urlsplit(link).path.lstrip("/").partition("/")
        task = self._result(name, now) if kind in {"results", "origin"} else None
        if task is None or now >= task.ends + RESULT_SECONDS:
            return None
        token = uuid.uuid4().hex
        self._account.link(token, task.id, now + seconds)
        return f"{self._origins.results}/links/{token}/{name}"

    def _is_own(self, link: str) -> bool:
        origins = self._origins
        hosts = (origins.api_host, origins.upload_host, origins.result_host)
        return authority(link) in hosts

    def _received(self, call: HttpCall, now: float) -> upload_forms.Sent:
        if call.path == STREAM:
            return upload_forms.read_stream(call)
        if call.path == BASE64:
            return upload_forms.read_base64(call)
        link, folder, name = upload_forms.read_url(call)
        if not authority(link):
            raise Invalid(400, "fileUrl is not a valid URL")
        if not self._is_own(link):
            # Nothing outside is fetched; a stock image replaces it.
            return upload_forms.Sent(
                folder, name, stock_images.draw("1:1", "png", task="", prompt=link)
            )
        found = self._read(link, now)
        if found is None:
            raise Invalid(400, "The file could not be downloaded from fileUrl")
        return upload_forms.Sent(folder, name, found[0])

    def _read(self, link: str, now: float) -> tuple[bytes, str] | None:
        """Return the bytes and the MIME type of one of our links while it is valid."""
        if authority(link) != self._origins.result_host:
            return None
        return self._find(urlsplit(link).path, now)

    def _find(self, path: str, now: float) -> tuple[bytes, str] | None:
        path = unquote(path).lstrip("/")
        kind, _, rest = path.partition("/")
        match kind:
            case "kieai":
                upload = self._account.upload(path)
                lives = upload is not None and now < upload.stored + UPLOAD_SECONDS
                return (upload.data, upload.mime) if upload and lives else None
            case "links":
                name = self._account.linked(rest.partition("/")[0], now)
                return _image(self._account.task(name) if name else None)
            case "results" | "origin":
                return self._live_result(kind, rest, now)
            case _:
                return None

    def _live_result(self, kind: str, name: str, now: float) -> tuple[bytes, str] | None:
        task = self._result(name, now)
        lifetime = ORIGIN_SECONDS if kind == "origin" else RESULT_SECONDS
        if task is None or task.outcome == "expired" or now >= task.ends + lifetime:
            return None
        return _image(task)

    def _result(self, name: str, now: float) -> SandboxTask | None:
        """Return the task whose image has this name."""
        task = self._account.task(name.rpartition(".")[0])
        if task is None or name != f"{task.id}.{task.form}":
            return None
        return None if now < task.ends or task.outcome in FAILURES else task


def _image(task: SandboxTask | None) -> tuple[bytes, str] | None:
    if task is None:
        return None
    data = stock_images.draw(task.ratio, task.form, task=task.id, prompt=task.prompt)
    return data, f"image/{task.form}"
