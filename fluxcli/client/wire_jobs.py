"""The wire format of the unified jobs API: the model's fields inside `input`, snake_case. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fluxcli.client.wire import (
    Record,
    Reply,
    WireName,
    link,
    load,
    moment,
    named,
    number,
    number_or_text,
    same_prompt,
)
from fluxcli.client.wire_kontext import compared, filled, request_from
from fluxcli.fields import named as named_fields
from fluxcli.prices_and_limits import MAX, MODELS, PRO

if TYPE_CHECKING:
    from fluxcli.task_types import Request

MODEL: Final = "flux1-kontext"
"""The model's name in this API; no field of it chooses between pro and max."""

NAMES: Final = named_fields("jobs")
"""The request's fields and their names inside `input`."""

_FAILED_CODES: Final = (501, 408)
_STATES: Final = {"success": 1, "fail": 3}


class JobsWireFormat:
    """Words for states, results as JSON text. `tier` sends the model as a field of `input`."""

    name: WireName = "jobs"
    submit_path = "/api/v1/jobs/createTask"

    def __init__(self, tier: dict[str, tuple[str, object]] | None = None) -> None:
        self.tier = tier or {}

    def record_path(self, task_id: str) -> str:
        """Return the path at which a task is read. The id is opaque, so it is quoted."""
        return f"/api/v1/jobs/recordInfo?taskId={quote(task_id, safe='', errors='replace')}"

    def body(self, request: Request) -> dict[str, object]:
        """Return the JSON body of a submission; fields that are None are left out."""
        fields = filled(request, NAMES)
        if request.model in self.tier:
            name, value = self.tier[request.model]
            fields[name] = value
        body: dict[str, object] = {"model": MODEL, "input": fields}
        if request.callback_url is not None:
            body["callBackUrl"] = request.callback_url
        return body

    def record(self, reply: Reply) -> Record | None:
        """Read a task's record. An unknown state, or success without a URL, is still running.

        Code 501 or 408 in the envelope also means a failed task (documented, never recorded).
        """
        failed_code = reply.enveloped and reply.http == 200 and reply.code in _FAILED_CODES  # noqa: PLR2004 - HTTP
        if not reply.good and not failed_code:
            return None
        fields = reply.data if isinstance(reply.data, dict) else {}
        flag = _STATES.get(str(fields.get("state")).lower(), 0) or number(fields.get("successFlag"))
        url = _result(fields.get("resultJson")) or _result(fields.get("response"))
        failed = flag in (2, 3) or (failed_code and flag != 1)
        message = fields.get("failMsg")
        if not isinstance(message, str) or message == "null":
            message = ""
        return Record(
            state="failed" if failed else "succeeded" if flag == 1 and url else "running",
            url=url,
            error_code=_failure(fields, reply) if failed else None,
            error_message=message or (reply.message if failed_code else ""),
            created_at=moment(fields.get("createTime")),
            completed_at=moment(fields.get("completeTime")),
            echo=_echo(fields.get("param")),
            task_id=named(fields.get("taskId")),
            credits=number_or_text(fields.get("creditsConsumed")),
            form="jobs",
            is_certain=not failed or flag in (2, 3),
        )

    def request(self, echo: dict[str, Any]) -> Request:
        """Return the request that an echo is of; a field that is missing has its default."""
        return request_from(echo, {**NAMES, "model": "model"})

    def echoes(self, echo: dict[str, Any], request: Request) -> bool | None:
        """Return whether a record's echo is of this request; None if it holds too little."""
        return compared(echo, request, NAMES)

    def has_prompt(self, echo: dict[str, Any], request: Request) -> bool | None:
        """Return whether a record's echo has this request's prompt; None if undecided."""
        return same_prompt(
            echo.get("prompt"), request.prompt, translated=request.enable_translation
        )


def _failure(fields: dict[str, Any], reply: Reply) -> int | None:
    code = number(fields.get("failCode"))
    return code or (reply.code if reply.code in _FAILED_CODES else None)


def _result(value: object) -> str | None:
    """Return the first usable URL of a result, which is JSON text or an object."""
    parsed = load(value) if isinstance(value, str) else value
    urls = parsed.get("resultUrls") if isinstance(parsed, dict) else None
    found = urls if isinstance(urls, list) else [urls]
    return next(filter(None, map(link, found)), None)


def _echo(param: object) -> dict[str, Any]:
    """Return the `input` of an echoed request: JSON text, whose `input` is JSON text again."""
    outer = load(param) if isinstance(param, str) else param
    inner = outer.get("input") if isinstance(outer, dict) else None
    if isinstance(inner, str):
        inner = load(inner)
    return inner if isinstance(inner, dict) else {}


def tiers_of(data: object) -> dict[str, tuple[str, object]]:
    """Return the `input` property and its value for each tier, from the service's schema."""
    found: dict[str, tuple[str, object]] = {}
    queue: list[object] = [data]
    while queue:
        value = queue.pop()
        if isinstance(value, str) and value.lstrip().startswith("{"):
            value = load(value)
        if isinstance(value, list):
            queue += value
        if not isinstance(value, dict):
            continue
        queue += value.values()
        properties = value.get("properties")
        inner = properties.get("input") if isinstance(properties, dict) else None
        fields = inner.get("properties") if isinstance(inner, dict) else None
        for name, field in fields.items() if isinstance(fields, dict) else ():
            values = field.get("enum") if isinstance(field, dict) else None
            tiers = _tier_values(values) if isinstance(values, list) else {}
            found |= {model: (str(name), tier) for model, tier in tiers.items()}
    return found


def _tier_values(values: list[object]) -> dict[str, object]:
    """Return the value for each model if an enumeration is exactly the two tiers."""
    tiers = {MODELS.get(str(value).lower()): value for value in values}
    return {PRO: tiers[PRO], MAX: tiers[MAX]} if set(tiers) == {PRO, MAX} else {}
