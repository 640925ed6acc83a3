"""A build as one page of HTML: new and changed images first, prompt, cost, before and after.

The page needs nothing but its images: embedded, beside it in a folder, or linked relative to
it. Light and dark, wide and narrow, without scripts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Final

from fluxcli.build.report.result import TROUBLE, WAITING, price

if TYPE_CHECKING:
    from fluxcli.build.outcome import Outcome
    from fluxcli.build.report.images import ReportImages
    from fluxcli.build.report.result import BuildResult

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c1e21; --dim: #5f6672; --page: #f6f7f9;
  --card: #fff; --line: #dfe2e7; --good: #1a7f4b; --bad: #c0362c; --wait: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --dim: #9aa2ad; --page: #131518;
  --card: #1c1f24; --line: #30353c; --good: #4cc38a; --bad: #ff7b72; --wait: #d9a441; } }
* { box-sizing: border-box; }
body { margin: 0; padding: clamp(1rem, 3vw, 2.5rem); background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.4rem; overflow-wrap: anywhere; }
.errors { margin: 0 0 1.5rem; padding: .8rem 1rem; border: 1px solid var(--bad);
  border-radius: .6rem; color: var(--bad); list-style: none; }
.errors code { color: var(--ink); }
h3 { margin: 2rem 0 .8rem; font-size: 1.05rem; }
header p { margin: .25rem 0 1.5rem; color: var(--dim); }
main { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); }
article { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  overflow: hidden; display: flex; flex-direction: column; }
article > .text { padding: .8rem 1rem 1rem; }
h2 { margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
.state { float: right; margin-left: .6rem; font-size: .8rem; font-weight: 600; color: var(--dim); }
.good { color: var(--good); } .bad { color: var(--bad); } .wait { color: var(--wait); }
.bad ~ .why { color: var(--bad); }
.images { display: flex; background: var(--line); gap: 1px; }
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


_POLICY: Final = "default-src 'none'; img-src 'self' data: file:; style-src 'unsafe-inline'"
"""A content policy: even injected markup could load or run nothing."""

_ORDER: Final = (
    *("saved", "running", "unknown", "failed", "blocked", "capped"),
    *("planned", "held", "edited", "moved"),
)
"""New and changed images come first, then failures, then images that are kept."""


def document(result: BuildResult, images: ReportImages) -> str:
    """Return the page."""
    title = escape(f"Images of {result.title}")
    when = datetime.fromtimestamp(result.now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    facts = [when, f"{len(result.outcomes)} assets", result.cost]
    if result.compared_with is not None:
        facts.append(f"compared with {result.compared_with}")
    first = [one for one in result.outcomes if _is_news(one, result)]
    first.sort(key=lambda one: _ORDER.index(one.result) if one.result in _ORDER else 0)
    rest = [one for one in result.outcomes if not _is_news(one, result)]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{title}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        f"<header><h1>{title}</h1><p>{escape(' · '.join(facts))}</p></header>\n"
        f"{_errors(result)}{_section('New and changed', first, images)}"
        f"{_section('Up to date', rest, images)}</body>\n</html>\n"
    )


def _is_news(outcome: Outcome, result: BuildResult) -> bool:
    return outcome.result in _ORDER or outcome.step.name in result.previous


def _section(title: str, outcomes: list[Outcome], images: ReportImages) -> str:
    if not outcomes:
        return ""
    cards = "\n".join(_card(outcome, images) for outcome in outcomes)
    return f"<h3>{title} ({len(outcomes)})</h3>\n<main>\n{cards}\n</main>\n"


def _errors(result: BuildResult) -> str:
    rows = []
    for error in result.errors:
        location, message = result.located(error)
        hint = f" <code>{escape(error.hint)}</code>" if error.hint else ""
        where = escape(f"{location.file}:{location.line}")
        rows.append(f"<li><code>{where}</code> {escape(message)}{hint}</li>")
    return f'<ul class="errors">{"".join(rows)}</ul>\n' if rows else ""


def _card(outcome: Outcome, images: ReportImages) -> str:
    step, asset = outcome.step, outcome.step.asset
    previous, current = images.previous(outcome), images.current(outcome)
    kind = "bad" if outcome.result in TROUBLE else "wait" if outcome.result in WAITING else "good"
    prompt = escape(asset.request.prompt) if asset else ""
    return (
        f'<article><div class="images">{_figures(outcome, current, previous)}</div>'
        f'<div class="text"><span class="state {kind}">{escape(outcome.result)}</span>'
        f"<h2>{escape(step.name)}</h2>"
        f'<p class="prompt">{prompt}</p><p class="why">{escape(images.result.reason(outcome))}</p>'
        f"{_facts(outcome)}</div></article>"
    )


def _figures(outcome: Outcome, current: str | None, previous: str | None) -> str:
    alt = escape(outcome.step.name, quote=True)
    if current is None and previous is None:
        return '<figure><div class="none">no image</div></figure>'
    if previous is None:
        # The file differs from what is declared; the page must not present it as the asset.
        stays = outcome.result in TROUBLE or outcome.result in {"planned", "running"}
        return _figure(current, alt, "as it was" if stays else "")
    return _figure(previous, f"{alt}, before", "before") + _figure(
        current, f"{alt}, after", "after"
    )


def _figure(address: str | None, alt: str, caption: str) -> str:
    label = f"<figcaption>{caption}</figcaption>" if caption else ""
    if address is None:
        return f'<figure><div class="none">no image</div>{label}</figure>'
    return f'<figure><img loading="lazy" alt="{alt}" src="{address}">{label}</figure>'


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
        "credits": price(outcome),
    }
    rows = "".join(f"<dt>{key}</dt><dd>{escape(text)}</dd>" for key, text in facts.items() if text)
    if outcome.task and outcome.task.task_id:
        rows += f'<dt>task</dt><dd class="id">{escape(outcome.task.task_id)}</dd>'
    return f"<dl>{rows}</dl>"
