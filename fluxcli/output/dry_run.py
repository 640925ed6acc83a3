"""The answer of `--dry-run`: the request, its input, the output paths, the estimate."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from fluxcli.output.json_records import plan_record
from fluxcli.output.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fluxcli.output.output import Output
    from fluxcli.task_types import Request

_TOTALS_WIDTH: Final = len("enable_translation")


def show_dry_run(
    output: Output,
    request: Request,
    paths: Sequence[str],
    estimate: float,
    source: str | None,
    *,
    images: int,
    unpaid: int,
    preset: str | None = None,
    again: str | None = None,
    metadata: str = "none",
) -> None:
    """Print what would be sent, one field a line; with `--json` as one object.

    `estimate` is for the `unpaid` ones of the `images`.
    """
    if output.json:
        record = plan_record(
            request,
            paths,
            estimate,
            source,
            images=images,
            unpaid=unpaid,
            preset=preset,
            again=again,
            metadata=metadata,
        )
        output.record(record)
        return
    fields: list[tuple[str, object]] = [
        *asdict(request).items(),
        ("preset", preset),
        ("again", again),
        ("input", source),
        *(("output", path) for path in paths),
        ("metadata", None if metadata == "none" else metadata),
        ("images", images),
        ("unpaid", None if unpaid == images else unpaid),
        ("estimated_credits", estimate),
    ]
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        if value is not None:
            output.answer(f"{name:{width}}  {visible(_text(value))}")


def show_list_plan(
    output: Output,
    rows: Sequence[tuple[str, str, Request, int]],
    estimate: float,
    *,
    unpaid: int,
    preset: str | None,
    metadata: str,
) -> None:
    """Print what a prompt list would make: number, output path and request of each image.

    A row ends with 1 if its image is still to be paid for, else 0. `estimate` is for the `unpaid`
    ones; with `--json` there is an object for each image.
    """
    if output.json:
        for _, path, request, left in rows:
            price = output.prices()[request.model] * left
            record = plan_record(
                request, [path], price, unpaid=left, preset=preset, metadata=metadata
            )
            output.record(record)
        return
    fields = [field for field in asdict(rows[0][2]) if field not in {"mode", "prompt"}]
    values = {field: {getattr(request, field) for *_, request, _ in rows} for field in fields}
    shared = [field for field in fields if len(values[field]) == 1]
    for key, path, request, _ in rows:
        chosen = [f for f in fields if f not in shared and getattr(request, f) is not None]
        own = [f"{field} {_text(getattr(request, field))}" for field in chosen]
        output.answer(f"{key}  {visible(path)}  {visible('  '.join([request.prompt, *own]))}")
    totals: Iterable[tuple[str, object]] = [
        *((field, getattr(rows[0][2], field)) for field in shared),
        ("preset", preset),
        ("metadata", None if metadata == "none" else metadata),
        ("images", len(rows)),
        ("unpaid", unpaid),
        ("estimated_credits", estimate),
    ]
    for name, value in totals:
        if value is not None:
            output.answer(f"{name:{_TOTALS_WIDTH}}  {visible(_text(value))}")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
