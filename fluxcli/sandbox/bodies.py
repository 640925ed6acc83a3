"""Request bodies in JSON: read, or refused as the service refuses them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit


class Invalid(Exception):  # noqa: N818 - named after the service's refusal
    """The request is refused with this `code` and `msg`."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def read_object(body: bytes, *, code: int) -> dict[str, Any]:
    """Return the JSON object that a body holds.

    Raises:
        Invalid: with `code`, if it holds none, or text that cannot be encoded.
    """
    try:
        value = json.loads(body)
        # Half a surrogate pair can be escaped in JSON, but neither stored nor sent.
        compact(value).encode()
    except (ValueError, RecursionError):
        raise Invalid(code, "The request body is not valid JSON") from None
    if not isinstance(value, dict):
        raise Invalid(code, "The request body is not a JSON object")
    return value


def compact(value: object) -> str:
    """Write JSON as compactly as the service does."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def authority(link: str) -> str:
    """Return the `host` or `host:port` of an http(s) link; empty if it is not one."""
    try:
        parts = urlsplit(link)
        named = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
    except ValueError:
        return ""
    return parts.netloc.rpartition("@")[2].lower() if named else ""
