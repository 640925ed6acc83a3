"""The three forms of an upload, and what is stored."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.sandbox import desk as ways
from tests.sandbox.desk import AS_JSON, DAY, KEYED, Desk, multipart

NASTY = bytes(range(256)) * 3 + b"\r\n--edge\r\n\r\n\n\r-- edge7"


def sent_stream(at: Desk, body: bytes, kind: str) -> Any:
    headers = {**KEYED, "content-type": kind}
    return json.loads(at.call("POST", ways.STREAM, body, headers).body)


def test_every_byte_of_a_stream_arrives(at: Desk) -> None:
    """Line ends, near-boundaries and zero bytes are nothing special."""
    for data in (NASTY, b"", b"\r\n", b"--edge"):
        answer = at.upload(data, name="x.bin")
        assert answer["data"]["fileSize"] == len(data)
        assert at.fetch(answer["data"]["downloadUrl"]).body == data


@pytest.mark.parametrize(
    "head", ["", "data:image/png;base64,", "data:;base64,", "data:text/x;a=b,"]
)
def test_base64_comes_raw_or_as_a_data_url(at: Desk, head: str) -> None:
    text = head + base64.b64encode(NASTY).decode()
    answer = at.post(ways.BASE64, {"base64Data": text, "uploadPath": "a/b", "fileName": "c.png"})
    assert answer["data"]["filePath"] == "kieai/10001/a/b/c.png"
    assert at.fetch(answer["data"]["downloadUrl"]).body == NASTY


def test_a_link_to_a_file_of_one_s_own_is_copied(at: Desk) -> None:
    link = at.finished(outputFormat="png")["response"]["resultImageUrl"]
    answer = at.post(ways.FROM_URL, {"fileUrl": link, "uploadPath": "a"})
    copy = at.fetch(answer["data"]["downloadUrl"])
    assert copy.body == at.fetch(link).body
    assert copy.header("content-type") == "image/png"


def test_a_link_to_a_stranger_is_an_image_of_some_kind(at: Desk) -> None:
    """The sandbox connects to no other machine."""
    sent = {"fileUrl": "https://example.com/a.webp", "uploadPath": "a"}
    answer = at.post(ways.FROM_URL, sent)
    assert at.fetch(answer["data"]["downloadUrl"]).body.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("url", "value", "says"),
    [
        (ways.BASE64, {"uploadPath": "a"}, "base64Data"),
        (ways.BASE64, {"base64Data": 5, "uploadPath": "a"}, "base64Data"),
        (ways.BASE64, {"base64Data": "A*B=", "uploadPath": "a"}, "not valid Base64"),
        (ways.BASE64, {"base64Data": "AAA", "uploadPath": "a"}, "not valid Base64"),
        (ways.BASE64, {"base64Data": "é", "uploadPath": "a"}, "not valid Base64"),
        (ways.BASE64, {"base64Data": "AAAA"}, "uploadPath"),
        (ways.BASE64, {"base64Data": "AAAA", "uploadPath": "a/../b"}, "uploadPath"),
        (ways.BASE64, [], "JSON object"),
        (ways.FROM_URL, {"fileUrl": "", "uploadPath": "a"}, "fileUrl"),
        (ways.FROM_URL, {"fileUrl": "file:///etc/passwd", "uploadPath": "a"}, "fileUrl"),
        (ways.FROM_URL, {"fileUrl": f"{ways.RESULTS}/kieai/x", "uploadPath": "a"}, "downloaded"),
        (ways.FROM_URL, {"fileUrl": f"{ways.API}/x", "uploadPath": "a"}, "downloaded"),
        (ways.FROM_URL, {"fileUrl": "https://example.com/a"}, "uploadPath"),
    ],
)
def test_a_bad_upload_is_refused_in_the_uploads_words(
    at: Desk, url: str, value: object, says: str
) -> None:
    answer = at.post(url, value)
    assert (answer["success"], answer["code"]) == (False, 400)
    assert says in answer["msg"]
    assert "data" not in answer


def test_a_bad_stream_is_refused(at: Desk) -> None:
    """No boundary, no end, no file, no path."""
    whole, _ = multipart(b"x", "a", None)
    kind = "multipart/form-data; boundary=edge7"
    assert "multipart" in sent_stream(at, whole, "multipart/form-data")["msg"]
    assert "ends early" in sent_stream(at, whole[:-9], kind)["msg"]
    assert "ends early" in sent_stream(at, whole, "multipart/form-data; boundary=other")["msg"]
    assert "file" in sent_stream(at, b"--edge7--\r\n", kind)["msg"]
    no_path, _ = multipart(b"x", None, None)
    assert "uploadPath" in sent_stream(at, no_path, kind)["msg"]
    assert sent_stream(at, whole, 'multipart/form-data; boundary="edge7"')["success"] is True


def test_a_bad_key_is_refused_in_the_uploads_words(at: Desk) -> None:
    body, headers = multipart(b"x", "a", None)
    for sent in ({**headers, "authorization": "Bearer refused"}, AS_JSON):
        answer = json.loads(at.call("POST", ways.STREAM, body, sent).body)
        assert (answer["success"], answer["code"]) == (False, 401)


def test_the_same_name_overwrites(at: Desk) -> None:
    first = at.upload(b"first", name="a.bin")["data"]["downloadUrl"]
    second = at.upload(b"second", name="a.bin")["data"]["downloadUrl"]
    assert first == second
    assert at.fetch(first).body == b"second"
    assert at.upload(b"third", name="a.bin", folder="/images/")["data"]["downloadUrl"] == first


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\\b.png", "b.png"),
        ("Äpfel & Birnen.png", "Äpfel & Birnen.png"),
        ("50%?#.png", "50%?#.png"),
    ],
)
def test_a_name_is_only_a_name(at: Desk, name: str, kept: str) -> None:
    """Its link is percent-encoded and leads back to it."""
    data = at.upload(b"bytes", name=name)["data"]
    assert data["fileName"] == kept
    assert data["downloadUrl"].isascii()
    assert at.fetch(data["downloadUrl"]).body == b"bytes"


@pytest.mark.parametrize("name", ["", "..", "a/.", "a/"])
def test_a_name_that_is_none_is_made_up(at: Desk, name: str) -> None:
    data = at.upload(b"bytes", name=name)["data"]
    assert data["fileName"].startswith(f"{ways.NOON * 1000:.0f}-")


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
def test_the_type_is_what_the_bytes_say(at: Desk, data: bytes, name: str, mime: str) -> None:
    answer = at.upload(data, name=name)
    assert answer["data"]["mimeType"] == mime
    assert at.fetch(answer["data"]["downloadUrl"]).header("content-type") == mime


def test_an_upload_is_kept_a_day_and_is_free(at: Desk) -> None:
    link = at.upload(b"x")["data"]["downloadUrl"]
    at.now += DAY - 1
    assert at.fetch(link).status == 200
    at.now += 1
    assert at.fetch(link).status == 404
    assert at.credits() == 1000.0
