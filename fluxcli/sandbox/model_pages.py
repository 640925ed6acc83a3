"""The models as the service lists them: their prices, schemas and success rates.

Source: the service's documentation of 2026-10. All four pages are free, and share a limit of one
read in a second for each account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.sandbox import answers
from fluxcli.sandbox.creation import JOBS_MODEL, TIERS
from fluxcli.sandbox.stock_images import FORMATS, RATIOS

if TYPE_CHECKING:
    from fluxcli.sandbox.http_messages import HttpAnswer

READS: Final = 1
READ_WINDOW: Final = 1.0

_ROOT: Final = "/api/v1/models"
_HOUR: Final = 3600
_HOURS: Final = 24
_PRICE: Final = (
    "Flux.1 Kontext has two tiers: Pro mode at 5 credits per image (~$0.025) "
    "and Max mode at 10 credits (~$0.05)."
)
_NO_MODEL: Final = "The model does not exist"


def is_page(path: str) -> bool:
    """Return whether a path is one of these pages, of any model."""
    return path == _ROOT or path.startswith(f"{_ROOT}/")


def answer(path: str, now: float, *, tiers: bool) -> HttpAnswer:
    """Answer a read of a page; the name of a model may hold slashes.

    `tiers`: a field of the schema chooses pro or max.
    """
    if path == _ROOT:
        return answers.success({"total": 1, "models": [_listed()]})
    model, _, page = path.removeprefix(f"{_ROOT}/").rpartition("/")
    if page not in {"price", "schema", "success-rate"}:
        return answers.refusal(404, "Not Found")
    if model != JOBS_MODEL:
        return answers.refusal(404, _NO_MODEL)
    match page:
        case "price":
            return answers.success({"model": model, "pricingDesc": _PRICE})
        case "schema":
            return answers.success({"model": model, "openapi": _openapi(tiers=tiers)})
        case _:
            return answers.success({"model": model, "points": _points(now)})


def _listed() -> dict[str, object]:
    return {
        "model": JOBS_MODEL,
        "slug": JOBS_MODEL,
        "title": "Flux.1 Kontext",
        "provider": "Black Forest Labs",
        "taskType": ["text-to-image", "image-to-image"],
        "description": "Makes and edits images from text.",
        "pricingDesc": _PRICE,
    }


def _openapi(*, tiers: bool) -> dict[str, object]:
    """Return the schema of `createTask` for the model; see `answer`."""
    text, switch = {"type": "string"}, {"type": "boolean"}
    fields: dict[str, object] = {
        "prompt": text,
        "enable_translation": {**switch, "default": True},
        "upload_cn": {**switch, "default": False},
        "input_image": {**text, "format": "uri"},
        "aspect_ratio": {**text, "enum": list(RATIOS), "default": "16:9"},
        "output_format": {**text, "enum": list(FORMATS), "default": "jpeg"},
        "prompt_upsampling": {**switch, "default": False},
        "safety_tolerance": {"type": "integer", "minimum": 0, "maximum": 6, "default": 2},
        "watermark": text,
    }
    if tiers:
        fields["mode"] = {**text, "enum": list(TIERS), "default": "pro"}
    body = {
        "type": "object",
        "required": ["model", "input"],
        "properties": {
            "model": {**text, "enum": [JOBS_MODEL]},
            "callBackUrl": {**text, "format": "uri"},
            "input": {"type": "object", "required": ["prompt"], "properties": fields},
        },
    }
    content = {"application/json": {"schema": body}}
    post = {"requestBody": {"content": content}, "responses": {"200": {"description": "success"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": JOBS_MODEL, "version": "1"},
        "paths": {"/api/v1/jobs/createTask": {"post": post}},
    }


def _points(now: float) -> list[dict[str, object]]:
    """Return the last day by hours, in epoch milliseconds; the sandbox's model never fails."""
    last = int(now) // _HOUR * _HOUR
    return [
        {
            "start": start * 1000,
            "end": (start + _HOUR) * 1000,
            "successRate": 100.0,
            "errorRate": 0.0,
            "isNormal": True,
        }
        for start in range(last - _HOURS * _HOUR, last, _HOUR)
    ]
