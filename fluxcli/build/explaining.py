"""`fluxcli assets explain`: what an asset resolves to, where each value is set, why it is stale."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fluxcli.build.manifest.interpolation import names_in
from fluxcli.build.manifest.search import shown_from
from fluxcli.build.manifest.selection import select
from fluxcli.build.opening import opened
from fluxcli.errors import Code, FluxError
from fluxcli.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fluxcli.build.build_call import BuildCall
    from fluxcli.build.build_inputs import BuildInputs
    from fluxcli.build.manifest.asset import Asset
    from fluxcli.build.steps import PlanStep
    from fluxcli.tomltext import Trail

_BUILT_IN = "default"


def explain(inputs: BuildInputs, call: BuildCall) -> None:
    """Print each named asset; with `--json`, one object for each."""
    if not call.names:
        hint = "fluxcli assets explain hero"
        raise FluxError(Code.USAGE, "name the assets to explain", hint=hint)
    project, selection = opened(inputs, call)
    plan = project.plan(selection, now=inputs.clock.wall())
    wanted = select(project.manifest, call.names, tags=call.tags, parents=False).names
    for number, step in enumerate(step for step in plan.steps if step.name in wanted):
        record = explanation(step, inputs.cwd)
        if inputs.output.json:
            inputs.output.record(record)
        else:
            if number:
                inputs.output.answer("")
            inputs.output.answer("\n".join(_lines(step, record)))


def explanation(step: PlanStep, cwd: Path) -> dict[str, object]:
    """Return what one asset resolves to; `sources` has the origin of each value."""
    asset = step.asset
    made = step.entry.made if step.entry else None
    request = asdict(asset.request) if asset else {}
    request.pop("input_image", None)
    return {
        "name": step.name,
        "declared": f"{_file(asset, cwd)}:{asset.line}" if asset else None,
        "action": step.action.value,
        "reasons": list(step.reasons),
        "next": step.next,
        **request,
        "edit": str(asset.original) if asset and asset.original else None,
        "prompt_file": asset.prompt_file if asset else None,
        "member": dict(asset.member) if asset else {},
        "tags": list(asset.tags) if asset else [],
        "rev": asset.rev if asset else None,
        "frozen": asset.frozen if asset else None,
        "output": step.output,
        "sources": sources(asset, cwd) if asset else {},
        "request_hash": step.request.hash if step.request else None,
        "locked_hash": made.request.hash if made else None,
        "sha256": made.sha256 if made else None,
        "task_id": made.request.task_id if made else None,
        "estimated_credits": step.credits,
    }


def sources(asset: Asset, cwd: Path) -> Mapping[str, str]:
    """Return where each field of the request is set: `assets.toml:9 [defaults]`, or `default`."""
    found = {field.name: _BUILT_IN for field in FIELDS}
    found |= {key: _source(asset, trail, cwd) for key, trail in asset.origins.items()}
    raw = asset.source.values
    for key in asset.origins["prompt"]:
        raw = raw.get(str(key), {}) if isinstance(raw, dict) else raw
    own = asset.source.values.get("vars")
    for name in sorted(names_in(str(raw)) - asset.member.keys()):
        known = isinstance(own, dict) and name in own
        where = _source(asset, ("vars", name), cwd) if known else "[vars] of the including file"
        found["prompt"] += f", {{{name}}} from {where}"
    return found


def _source(asset: Asset, trail: Trail, cwd: Path) -> str:
    if not trail:
        return _BUILT_IN
    table = ".".join(str(part) for part in trail[:-1] if isinstance(part, str))
    return f"{_file(asset, cwd)}:{asset.source.value(*trail).line} [{table}]"


def _file(asset: Asset, cwd: Path) -> str:
    return shown_from(Path(os.path.normpath(asset.source.path)), cwd)


def _lines(step: PlanStep, record: Mapping[str, object]) -> list[str]:
    reasons = "; ".join(step.reasons)
    lines = [f"{step.action.sign} {step.name}: {step.action.value.replace('_', ' ')}, {reasons}"]
    origins = record["sources"]
    for key, value in record.items():
        if key in {"name", "action", "reasons", "sources"} or value in (None, [], {}):
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if isinstance(value, dict):
            text = ", ".join(f"{name}={one}" for name, one in value.items())
        if isinstance(value, list):
            text = ", ".join(map(str, value))
        origin = origins.get(key) if isinstance(origins, dict) else None
        lines.append(f"  {key:18} {text}" + (f"  ({origin})" if origin else ""))
    return lines
