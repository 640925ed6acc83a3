"""The wire format of the API for Flux Kontext alone: flat camelCase JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fluxcli.catalog import DEFAULT_RATIO, FORMATS, MODELS, PRO, RATIOS
from fluxcli.client.wire import (
    Record,
    Reply,
    WireName,
    link,
    load,
    moment,
    named,
    number,
    same_prompt,
)
from fluxcli.models import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES: Final[dict[str, str]] = {
    "prompt": "prompt",
    "model": "model",
    "aspect_ratio": "aspectRatio",
    "output_format": "outputFormat",
    "safety_tolerance": "safetyTolerance",
    "prompt_upsampling": "promptUpsampling",
    "enable_translation": "enableTranslation",
    "upload_cn": "uploadCn",
    "watermark": "watermark",
    "callback_url": "callBackUrl",
    "input_image": "inputImage",
}
"""The request's fields and their names in this format."""


class KontextWireFormat:
    """Numbers for states, camelCase names, one `resultImageUrl`."""

    name: WireName = "kontext"
    submit_path = "/api/v1/flux/kontext/generate"

    def record_path(self, task_id: str) -> str:
        """Return the path at which a task is read. The id is opaque, so it is quoted."""
        return (
            f"/api/v1/flux/kontext/record-info?taskId={quote(task_id, safe='', errors='replace')}"
        )

    def body(self, request: Request) -> dict[str, object]:
        """Return the JSON body of a submission; fields that are None are left out."""
        return filled(request, NAMES)

    def record(self, reply: Reply) -> Record | None:
        """Read a task's record. An unknown flag, or success without a URL, is still running."""
        if not reply.good:
            return None
        fields = reply.data if isinstance(reply.data, dict) else {}
        flag = number(fields.get("successFlag"))
        response = fields.get("response")
        if isinstance(response, str):
            response = load(response)
        url = link(response.get("resultImageUrl")) if isinstance(response, dict) else None
        failed = flag in (2, 3)
        message = fields.get("errorMessage")
        echo = fields.get("paramJson")
        parsed = load(echo) if isinstance(echo, str) else echo
        return Record(
            state="failed" if failed else "succeeded" if flag == 1 and url else "running",
            url=url,
            error_code=number(fields.get("errorCode")) if failed else None,
            error_message=message if isinstance(message, str) and message != "null" else "",
            created_at=moment(fields.get("createTime")),
            completed_at=moment(fields.get("completeTime")),
            echo=parsed if isinstance(parsed, dict) else {},
            task_id=named(fields.get("taskId")),
        )

    def request(self, echo: dict[str, Any]) -> Request:
        """Return the request that an echo is of; a field that is missing has its default."""
        return request_from(echo, NAMES)

    def echoes(self, echo: dict[str, Any], request: Request) -> bool | None:
        """Return whether a record's echo is of this request; None if it holds too little."""
        return compared(echo, request, NAMES)

    def has_prompt(self, echo: dict[str, Any], request: Request) -> bool | None:
        """Return whether a record's echo has this request's prompt; None if undecided."""
        return same_prompt(
            echo.get("prompt"), request.prompt, translated=request.enable_translation
        )


def filled(request: Request, names: Mapping[str, str]) -> dict[str, object]:
    """Return the request's fields under the names of a wire format, without those that are None."""
    values = {wire: getattr(request, field) for field, wire in names.items()}
    return {wire: value for wire, value in values.items() if value is not None}


def request_from(echo: Mapping[str, Any], names: Mapping[str, str]) -> Request:
    """Return the request that an echo is of; a field that is missing has its default."""
    values = {field: echo.get(wire) for field, wire in names.items()}
    image, prompt = link(values["input_image"]), values["prompt"]
    ratio, tolerance = values["aspect_ratio"], number(values["safety_tolerance"])
    return Request(
        mode="edit" if image else "generate",
        prompt=prompt if isinstance(prompt, str) else "",
        model=MODELS.get(str(values.get("model")), PRO),
        aspect_ratio=ratio if ratio in RATIOS else None if image else DEFAULT_RATIO,
        output_format=FORMATS.get(str(values["output_format"]), "jpeg"),
        safety_tolerance=2 if tolerance is None else tolerance,
        input_image=image,
    )


def compared(echo: Mapping[str, Any], request: Request, names: Mapping[str, str]) -> bool | None:
    """Return whether an echo is of `request`; None if it holds too little to decide.

    Only fields that the echo holds are compared: the service leaves some out. But an input image
    belongs to another request if none was edited here.
    """
    if not isinstance(echo.get("prompt"), str):
        return None
    if link(echo.get(names["input_image"])) and request.mode == "generate":
        return False
    present = {name: value for name, value in echo.items() if value is not None}
    return all(
        present[name] in (value, str(value))
        for name, value in filled(request, names).items()
        if name in present
    )
