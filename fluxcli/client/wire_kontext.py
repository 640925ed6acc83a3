"""The wire format of the API for Flux Kontext alone: flat camelCase JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, assert_never
from urllib.parse import quote

from fluxcli import fields
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
from fluxcli.task_types import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fluxcli.fields import RequestField
    from fluxcli.task_types import Mode

NAMES: Final = fields.named("kontext")
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
        data = reply.data if isinstance(reply.data, dict) else {}
        flag = number(data.get("successFlag"))
        response = data.get("response")
        if isinstance(response, str):
            response = load(response)
        url = link(response.get("resultImageUrl")) if isinstance(response, dict) else None
        failed = flag in (2, 3)
        message = data.get("errorMessage")
        echo = data.get("paramJson")
        parsed = load(echo) if isinstance(echo, str) else echo
        return Record(
            state="failed" if failed else "succeeded" if flag == 1 and url else "running",
            url=url,
            error_code=number(data.get("errorCode")) if failed else None,
            error_message=message if isinstance(message, str) and message != "null" else "",
            created_at=moment(data.get("createTime")),
            completed_at=moment(data.get("completeTime")),
            echo=parsed if isinstance(parsed, dict) else {},
            task_id=named(data.get("taskId")),
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
    image, prompt = link(echo.get(names["input_image"])), echo.get("prompt")
    mode: Mode = "edit" if image else "generate"
    values = {
        field.name: _echoed(field, echo.get(names.get(field.name, "")), mode)
        for field in fields.FIELDS
    }
    prompt = prompt if isinstance(prompt, str) else ""
    return Request(mode=mode, prompt=prompt, input_image=image, **values)  # type: ignore[arg-type] # each is read by its kind


def _echoed(field: RequestField, value: object, mode: Mode) -> object:
    """Return a field's value in an echo; its default where that holds none of its kind."""
    found: object
    match field.kind:
        case "choice":
            found = field.values.get(str(value))
        case "whole":
            found = number(value)
        case "switch":
            found = {"true": True, "false": False}.get(str(value).lower())
        case "text":
            found = value if isinstance(value, str) and value else None
        case "address":
            found = link(value)
        case _:
            assert_never(field.kind)
    return field.default_for(mode) if found is None else found


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
