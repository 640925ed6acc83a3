"""Real HTTP clients, each with its own defaults: what programs of users send to the sandbox.

A client sends one call and returns the body of the answer. It sets the headers that the service
asks for and nothing else: its own User-Agent is part of what is tried.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Protocol

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY: Final = {"Authorization": "Bearer 0123456789abcdef0123456789abcdef"}
SECONDS: Final = 30

_NODE: Final = """
const {method, url, headers, json, fields, file} = JSON.parse(process.argv[1]);
let body;
if (json !== null) { body = JSON.stringify(json); headers['Content-Type'] = 'application/json'; }
if (file !== null) {
  body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append('file', new Blob([Buffer.from(file, 'base64')]), 'input.png');
}
const answer = await fetch(url, {method, headers, body});
if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
process.stdout.write(Buffer.from(await answer.arrayBuffer()));
"""


class Client(Protocol):
    """Sends one call: JSON, or a file with form fields. `key`: with the account's key."""

    def __call__(
        self,
        method: str,
        url: str,
        *,
        json: object = None,
        fields: Mapping[str, str] | None = None,
        file: bytes | None = None,
        key: bool = True,
    ) -> bytes:
        """Return the body of the answer."""


def with_requests(method: str, url: str, *, key: bool = True, **what: Any) -> bytes:
    """Send with python-requests."""
    session = import_module("requests").Session()
    session.trust_env = False
    with session:
        answer = session.request(
            method,
            url,
            headers=KEY if key else None,
            json=what.get("json"),
            data=what.get("fields"),
            files={"file": what["file"]} if what.get("file") else None,
            timeout=SECONDS,
        )
        answer.raise_for_status()
        return bytes(answer.content)


def with_httpx(method: str, url: str, *, key: bool = True, **what: Any) -> bytes:
    """Send with httpx."""
    with httpx.Client(trust_env=False, timeout=SECONDS) as client:
        answer = client.request(
            method,
            url,
            headers=KEY if key else None,
            json=what.get("json"),
            data=what.get("fields"),
            files={"file": what["file"]} if what.get("file") else None,
        )
        return answer.raise_for_status().content


def with_node(method: str, url: str, *, key: bool = True, **what: Any) -> bytes:
    """Send with the fetch of Node.js."""
    file = what.get("file")
    call = {
        "method": method,
        "url": url,
        "headers": KEY if key else {},
        "json": what.get("json"),
        "fields": what.get("fields") or {},
        "file": base64.b64encode(file).decode() if file else None,
    }
    return _run("node", "--input-type=module", "-e", _NODE, "--", json.dumps(call))


def with_curl(method: str, url: str, *, key: bool = True, **what: Any) -> bytes:
    """Send with curl; a body goes through its stdin."""
    words = ["curl", "-sS", "--fail", "--noproxy", "*", "--max-time", str(SECONDS), "-X", method]
    words += [word for name, value in KEY.items() if key for word in ("-H", f"{name}: {value}")]
    body = what.get("file")
    if what.get("json") is not None:
        words += ["-H", "Content-Type: application/json", "--data-binary", "@-"]
        body = json.dumps(what["json"]).encode()
    for name, value in (what.get("fields") or {}).items():
        words += ["-F", f"{name}={value}"]
    if what.get("file"):
        words += ["-F", "file=@-;filename=input.png"]
    return _run(*words, url, body=body)


def _run(*words: str, body: bytes | None = None) -> bytes:
    ran = subprocess.run(words, input=body, capture_output=True, timeout=2 * SECONDS, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


CLIENTS: Final[dict[str, Client]] = {
    "requests": with_requests,
    "httpx": with_httpx,
    "node": with_node,
    "curl": with_curl,
}


def missing(name: str) -> str | None:
    """Return why a client cannot be tried on this machine; None if it can."""
    if name in {"node", "curl"}:
        return None if shutil.which(name) else f"NOT TRIED: this needs {name}"
    if find_spec(name) is None:
        return f"NOT TRIED: this needs the package {name}, which the dev group installs"
    return None
