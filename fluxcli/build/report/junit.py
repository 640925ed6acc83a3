"""A build as JUnit XML: a test case for each asset, as CI systems show it.

It is valid by both common schemas, Ant's (JUnit.xsd) and Jenkins' (junit-10.xsd): Ant's is why a
suite has an `id`, a `package` and three empty elements, each in its place.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from fluxcli.build.report.result import TROUBLE, WAITING
from fluxcli.files.xml_text import without_forbidden

if TYPE_CHECKING:
    from pathlib import Path

    from fluxcli.build.outcome import Outcome
    from fluxcli.build.report.result import BuildResult


def document(result: BuildResult) -> str:
    """Return the XML."""
    found, path = result.outcomes, result.manifest_path
    failures = sum(outcome.result in TROUBLE for outcome in found)
    skipped = sum(outcome.result in WAITING for outcome in found)
    seconds = sum(_seconds(outcome) for outcome in found)
    totals = {
        "name": _clean(path.name),
        "package": _clean(path.stem),
        "id": "0",
        "tests": str(len(found) + len(result.errors)),
        "failures": str(failures),
        "errors": str(len(result.errors)),
        "skipped": str(skipped),
        "time": f"{seconds:.3f}",
        "timestamp": datetime.fromtimestamp(result.now, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "hostname": "localhost",
    }
    suites = ET.Element("testsuites")
    suite = ET.SubElement(suites, "testsuite", totals)
    ET.SubElement(suite, "properties")
    for number, error in enumerate(result.errors, 1):
        name = f"fluxcli build ({number})" if len(result.errors) > 1 else "fluxcli build"
        case = ET.SubElement(suite, "testcase", _about(name, path, 0.0))
        why = _clean(error.message)
        attributes = {"message": why, "type": str(error.code)}
        ET.SubElement(case, "error", attributes).text = _clean(error.hint or why)
    for outcome in found:
        _case(suite, outcome, result)
    for stream in ("system-out", "system-err"):
        ET.SubElement(suite, stream)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, "unicode") + "\n"


def _about(name: str, path: Path, seconds: float) -> dict[str, str]:
    return {"name": _clean(name), "classname": _clean(path.stem), "time": f"{seconds:.3f}"}


def _case(suite: ET.Element, outcome: Outcome, result: BuildResult) -> None:
    path = result.manifest_path
    case = ET.SubElement(suite, "testcase", _about(outcome.step.name, path, _seconds(outcome)))
    why = _clean(result.reason(outcome))
    if outcome.result in TROUBLE:
        kind = str(outcome.error.code) if outcome.error else outcome.result
        ET.SubElement(case, "failure", {"message": why, "type": kind}).text = why
    elif outcome.result in WAITING:
        ET.SubElement(case, "skipped", {"message": f"{outcome.result}: {why}"})


def _seconds(outcome: Outcome) -> float:
    return (outcome.task.seconds if outcome.task else None) or 0.0


def _clean(text: str) -> str:
    """Return text without the characters that XML cannot hold; never empty."""
    return without_forbidden(text, "\N{REPLACEMENT CHARACTER}") or "-"
