"""Clients that know nothing of fluxcli work against the sandbox, in both wire formats."""

from __future__ import annotations

import io
import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from fluxcli.sandbox.server import serve
from fluxcli.sandbox.service import SandboxService
from tests.sandbox.clients import CLIENTS, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fluxcli.sandbox.server import Served
    from tests.sandbox.clients import Client

PROMPT = "Füchslein, „dawn“ \\ 狐"


@pytest.fixture
def served() -> Iterator[Served]:
    made = SandboxService(store=None, wall=time.time, sleep=time.sleep, seconds=0)
    with serve(made) as running:
        yield running


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    """Each client; one that is missing is skipped with the reason, but never in CI."""
    reason = missing(request.param)
    if reason is not None and "FLUXCLI_CI" not in os.environ:
        pytest.skip(reason)
    return CLIENTS[request.param]


def data_of(body: bytes) -> Any:
    answer = json.loads(body)
    assert answer["code"] == 200, answer
    return answer["data"]


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "PNG")
    return file.getvalue()


def created(client: Client, api_url: str, api: str, image: str) -> str:
    """Create an edit in one of the formats; return the id."""
    if api == "kontext":
        url = f"{api_url}/api/v1/flux/kontext/generate"
        body: dict[str, object] = {"prompt": PROMPT, "inputImage": image, "outputFormat": "png"}
    else:
        url = f"{api_url}/api/v1/jobs/createTask"
        fields = {"prompt": PROMPT, "input_image": image, "output_format": "png"}
        body = {"model": "flux1-kontext", "input": fields}
    return str(data_of(client("POST", url, json=body))["taskId"])


def result_of(client: Client, api_url: str, api: str, task_id: str) -> str:
    """Read a finished task; return the URL of its image."""
    if api == "kontext":
        url = f"{api_url}/api/v1/flux/kontext/record-info?taskId={task_id}"
        record = data_of(client("GET", url))
        assert record["successFlag"] == 1
        assert json.loads(record["paramJson"])["prompt"] == PROMPT
        return str(record["response"]["resultImageUrl"])
    record = data_of(client("GET", f"{api_url}/api/v1/jobs/recordInfo?taskId={task_id}"))
    assert record["state"] == "success"
    assert json.loads(json.loads(record["param"])["input"])["prompt"] == PROMPT
    return str(json.loads(record["resultJson"])["resultUrls"][0])


@pytest.mark.parametrize("api", ["kontext", "jobs"])
def test_a_client_can_upload_create_poll_and_download(
    served: Served, client: Client, api: str
) -> None:
    credit = f"{served.api_url}/api/v1/chat/credit"
    before = data_of(client("GET", credit))
    fields = {"uploadPath": "images", "fileName": "input.png"}
    upload = f"{served.upload_url}/api/file-stream-upload"
    uploaded = data_of(client("POST", upload, fields=fields, file=png()))
    assert uploaded["fileSize"] == len(png())
    task_id = created(client, served.api_url, api, uploaded["downloadUrl"])
    url = result_of(client, served.api_url, api, task_id)
    image = Image.open(io.BytesIO(client("GET", url, key=False)))
    assert (image.format, image.size) == ("PNG", (1152, 864))
    link = f"{served.api_url}/api/v1/common/download-url"
    renewed = data_of(client("POST", link, json={"url": url}))
    assert client("GET", renewed, key=False) == client("GET", url, key=False)
    assert data_of(client("GET", credit)) == before - 5
    assert served.sandbox_service._account.counted("leaks") == 0


def test_a_key_at_the_result_host_is_counted_and_not_refused(
    served: Served, client: Client
) -> None:
    task_id = created(client, served.api_url, "kontext", "https://example.com/a.png")
    url = result_of(client, served.api_url, "kontext", task_id)
    assert client("GET", url).startswith(b"\x89PNG")
    assert served.sandbox_service._account.counted("leaks") == 1


def test_a_program_like_the_published_sample_works(served: Served) -> None:
    """A class around python-requests with its default agent: generate, wait, save."""
    requests = pytest.importorskip("requests", reason=missing("requests"))

    class FluxKontext:
        def __init__(self, api_key: str, base_url: str) -> None:
            self.base_url = base_url
            self.headers = {
                "Authorization": f"Bearer {api_key}",
                "Content-Type": "application/json",
            }

        def generate_image(self, prompt: str, **options: object) -> str:
            answer = requests.post(
                f"{self.base_url}/generate",
                headers=self.headers,
                json={"prompt": prompt, **options},
                timeout=30,
            )
            result = answer.json()
            if not answer.ok or result.get("code") != 200:
                raise RuntimeError(result.get("msg"))
            return str(result["data"]["taskId"])

        def get_task_status(self, task_id: str) -> Any:
            answer = requests.get(
                f"{self.base_url}/record-info",
                headers={"Authorization": self.headers["Authorization"]},
                params={"taskId": task_id},
                timeout=30,
            )
            return answer.json()["data"]

    api = FluxKontext("0" * 32, f"{served.api_url}/api/v1/flux/kontext")
    task_id = api.generate_image("A fox", aspectRatio="1:1", model="flux-kontext-max")
    status = api.get_task_status(task_id)
    assert status["successFlag"] == 1
    image = requests.get(status["response"]["resultImageUrl"], timeout=30)
    assert image.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(image.content)).size == (1024, 1024)
