"""The requests that the sandbox received, in either wire format."""

from __future__ import annotations

import json


def input_image(params: str) -> str | None:
    """Return the image that a stored request edits; None if it edits none."""
    fields = json.loads(params)
    inner = json.loads(fields["input"]) if "input" in fields else fields
    found = inner.get("input_image") or inner.get("inputImage")
    return None if found is None else str(found)
