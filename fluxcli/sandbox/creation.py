"""The rules of `generate` and `record-info`: what is refused, and how tasks end.

Source: the service's documentation of Flux Kontext and recorded traffic.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fluxcli.sandbox.answers import FIELD_REQUIRED, FLAGGED, INTERNAL
from fluxcli.sandbox.bodies import Invalid, authority, compact, read_object
from fluxcli.sandbox.stock_images import FORMATS, RATIOS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fluxcli.sandbox.account import SandboxTask

PRICES: Final = {"flux-kontext-pro": 5.0, "flux-kontext-max": 10.0}
SUBMISSIONS: Final = 20
SUBMISSION_WINDOW: Final = 10.0
READS: Final = 10
READ_WINDOW: Final = 1.0
LATE_SECONDS: Final = 90.0
RECORD_SECONDS: Final = 61 * 86400.0

DEFAULT_RATIO: Final = "16:9"
_TOLERANCE: Final = {"generate": 6, "edit": 2}
_SWITCHES: Final = ("enableTranslation", "uploadCn", "promptUpsampling")
_TEXTS: Final = ("inputImage", "aspectRatio", "outputFormat", "model", "callBackUrl", "watermark")
_SPREAD: Final = 0.25
TIERS: Final = ("pro", "max")
JOBS_MODEL: Final = "flux1-kontext"
UNSUPPORTED_MODEL: Final = "The model name you specified is not supported."
_JOBS_FIELDS: Final = {
    "prompt": "prompt",
    "enableTranslation": "enable_translation",
    "uploadCn": "upload_cn",
    "inputImage": "input_image",
    "aspectRatio": "aspect_ratio",
    "outputFormat": "output_format",
    "promptUpsampling": "prompt_upsampling",
    "safetyTolerance": "safety_tolerance",
    "watermark": "watermark",
}
"""The fields of `generate` and their names in the `input` of `createTask`."""

_ENDINGS: Final = {
    "moderated": (2, 400, FLAGGED),
    "failed": (3, 501, "Generation failed, please try again later."),
    "internal": (2, 500, INTERNAL),
    "unreachable": (
        3,
        501,
        "Failed to fetch the image. Kindly verify any access limits set by you.",
    ),
}
"""Each failure's successFlag, errorCode and errorMessage."""

FAILURES: Final = frozenset(_ENDINGS)


@dataclass(frozen=True, slots=True)
class CreationRequest:
    """A valid request. `ratio` is None where none was given."""

    prompt: str
    image: str | None
    ratio: str | None
    form: str
    credits: float
    callback: str


def read(body: bytes) -> tuple[CreationRequest, str]:
    """Return the request, and its echo as the record will show it.

    Raises:
        Invalid: it breaks a rule.
    """
    fields = read_object(body, code=422)
    _check_types(fields, names={})
    return _validated(fields, names={}), compact(fields)


def read_jobs(body: bytes, *, tiers: bool = False) -> tuple[CreationRequest, str]:
    """Return the request of a `createTask` body, and its echo; see `read`.

    `tiers`: the field `mode` chooses `pro` or `max`.
    """
    fields = read_object(body, code=422)
    if fields.get("model") != JOBS_MODEL:
        raise Invalid(422, UNSUPPORTED_MODEL)
    given = fields.get("input")
    if not isinstance(given, dict):
        raise Invalid(500, FIELD_REQUIRED)
    names = {new: old for old, new in _JOBS_FIELDS.items()}
    flat = {names[name]: value for name, value in given.items() if name in names}
    if tiers and given.get("mode") is not None:
        _offered("mode", given["mode"], TIERS)
        flat["model"] = f"flux-kontext-{given['mode']}"
    flat["callBackUrl"] = fields.get("callBackUrl")
    _check_types(flat, names=_JOBS_FIELDS)
    echo = compact({"input": compact(given), "model": JOBS_MODEL})
    return _validated(flat, names=_JOBS_FIELDS), echo


def is_jobs(task: SandboxTask) -> bool:
    """Return whether a task was created by `createTask`."""
    return bool(json.loads(task.params).get("model") == JOBS_MODEL)


def _check_types(fields: dict[str, Any], *, names: Mapping[str, str]) -> None:
    """Check the fields of `generate`; a refusal gives each the name that the client sent.

    `names`: the client's name of a field, where it is another one.
    """
    prompt = fields.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise Invalid(500, FIELD_REQUIRED)
    for name in _SWITCHES:
        if not isinstance(fields.get(name, False), bool):
            raise Invalid(500, f"{names.get(name, name)} must be a boolean")
    for name in _TEXTS:
        if not isinstance(fields.get(name) or "", str):
            raise Invalid(500, f"{names.get(name, name)} must be a string")


