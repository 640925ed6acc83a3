"""JUnit XML, checked against Ant's schema (JUnit.xsd) and Jenkins' (junit-10.xsd)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from tests.worlds import World

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
WHOLE: Final = re.compile(r"\d+")
SECONDS: Final = re.compile(r"\d+\.\d{3}")
TEXT: Final = re.compile(r"\S(.*\S)?")
SUITE: Final = {
    "name": TEXT,
    "package": TEXT,
    "id": re.compile("0"),
    "tests": WHOLE,
    "failures": WHOLE,
    "errors": WHOLE,
    "skipped": WHOLE,
    "time": SECONDS,
    "timestamp": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"),
    "hostname": TEXT,
}
CASE: Final = {"name": TEXT, "classname": TEXT, "time": SECONDS}
CHILD: Final = {
    "failure": {"message": TEXT, "type": TEXT},
    "skipped": {"message": TEXT},
}


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


def check(element: ET.Element, attributes: dict[str, re.Pattern[str]]) -> None:
    assert element.attrib.keys() == attributes.keys()
    for name, pattern in attributes.items():
        assert pattern.fullmatch(element.attrib[name]), name


def test_a_suite_has_all_that_the_schemas_require_in_their_order(suite: ET.Element) -> None:
    check(suite, SUITE)
    tags = [child.tag for child in suite]
    assert tags == ["properties", *["testcase"] * 4, "system-out", "system-err"]
    assert all(len(child) == 0 for child in suite if child.tag != "testcase")


def test_a_case_has_at_most_one_result(suite: ET.Element) -> None:
    for case in suite.iter("testcase"):
        check(case, CASE)
        assert len(case) <= 1
        for child in case:
            check(child, CHILD[child.tag])


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
    for case in suite.iter("testcase"):
        (child,) = case
        check(child, CHILD["skipped"])
        assert child.attrib["message"].startswith("planned: ")
