"""Tasks as one HTML page: images, prompts, lineage, cost. Pure, but for reading the images.

Everything from outside is escaped; the page loads nothing from the network and runs no script.
"""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Final

from fluxcli.output.task_card import card
from fluxcli.output.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fluxcli.task_types import Task

_INLINE_BYTES: Final = 4_000_000
"""A larger image is linked instead, so that the page can still be opened."""

_MIME: Final = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
}
_HEAD: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data: file:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fluxcli tasks</title>
<style>
:root{color-scheme:light dark;font:15px/1.45 system-ui,sans-serif}
body{margin:2rem auto;max-width:78rem;padding:0 1rem}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(18rem,1fr));gap:1.25rem}
article{border:1px solid #8886;border-radius:.5rem;overflow:hidden;overflow-wrap:anywhere}
article:target{outline:3px solid #38f}
img{display:block;width:100%;height:auto}
.none{aspect-ratio:16/9;display:grid;place-items:center;background:#8882}
h2{font-size:1rem;margin:.75rem 1rem .25rem;white-space:pre-wrap}
p{margin:.25rem 1rem .75rem}
.state{font-weight:600}.saved{color:#287d3c}.failed,.refused{color:#c0392b}.unknown{color:#b7791f}
details{margin:0 1rem 1rem}dl{display:grid;grid-template-columns:auto 1fr;gap:.15rem .75rem}
dt{opacity:.65}dd{margin:0;font-family:ui-monospace,monospace;font-size:.85em}
</style></head><body>
"""


_SHORT: Final = 8
"""Characters of an id that a page shows; its link and the details have all."""


def page(
    tasks: Sequence[Task], known: Sequence[Task], now: float, command: Callable[[str], str] = str
) -> str:
    """Return the page for `tasks`; edits of them are found among `known` tasks."""
    shown = {task.task_id or task.ref for task in tasks}
    count = "1 task" if len(tasks) == 1 else f"{len(tasks)} tasks"
    parts = [_HEAD, f"<h1>{count}</h1>\n<main>\n"]
    parts.extend(_article(task, card(task, known, now, command=command), shown) for task in tasks)
    parts.append("</main>\n</body></html>\n")
    return "".join(parts)


def _article(task: Task, fields: Sequence[tuple[str, str]], shown: set[str]) -> str:
    # A page is kept: how long ago something was would be wrong when it is read.
    fields = [(name, _moment(text) if name == "created" else text) for name, text in fields]
    values = dict(fields)
    facts = [
        f'<span class="state {task.state}">{task.state}</span>',
        _text(task.request.model),
        *(_text(values[name]) for name in ("estimate", "created") if name in values),
    ]
    if "kept until" in values:
        facts.append(f"kept by the service until {_text(values['kept until'])}")
    parent = (task.source or "").removeprefix("task:")
    if task.source and parent != task.source:
        text = f"edit of {_text(parent[:_SHORT])}"
        facts.append(f'<a href="#{_text(parent)}">{text}</a>' if parent in shown else text)
    rows = "".join(f"<dt>{_text(name)}</dt><dd>{_text(text)}</dd>" for name, text in fields)
    return (
        f'<article id="{_text(task.task_id or task.ref)}">{_image(task)}'
        f"<h2>{_text(task.request.prompt)}</h2><p>{' · '.join(facts)}</p>"
        f"<details><summary>details</summary><dl>{rows}</dl></details></article>\n"
    )


def _moment(text: str) -> str:
    """Return a time of a card without its age, as `2026-11-26 01:02:35 UTC`."""
    return text.partition(" (")[0].replace("T", " ").replace("Z", " UTC")


def _image(task: Task) -> str:
    picture = task.picture if task.state == "saved" else None
    if picture is None or picture.path is None:
        return f'<div class="none">{task.state}</div>'
    source = _source(picture.path, picture.format)
    if source is None:
        return '<div class="none">the file is gone</div>'
    alt = _text(task.request.prompt)
    link = escape(picture.path.as_uri(), quote=True)
    return f'<a href="{link}"><img loading="lazy" alt="{alt}" src="{source}"></a>'


def _source(path: Path, kind: str) -> str | None:
    """The image as a `data:` URL, a link if it is large, None if it cannot be read."""
    try:
        if path.stat().st_size > _INLINE_BYTES or kind not in _MIME:
            return escape(path.as_uri(), quote=True)
        data = base64.standard_b64encode(path.read_bytes()).decode()
    except (OSError, ValueError):
        return None
    return f"data:{_MIME[kind]};base64,{data}"


def _text(text: str) -> str:
    return escape(visible(text, keep="\n\t"), quote=True)
