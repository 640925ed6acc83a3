"""JUnit XML, checked against a schema that both Ant's and Jenkins' include."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from tests.worlds import World

xmlschema: Any = pytest.importorskip("xmlschema")

MANIFEST: Final = """\
version = 1
[assets.made]
prompt = "A flag"
[assets.failed]
prompt = "A map [moderated]"
[assets.blocked]
edit = "@failed"
prompt = "Make it night"
[assets.logo]
prompt = "A logo"
"""
NAME: Final = "flags <&> \x01maps.toml"
SCHEMA: Final = Path(__file__).parents[2] / "data" / "junit.xsd"
ENDS: Final = (
    ("a broken manifest", ("--plan",), "version = 1\nx = 1\n"),
    ("a plan", ("--plan",), MANIFEST),
    ("no consent", (), MANIFEST),
    ("a build", ("--yes",), MANIFEST),
    ("a timeout", ("--yes", "--timeout", "0.1s"), MANIFEST),
    ("the limit", ("--max-credits", "5"), MANIFEST),
    ("nothing declared", ("--plan",), "version = 1\n[assets]\n"),
    ("odd text", ("--plan",), MANIFEST.replace("A flag", "<&> ]]> \\u0001 \\ud7ff")),
)


@pytest.mark.parametrize(("flags", "text"), [end[1:] for end in ENDS], ids=[end[0] for end in ENDS])
def test_a_report_is_valid_by_the_schema(world: World, flags: list[str], text: str) -> None:
    (world.cwd / NAME).write_text(text, encoding="utf-8")
    world.run("build", NAME, *flags, "--sandbox", "--report", "junit=junit.xml")
    problems = [str(one.reason) for one in schema().iter_errors(world.cwd / "junit.xml")]
    assert problems == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<properties />", ""),
        ('tests="4"', 'tests="many"'),
        ("<system-out />", "<system-err />"),
        ('classname="', 'class="'),
    ],
)
def test_the_schema_finds_what_is_wrong(world: World, old: str, new: str) -> None:
    (world.cwd / NAME).write_text(MANIFEST, encoding="utf-8")
    world.run("build", NAME, "--plan", "--sandbox", "--report", "junit=junit.xml")
    report = (world.cwd / "junit.xml").read_text(encoding="utf-8")
    assert old in report
    assert not schema().is_valid(report.replace(old, new))


def schema() -> Any:
    return xmlschema.XMLSchema(SCHEMA)


@pytest.fixture
def suite(world: World) -> ET.Element:
    """The only suite in the report of a build of which a part fails."""
    (world.cwd / NAME).write_text(MANIFEST, encoding="utf-8")
    ran = world.run("build", NAME, "--yes", "--sandbox", "--report", "junit=junit.xml")
    assert ran.status == 9, ran.err
    root = ET.parse(world.cwd / "junit.xml").getroot()  # noqa: S314 - our own
    assert (root.tag, root.attrib) == ("testsuites", {})
    (only,) = root
    return only


def test_the_numbers_are_those_of_the_cases(suite: ET.Element) -> None:
    """What a failed asset blocks has failed too."""
    children = {case.attrib["name"]: [one.tag for one in case] for case in suite.iter("testcase")}
    assert children == {
        "made": [],
        "failed": ["failure"],
        "blocked": ["failure"],
        "logo": [],
    }
    counted = [suite.attrib[name] for name in ("tests", "failures", "errors", "skipped")]
    assert counted == ["4", "2", "0", "0"]


def test_names_are_kept_but_for_what_xml_cannot_hold(suite: ET.Element) -> None:
    assert suite.attrib["name"] == "flags <&> \N{REPLACEMENT CHARACTER}maps.toml"


def test_a_plan_is_a_suite_of_skipped_cases(world: World) -> None:
    (world.cwd / NAME).write_text(MANIFEST, encoding="utf-8")
    ran = world.run("build", NAME, "--check", "--report", "junit=junit.xml", "--sandbox")
    assert ran.status == 10
    (suite,) = ET.parse(world.cwd / "junit.xml").getroot()  # noqa: S314 - our own
    assert suite.attrib["skipped"] == "4"
    messages = [one.attrib["message"] for one in suite.iter("skipped")]
    assert [message.partition(": ")[0] for message in messages] == ["planned"] * 4