def _validated(fields: dict[str, Any], *, names: Mapping[str, str]) -> CreationRequest:
    """Return the request, or refuse a value; see `_check_types`."""
    image = fields.get("inputImage") or None
    if image is not None and not authority(image):
        raise Invalid(422, f"{names.get('inputImage', 'inputImage')} is not a valid URL")
    ratio = fields.get("aspectRatio") or None
    form = fields.get("outputFormat") or "jpeg"
    model = fields.get("model") or "flux-kontext-pro"
    _offered(names.get("aspectRatio", "aspectRatio"), ratio, (None, *RATIOS))
    _offered(names.get("outputFormat", "outputFormat"), form, FORMATS)
    _offered("model", model, tuple(PRICES))
    tolerance = fields.get("safetyTolerance", 2)
    whole = isinstance(tolerance, int) and not isinstance(tolerance, bool)
    if not whole or not 0 <= tolerance <= _TOLERANCE["edit" if image else "generate"]:
        name = names.get("safetyTolerance", "safetyTolerance")
        raise Invalid(500, f"{name} is not within the range of allowed options")
    return CreationRequest(
        fields["prompt"], image, ratio, form, PRICES[model], fields.get("callBackUrl") or ""
    )


def _offered(name: str, value: str | None, offer: tuple[str | None, ...]) -> None:
    if value not in offer:
        raise Invalid(500, f"{name} is not within the range of allowed options")


def outcome_of(prompt: str) -> str:
    """Return the outcome that markers in the prompt select."""
    if "[moderated]" in prompt:
        return "moderated"
    return "failed" if "[fails]" in prompt else "success"


def duration(name: str, seconds: float) -> float:
    """Return how long the task of this id takes: `seconds` plus or minus a quarter."""
    share = zlib.crc32(name.encode()) % 1001 / 1000
    return seconds * (1 - _SPREAD + 2 * _SPREAD * share)


def record(task: SandboxTask, *, now: float, result_url: str) -> dict[str, object]:
    """Return the `data` of a task's record as it is at `now`."""
    over = now >= task.ends
    flag, code, message = _ENDINGS.get(task.outcome, (1, None, None)) if over else (0, None, None)
    return {
        "taskId": task.id,
        "paramJson": task.params,
        "response": response(task, result_url=result_url) if flag == 1 else None,
        "completeTime": _milliseconds(task.ends) if over else None,
        "createTime": _milliseconds(task.created),
        "successFlag": flag,
        "errorCode": code,
        "errorMessage": message,
    }


def jobs_record(task: SandboxTask, *, now: float, result_url: str) -> dict[str, object]:
    """Return the `data` of a `recordInfo` answer as it is at `now`."""
    flat = record(task, now=now, result_url=result_url)
    flag = flat["successFlag"]
    over, done = flag != 0, flag == 1
    links = {"resultUrls": [f"{result_url}/results/{task.id}.{task.form}"]} if done else None
    failed = over and not done
    return {
        "taskId": task.id,
        "model": JOBS_MODEL,
        "state": "success" if done else "fail" if failed else "generating",
        "param": task.params,
        "resultJson": compact(links) if links else "",
        "failCode": str(flat["errorCode"]) if failed else None,
        "failMsg": flat["errorMessage"] if failed else None,
        "costTime": round(task.ends - task.created) if over else None,
        "completeTime": flat["completeTime"],
        "createTime": flat["createTime"],
        "updateTime": flat["completeTime"] or flat["createTime"],
        "successFlag": 3 if failed else flag,
        "response": links,
        "creditsConsumed": task.credits if done else 0.0 if failed else None,
    }


def is_forgotten(task: SandboxTask, now: float) -> bool:
    """Return whether the record of a task is gone, or not there yet."""
    if task.outcome == "late" and now < task.created + LATE_SECONDS:
        return True
    return task.outcome == "forgotten" or now >= task.created + RECORD_SECONDS


def response(task: SandboxTask, *, result_url: str) -> dict[str, str | None]:
    """Return a finished task's two links."""
    name = f"{task.id}.{task.form}"
    # The first has been seen missing in each of these ways; the task's id selects one.
    absent: tuple[str | None, ...] = (None, "", "null", f"{result_url}/origin/{name}")
    return {
        "originImageUrl": absent[zlib.crc32(task.id.encode()) // 1001 % len(absent)],
        "resultImageUrl": f"{result_url}/results/{name}",
    }


def callback(task: SandboxTask, *, result_url: str) -> dict[str, object]:
    """Return the body that `callBackUrl` is sent when the task is over."""
    _, code, message = _ENDINGS.get(task.outcome, (1, 200, "BFL image generated successfully."))
    links: dict[str, str | None] = {"originImageUrl": "", "resultImageUrl": ""}
    if task.outcome not in FAILURES:
        links = response(task, result_url=result_url)
    return {"code": code, "msg": message, "data": {"taskId": task.id, "info": links}}


def jobs_callback(task: SandboxTask, *, result_url: str) -> dict[str, object]:
    """Return the callback body of a `createTask` task: the record, and code 200 or 501."""
    data = jobs_record(task, now=task.ends, result_url=result_url)
    if task.outcome in FAILURES:
        return {"code": 501, "msg": data["failMsg"], "data": data}
    return {"code": 200, "msg": "Playground task completed successfully.", "data": data}


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
