"""The three forms of an upload, and what is stored."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.sandbox import sandbox_client as urls
from tests.sandbox.sandbox_client import AS_JSON, DAY, KEYED, SandboxClient, multipart

AWKWARD = bytes(range(256)) * 3 + b"\r\n--edge\r\n\r\n\n\r-- edge7"


def sent_stream(client: SandboxClient, body: bytes, kind: str) -> Any:
    headers = {**KEYED, "content-type": kind}
    return json.loads(client.call("POST", urls.STREAM, body, headers).body)


def test_every_byte_of_a_multipart_upload_is_stored(client: SandboxClient) -> None:
    """Also line ends, zero bytes, and what looks like a boundary."""
    for data in (AWKWARD, b"", b"\r\n", b"--edge"):
        answer = client.upload(data, name="x.bin")
        assert answer["data"]["fileSize"] == len(data)
        assert client.fetch(answer["data"]["downloadUrl"]).body == data


@pytest.mark.parametrize(
    "head", ["", "data:image/png;base64,", "data:;base64,", "data:text/x;a=b,"]
)
def test_base64_is_accepted_raw_and_as_a_data_url(client: SandboxClient, head: str) -> None:
    text = head + base64.b64encode(AWKWARD).decode()
    answer = client.post(
        urls.BASE64, {"base64Data": text, "uploadPath": "a/b", "fileName": "c.png"}
    )
    assert answer["data"]["filePath"] == "kieai/10001/a/b/c.png"
    assert client.fetch(answer["data"]["downloadUrl"]).body == AWKWARD


def test_an_upload_from_a_link_of_the_sandbox_copies_the_file(client: SandboxClient) -> None:
    link = client.finished(outputFormat="png")["response"]["resultImageUrl"]
    answer = client.post(urls.FROM_URL, {"fileUrl": link, "uploadPath": "a"})
    copy = client.fetch(answer["data"]["downloadUrl"])
    assert copy.body == client.fetch(link).body
    assert copy.header("content-type") == "image/png"


def test_an_upload_from_another_host_s_link_stores_a_placeholder(client: SandboxClient) -> None:
    """The sandbox connects to no other machine."""
    sent = {"fileUrl": "https://example.com/a.webp", "uploadPath": "a"}
    answer = client.post(urls.FROM_URL, sent)
    assert client.fetch(answer["data"]["downloadUrl"]).body.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("url", "value", "says"),
    [
        (urls.BASE64, {"uploadPath": "a"}, "base64Data"),
        (urls.BASE64, {"base64Data": 5, "uploadPath": "a"}, "base64Data"),
        (urls.BASE64, {"base64Data": "A*B=", "uploadPath": "a"}, "not valid Base64"),
        (urls.BASE64, {"base64Data": "AAA", "uploadPath": "a"}, "not valid Base64"),
        (urls.BASE64, {"base64Data": "é", "uploadPath": "a"}, "not valid Base64"),
        (urls.BASE64, {"base64Data": "AAAA"}, "uploadPath"),
        (urls.BASE64, {"base64Data": "AAAA", "uploadPath": "a/../b"}, "uploadPath"),
        (urls.BASE64, [], "JSON object"),
        (urls.FROM_URL, {"fileUrl": "", "uploadPath": "a"}, "fileUrl"),
        (urls.FROM_URL, {"fileUrl": "file:///etc/passwd", "uploadPath": "a"}, "fileUrl"),
        (urls.FROM_URL, {"fileUrl": f"{urls.RESULTS}/kieai/x", "uploadPath": "a"}, "downloaded"),
        (urls.FROM_URL, {"fileUrl": f"{urls.API}/x", "uploadPath": "a"}, "downloaded"),
        (urls.FROM_URL, {"fileUrl": "https://example.com/a"}, "uploadPath"),
    ],
)
def test_an_invalid_upload_is_refused_in_the_form_of_uploads(
    client: SandboxClient, url: str, value: object, says: str
) -> None:
    answer = client.post(url, value)
    assert (answer["success"], answer["code"]) == (False, 400)
    assert says in answer["msg"]
    assert "data" not in answer


def test_an_invalid_multipart_body_is_refused(client: SandboxClient) -> None:
    """No boundary, no end, no file, no path."""
    whole, _ = multipart(b"x", "a", None)
    kind = "multipart/form-data; boundary=edge7"
    assert "multipart" in sent_stream(client, whole, "multipart/form-data")["msg"]
    assert "ends early" in sent_stream(client, whole[:-9], kind)["msg"]
    assert "ends early" in sent_stream(client, whole, "multipart/form-data; boundary=other")["msg"]
    assert "file" in sent_stream(client, b"--edge7--\r\n", kind)["msg"]
    no_path, _ = multipart(b"x", None, None)
    assert "uploadPath" in sent_stream(client, no_path, kind)["msg"]
    assert sent_stream(client, whole, 'multipart/form-data; boundary="edge7"')["success"] is True


def test_a_bad_key_is_refused_in_the_form_of_uploads(client: SandboxClient) -> None:
    body, headers = multipart(b"x", "a", None)
    for sent in ({**headers, "authorization": "Bearer refused"}, AS_JSON):
        answer = json.loads(client.call("POST", urls.STREAM, body, sent).body)
        assert (answer["success"], answer["code"]) == (False, 401)


def test_an_upload_of_the_same_name_replaces_the_earlier_one(client: SandboxClient) -> None:
    first = client.upload(b"first", name="a.bin")["data"]["downloadUrl"]
    second = client.upload(b"second", name="a.bin")["data"]["downloadUrl"]
    assert first == second
    assert client.fetch(first).body == b"second"
    assert client.upload(b"third", name="a.bin", folder="/images/")["data"]["downloadUrl"] == first


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\\b.png", "b.png"),
        ("Äpfel & Birnen.png", "Äpfel & Birnen.png"),
        ("50%?#.png", "50%?#.png"),
    ],
)
def test_an_upload_s_name_has_no_folder(client: SandboxClient, name: str, kept: str) -> None:
    """Its link is percent-encoded."""
    data = client.upload(b"bytes", name=name)["data"]
    assert data["fileName"] == kept
    assert data["downloadUrl"].isascii()
    assert client.fetch(data["downloadUrl"]).body == b"bytes"


@pytest.mark.parametrize("name", ["", "..", "a/.", "a/"])
def test_an_upload_without_a_usable_name_gets_one(client: SandboxClient, name: str) -> None:
    data = client.upload(b"bytes", name=name)["data"]
    assert data["fileName"].startswith(f"{urls.NOON * 1000:.0f}-")


@pytest.mark.parametrize(
    ("data", "name", "mime"),
    [
        (b"\x89PNG\r\n\x1a\n", "a.txt", "image/png"),
        (b"\xff\xd8\xff\xe0", "", "image/jpeg"),
        (b"GIF89a", "", "image/gif"),
        (b"RIFF0000WEBP", "", "image/webp"),
        (b"RIFF0000WAVE", "a.png", "image/png"),
        (b"words", "a.txt", "text/plain"),
        (b"words", "", "application/octet-stream"),
    ],
)
def test_the_type_of_an_upload_is_found_in_its_bytes(
    client: SandboxClient, data: bytes, name: str, mime: str
) -> None:
    answer = client.upload(data, name=name)
    assert answer["data"]["mimeType"] == mime
    assert client.fetch(answer["data"]["downloadUrl"]).header("content-type") == mime


def test_an_upload_is_free_and_kept_for_a_day(client: SandboxClient) -> None:
    link = client.upload(b"x")["data"]["downloadUrl"]
    client.now += DAY - 1
    assert client.fetch(link).status == 200
    client.now += 1
    assert client.fetch(link).status == 404
    assert client.credits() == 1000.0
