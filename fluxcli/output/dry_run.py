"""The answer of `--dry-run`: the request, its input, the output paths, the estimate."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from fluxcli.output.json_records import plan_record
from fluxcli.output.text import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fluxcli.models import Request
    from fluxcli.output.output import Output


def show_dry_run(
    output: Output,
    request: Request,
    paths: Sequence[str],
    estimate: float,
    source: str | None,
) -> None:
    """Print what would be sent, one field a line; with `--json` as one object."""
    if output.json:
        output.record(plan_record(request, paths, estimate, source))
        return
    fields: list[tuple[str, object]] = [
        *asdict(request).items(),
        ("input", source),
        *(("output", path) for path in paths),
        ("estimated_credits", estimate),
    ]
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        if value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            output.answer(f"{name:{width}}  {visible(text)}")
