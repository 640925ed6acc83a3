"""A build as JUnit's XML: a test case for each asset, as CI systems show it.

There are two schemas about, Ant's and Jenkins', and this is valid by both: Ant's is why a suite
has an `id`, a `package` and three elements with nothing in them, each in its place.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from fluxcli.build.report.words import TROUBLE, WAITING, reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fluxcli.build.manifest.asset import Manifest
    from fluxcli.build.outcome import Outcome

_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(outcomes: Iterable[Outcome], manifest: Manifest, *, now: float) -> str:
    """Return the XML; `now` is in seconds since the epoch."""
    found = list(outcomes)
    failures = sum(outcome.result in TROUBLE for outcome in found)
    skipped = sum(outcome.result in WAITING for outcome in found)
    seconds = sum(_seconds(outcome) for outcome in found)
    totals = {
        "name": _clean(manifest.path.name),
        "package": _clean(manifest.path.stem),
        "id": "0",
        "tests": str(len(found)),
        "failures": str(failures),
        "errors": "0",
        "skipped": str(skipped),
        "time": f"{seconds:.3f}",
        "timestamp": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "hostname": "localhost",
    }
    suites = ET.Element("testsuites")
    suite = ET.SubElement(suites, "testsuite", totals)
    ET.SubElement(suite, "properties")
    for outcome in found:
        _case(suite, outcome, manifest)
    for stream in ("system-out", "system-err"):
        ET.SubElement(suite, stream)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, "unicode") + "\n"


def _case(suite: ET.Element, outcome: Outcome, manifest: Manifest) -> None:
    about = {
        "name": _clean(outcome.step.name),
        "classname": _clean(manifest.path.stem),
        "time": f"{_seconds(outcome):.3f}",
    }
    case = ET.SubElement(suite, "testcase", about)
    why = _clean(reason(outcome))
    if outcome.result in TROUBLE:
        kind = str(outcome.error.code) if outcome.error else outcome.result
        ET.SubElement(case, "failure", {"message": why, "type": kind}).text = why
    elif outcome.result in WAITING:
        ET.SubElement(case, "skipped", {"message": f"{outcome.result}: {why}"})


def _seconds(outcome: Outcome) -> float:
    return (outcome.task.seconds if outcome.task else None) or 0.0


def _clean(text: str) -> str:
    """Return text without the characters that XML cannot hold."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
