"""A build for GitHub: annotations at the manifest's lines, and a step summary in Markdown.

Source: docs.github.com, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fluxcli.build.report.result import TROUBLE, WAITING, price
from fluxcli.build.summary import MANY, general

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fluxcli.build.outcome import Outcome
    from fluxcli.build.report.result import BuildResult, Location

_ROWS: Final = 500
_LONGEST_CELL: Final = 400
"""A summary has at most a megabyte: 500 rows of five cells stay below it."""


def commands(result: BuildResult) -> Iterator[str]:
    """Yield a workflow command for every error and every asset that is not as declared."""
    for error in result.errors:
        location, text = result.located(error)
        hint = f"; {error.hint}" if error.hint else ""
        yield _command("error", location, "fluxcli build", f"{text}{hint}")
    alike: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in result.outcomes:
        if outcome.result in TROUBLE | WAITING:
            cause = outcome.error.message if outcome.error else "; ".join(outcome.step.reasons)
            alike.setdefault((outcome.result, general(cause)), []).append(outcome)
    for (kind, cause), outcomes in alike.items():
        level = "error" if kind in TROUBLE else "warning"
        first = outcomes[0]
        if len(outcomes) > MANY:
            # GitHub shows ten annotations of a step; a log has a line for each.
            title = f"{len(outcomes)} assets"
            names = f"{first.step.name} … {outcomes[-1].step.name}"
            yield _command(level, result.location(first), title, f"{kind}: {cause} ({names})")
            continue
        for outcome in outcomes:
            text = f"{kind}: {result.reason(outcome)}"
            yield _command(level, result.location(outcome), outcome.step.name, text)


def summary(result: BuildResult) -> str:
    """Return a step summary: the credits, how many of each, a row for all that has changed."""
    counts = ", ".join(f"{number} {name}" for name, number in result.counts.items())
    rows = [outcome for outcome in result.outcomes if outcome.result != "kept"]
    text = [f"### Images of {_code(result.title)}", "", f"**{result.cost}**", ""]
    for error in result.errors:
        location, message = result.located(error)
        hint = f" — {_code(error.hint)}" if error.hint else ""
        text += [f"- ❌ {_code(f'{location.file}:{location.line}')} {_cell(message)}{hint}"]
    if result.errors:
        text.append("")
    if result.manifest is not None:
        text += [counts or "no assets", ""]
    if rows:
        text += ["| | asset | state | why | credits |", "|---|---|---|---|---:|"]
        text += [_row(result, outcome) for outcome in rows[:_ROWS]]
    if len(rows) > _ROWS:
        text.append(f"\n… and {len(rows) - _ROWS} more")
    return "\n".join(text) + "\n"


def _command(level: str, location: Location, title: str, text: str) -> str:
    where = f"file={_property(location.file)},line={location.line}"
    if location.column is not None:
        where += f",col={location.column}"
    return f"::{level} {where},title={_property(title)}::{_data(text)}"


def _row(result: BuildResult, outcome: Outcome) -> str:
    step = outcome.step
    why = result.reason(outcome)
    cells = (step.action.sign, step.name, outcome.result, why, price(outcome))
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    """Return text as Markdown that shows it and does nothing else."""
    if len(text) > _LONGEST_CELL:
        text = text[:_LONGEST_CELL] + "…"
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = " ".join(text.split())
    return "".join(f"\\{char}" if char in "\\|[]*_!#@~`" else char for char in text)


def _code(text: str) -> str:
    plain = " ".join(text.split()).replace("|", "\\|")
    fence = "`" * (2 if "`" in plain else 1)
    pad = " " if "`" in plain else ""
    return f"{fence}{pad}{plain}{pad}{fence}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
