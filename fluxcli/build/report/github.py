"""A build in GitHub's words: annotations at the manifest's lines, and a summary in Markdown."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Final

from fluxcli.build.report.words import TROUBLE, WAITING, line, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fluxcli.build.manifest.asset import Manifest
    from fluxcli.build.outcome import Outcome

_ROWS: Final = 500
"""A summary has at most a megabyte; more rows than these help nobody."""


def commands(outcomes: Iterable[Outcome], manifest: Manifest, cwd: Path) -> Iterator[str]:
    """Yield one workflow command for every asset that is not as the manifest says."""
    file = os.path.relpath(manifest.path, cwd)
    for outcome in outcomes:
        if outcome.result not in TROUBLE | WAITING:
            continue
        level = "error" if outcome.result in TROUBLE else "warning"
        where = f"file={_property(file)},line={line(outcome)},title={_property(outcome.step.name)}"
        said = f"{outcome.result}: {reason(outcome)}"
        yield f"::{level} {where}::{_data(said)}"


def summary(outcomes: Iterable[Outcome], manifest: Manifest) -> str:
    """Return a step summary: how many of each, and a row for all that is not up to date."""
    found = list(outcomes)
    counts = Counter(outcome.result for outcome in found)
    told = ", ".join(f"{number} {result}" for result, number in sorted(counts.items()))
    rows = [outcome for outcome in found if outcome.result != "kept"]
    text = [f"### Pictures of `{manifest.path.name}`", "", told or "no assets", ""]
    if rows:
        text += ["| | asset | state | why | credits |", "|---|---|---|---|---:|"]
        text += [_row(outcome) for outcome in rows[:_ROWS]]
    if len(rows) > _ROWS:
        text.append(f"\n… and {len(rows) - _ROWS} more")
    return "\n".join(text) + "\n"


def _row(outcome: Outcome) -> str:
    step = outcome.step
    cells = (step.action.sign, step.name, outcome.result, reason(outcome), str(step.credits or ""))
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    for sign, safe in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("\r", " "), ("\n", " ")):
        text = text.replace(sign, safe)
    return text


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
