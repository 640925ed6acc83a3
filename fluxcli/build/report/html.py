"""A build as one page of HTML: every picture, its prompt, its price, before and after.

Needs nothing beside itself: pictures stand in it, or (where there are too many) are linked
relative to it. Light and dark, wide and narrow, without any script.
"""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from fluxcli.build.report.words import TROUBLE, WAITING, reason
from fluxcli.build.steps import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fluxcli.build.manifest.asset import Manifest
    from fluxcli.build.outcome import Outcome, Result

_INLINE_BYTES: Final = 32 << 20
"""Up to so many bytes of pictures stand in the page itself."""

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c1e21; --dim: #5f6672; --page: #f6f7f9;
  --card: #fff; --line: #dfe2e7; --good: #1a7f4b; --bad: #c0362c; --wait: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --dim: #9aa2ad; --page: #131518;
  --card: #1c1f24; --line: #30353c; --good: #4cc38a; --bad: #ff7b72; --wait: #d9a441; } }
* { box-sizing: border-box; }
body { margin: 0; padding: clamp(1rem, 3vw, 2.5rem); background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.4rem; overflow-wrap: anywhere; }
header p { margin: .25rem 0 1.5rem; color: var(--dim); }
main { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); }
article { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  overflow: hidden; display: flex; flex-direction: column; }
article > .words { padding: .8rem 1rem 1rem; }
h2 { margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
.state { float: right; margin-left: .6rem; font-size: .8rem; font-weight: 600; color: var(--dim); }
.good { color: var(--good); } .bad { color: var(--bad); } .wait { color: var(--wait); }
.bad ~ .why { color: var(--bad); }
.pictures { display: flex; background: var(--line); gap: 1px; }
figure { margin: 0; flex: 1 1 0; min-width: 0; position: relative; background: var(--page); }
figure img { display: block; width: 100%; height: 14rem; object-fit: contain; }
figcaption { position: absolute; left: .4rem; top: .4rem; padding: 0 .45rem; border-radius: .3rem;
  background: #000a; color: #fff; font-size: .75rem; }
.none { height: 14rem; display: grid; place-items: center; color: var(--dim); }
p { margin: .4rem 0 0; overflow-wrap: anywhere; }
.prompt { white-space: pre-wrap; } .why, dl { color: var(--dim); font-size: .85rem; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 .8rem; margin: .6rem 0 0; }
dd { margin: 0; overflow-wrap: anywhere; }
dd.id { font-family: ui-monospace, monospace; font-size: .9em; letter-spacing: -.03em; }
""".strip()


def document(
    outcomes: Iterable[Outcome],
    manifest: Manifest,
    *,
    before: Mapping[str, bytes],
    at: Path,
    now: float,
    sandbox: bool,
) -> str:
    """Return the page, which is to lie in the folder `at`; `before` are former pictures."""
    found = list(outcomes)
    shelf = _Shelf(manifest, before, at, found)
    title = escape(f"Pictures of {manifest.path.name}")
    when = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    told = f"{when} · {len(found)} assets · an estimated {_credits(found, 'saved')} credits spent"
    if to_come := _credits(found, "planned"):
        told += f", {to_come} to be spent"
    told += " · by the sandbox: nothing was paid" if sandbox else ""
    cards = "\n".join(_card(outcome, shelf) for outcome in found)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        f"<header><h1>{title}</h1><p>{escape(told)}</p></header>\n"
        f"<main>\n{cards}\n</main>\n</body>\n</html>\n"
    )


def _credits(outcomes: Iterable[Outcome], result: Result) -> int:
    return sum(outcome.step.credits for outcome in outcomes if outcome.result == result)


class _Shelf:
    """Where the pages' pictures come from."""

    def __init__(
        self, manifest: Manifest, before: Mapping[str, bytes], at: Path, outcomes: list[Outcome]
    ) -> None:
        self._folder = manifest.folder
        self._before = before
        self._at = at
        sizes = (_size(self._folder / outcome.step.output) for outcome in outcomes)
        self._inline = sum(sizes) + sum(map(len, before.values())) <= _INLINE_BYTES

    def now(self, outcome: Outcome) -> str | None:
        """Return the address of the picture that lies there now; None if none does."""
        path = self._folder / outcome.step.output
        if not outcome.step.output or not path.is_file():
            return None
        if self._inline:
            return _data(path.read_bytes(), path.suffix)
        return quote(os.path.relpath(path, self._at))

    def former(self, outcome: Outcome) -> str | None:
        """Return the address of the picture that lay there before; None if that is the same."""
        data = self._before.get(outcome.step.name)
        if data is None or outcome.result != "saved" or outcome.step.action is not Action.CHANGED:
            return None
        made = outcome.step.entry.made if outcome.step.entry else None
        return _data(data, f".{made.format}" if made else ".png")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _data(data: bytes, suffix: str) -> str:
    kind = "png" if suffix.lower() == ".png" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _card(outcome: Outcome, shelf: _Shelf) -> str:
    step, asset = outcome.step, outcome.step.asset
    now, former = shelf.now(outcome), shelf.former(outcome)
    kind = "bad" if outcome.result in TROUBLE else "wait" if outcome.result in WAITING else "good"
    prompt = escape(asset.request.prompt) if asset else ""
    return (
        f'<article><div class="pictures">{_pictures(outcome, now, former)}</div>'
        f'<div class="words"><span class="state {kind}">{escape(outcome.result)}</span>'
        f"<h2>{escape(step.name)}</h2>"
        f'<p class="prompt">{prompt}</p><p class="why">{escape(reason(outcome))}</p>'
        f"{_facts(outcome)}</div></article>"
    )


def _pictures(outcome: Outcome, now: str | None, former: str | None) -> str:
    if now is None:
        return '<figure><div class="none">no picture</div></figure>'
    alt = escape(outcome.step.name, quote=True)
    if former is None:
        # What is there is not what was asked for; the page must not let it pass for that.
        stays = outcome.result in TROUBLE or outcome.result == "planned"
        caption = "<figcaption>as it was</figcaption>" if stays else ""
        return f'<figure><img loading="lazy" alt="{alt}" src="{now}">{caption}</figure>'
    return (
        f'<figure><img alt="{alt}, before" src="{former}"><figcaption>before</figcaption></figure>'
        f'<figure><img alt="{alt}, after" src="{now}"><figcaption>after</figcaption></figure>'
    )


def _facts(outcome: Outcome) -> str:
    step, asset = outcome.step, outcome.step.asset
    picture = outcome.task.picture if outcome.task else None
    facts = {
        "output": step.output,
        "model": asset.request.model if asset else "",
        "made from": str(asset.original) if asset and asset.original else "",
        "size": f"{picture.width} by {picture.height}, {picture.bytes // 1024} KB"
        if picture
        else "",
        "credits": _price(outcome),
    }
    rows = "".join(f"<dt>{key}</dt><dd>{escape(text)}</dd>" for key, text in facts.items() if text)
    if outcome.task and outcome.task.task_id:
        rows += f'<dt>task</dt><dd class="id">{escape(outcome.task.task_id)}</dd>'
    return f"<dl>{rows}</dl>"


def _price(outcome: Outcome) -> str:
    """Return what an asset has cost or will; nothing for what came to nothing."""
    price = outcome.step.credits
    if not price or outcome.result not in {"saved", "planned"}:
        return ""
    return str(price) if outcome.result == "saved" else f"{price}, if it is made"
