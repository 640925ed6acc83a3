"""`--again`: the request of an earlier task, to be changed by flags and paid for again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fluxcli.errors import Code, FluxError
from fluxcli.fields import FIELDS
from fluxcli.files.output_path import parse_target
from fluxcli.requests.identity import real_path
from fluxcli.requests.inputs import LAST, Again, prompt_of, source_of
from fluxcli.settings.settings import Layer
from fluxcli.task_types import is_unpaid

if TYPE_CHECKING:
    from fluxcli.requests.inputs import RawRequest, RequestEnvironment
    from fluxcli.task_types import Mode


def based_on_earlier(
    name: str, raw: RawRequest, environment: RequestEnvironment
) -> tuple[RawRequest, RequestEnvironment]:
    """Return `raw` and its environment on top of the request of the earlier task `name`.

    An unfinished run of the same typed command keeps its request, even if `@last` names
    another task by now.

    Raises:
        FluxError: TASK_NOT_FOUND; USAGE for an edit of a task that has no input.
    """
    typed = _typed(raw, environment) if name == LAST else None
    begun = list((environment.unfinished(typed) or {}).values()) if typed else []
    paid = [task for task in begun if not is_unpaid(task)]
    task = paid[0] if paid else environment.find(name if name == LAST else name.removeprefix("@"))
    if task is None:
        raise FluxError(
            Code.TASK_NOT_FOUND,
            f"no task `{name}` is known here",
            hint=f"fluxcli status {name}",
        )
    mode: Mode = "edit" if raw.image is not None else task.request.mode
    named = task.task_id or task.ref
    if raw.mode == "edit" and mode != "edit":
        raise FluxError(
            Code.USAGE,
            f"task `{named}` is not an edit and has no input",
            hint=f"fluxcli generate --again {named}",
        )
    values = {f"{mode}.{field.name}": getattr(task.request, field.name) for field in FIELDS}
    if mode != task.request.mode:
        # An edit keeps the ratio of its input, unless one is typed.
        values[f"{mode}.aspect_ratio"] = None
    settings = environment.settings.with_earlier(Layer(f"task `{named}`", values))
    again = Again(task=task, fingerprint=typed)
    return replace(raw, mode=mode, again=again), replace(environment, settings=settings)


def _typed(raw: RawRequest, environment: RequestEnvironment) -> str:
    """Return the fingerprint of a command with `--again @last`, by what was typed."""
    settings = environment.settings
    found = {field.name: settings.value(f"{raw.mode}.{field.name}") for field in FIELDS}
    preset = settings.preset if settings.preset and settings.preset.explicit else None
    output = settings.value("output")
    target = parse_target(str(output.value) if output.given else None, cwd=environment.cwd)
    has_prompt = raw.prompt is not None or raw.prompt_file is not None
    source = source_of(raw, environment) if raw.image is not None else None
    identity = {
        "origin": environment.origin.rstrip("/"),
        "again": LAST,
        "mode": raw.mode,
        "changes": {name: one.value for name, one in found.items() if one.explicit},
        "preset": dict(preset.values) if preset else None,
        "prompt": prompt_of(raw, environment) if has_prompt else None,
        "source": source.identity if source else None,
        "output": "-" if target.kind == "stdout" else real_path(Path(target.stored())),
        "count": raw.count,
    }
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
