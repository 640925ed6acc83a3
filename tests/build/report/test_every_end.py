"""Reports are written however a build ends, and all text in them is data."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.worlds import Ran, World

TWO: Final = "version = 1\n[assets.flag]\nprompt = 'A flag'\n[assets.map]\nprompt = 'A map'\n"
REPORTS: Final = ("github", "junit=out/junit.xml", "html=out/page.html")


def build(world: World, text: str, *flags: str, name: str = "assets.toml") -> Ran:
    (world.cwd / name).write_text(text, encoding="utf-8")
    return report(world, *flags, name=name)


def report(world: World, *flags: str, name: str = "assets.toml") -> Ran:
    world.env["GITHUB_STEP_SUMMARY"] = str(world.root / "summary.md")
    (world.root / "summary.md").unlink(missing_ok=True)
    wanted = [part for one in REPORTS for part in ("--report", one)]
    return world.run("build", name, *flags, *wanted)


def summary(world: World) -> str:
    return (world.root / "summary.md").read_text(encoding="utf-8")


def suite(world: World) -> ET.Element:
    (only,) = ET.parse(world.cwd / "out" / "junit.xml").getroot()  # noqa: S314 - our own
    return only


def page(world: World) -> str:
    return (world.cwd / "out" / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "flags", "status", "words"),
    [
        ("version = 1\n[assets.a]\nprompt = 'a {x}'\n", ["--plan"], 2, "nothing is called"),
        ("version = 1\nx = \n", ["--plan"], 2, "invalid value"),
        ("version = 9\n", ["--yes", "--sandbox"], 2, "later fluxcli"),
        (TWO, ["--sandbox"], 7, "need your consent"),
        (TWO, ["nothing", "--plan"], 2, "no asset is called"),
    ],
    ids=["names", "toml", "version", "consent", "selection"],
)
@pytest.mark.parametrize("quiet", [True, False])
def test_a_build_that_fails_early_has_its_reports(
    world: World, text: str, flags: list[str], status: int, words: str, *, quiet: bool
) -> None:
    ran = build(world, text, *flags, *(["-q"] if quiet else []))
    assert ran.status == status, ran.err
    assert re.search(words, summary(world))
    assert "credits spent" in summary(world)
    assert suite(world).attrib["errors"] == "1"
    assert re.search(words, suite(world).findall("testcase/error")[0].attrib["message"])
    assert re.search(words, page(world))
    errors = [line for line in ran.err.splitlines() if line.startswith("::error ")]
    assert len(errors) == 1


def test_a_broken_lock_is_reported(world: World) -> None:
    (world.cwd / "assets.lock").write_text("<<<<<<< HEAD\n")
    ran = build(world, TWO, "--plan")
    assert ran.status == 2
    assert suite(world).attrib["errors"] == "1"
    assert "assets.lock" in page(world)


def test_a_cap_is_reported_with_what_was_spent(world: World) -> None:
    ran = build(world, TWO, "--max-credits", "5", "--sandbox")
    assert ran.status in {7, 9}
    assert "an estimated 5 credits spent" in summary(world)
    assert len(suite(world).findall("testcase")) == 2


def test_every_problem_is_an_annotation_at_its_place_from_the_repositorys_root(
    world: World,
) -> None:
    (world.cwd / ".git").mkdir()
    text = "version = 1\nx = 1\n[assets.a]\nprompt = '{x}'\n"
    (world.cwd / "sub").mkdir()
    ran = build(world, text, "--plan", "-q", name="sub/assets.toml")
    found = [line for line in ran.err.splitlines() if line.startswith("::error ")]
    assert [line.partition(",title")[0] for line in found] == [
        "::error file=sub/assets.toml,line=2,col=1",
        "::error file=sub/assets.toml,line=4,col=10",
    ]
    world.cwd = world.cwd / "sub"
    ran = report(world, "--plan")
    assert [line.partition(",title")[0] for line in ran.err.splitlines() if line[:2] == "::"] == [
        "::error file=sub/assets.toml,line=2,col=1",
        "::error file=sub/assets.toml,line=4,col=10",
    ]


def test_the_workspace_of_github_is_the_root(world: World) -> None:
    world.env["GITHUB_WORKSPACE"] = str(world.root)
    ran = build(world, TWO, "--plan")
    assert "::warning file=work/assets.toml,line=2,title=flag::planned: " in ran.err


def test_text_is_data_in_every_report(world: World) -> None:
    hostile = "</p><script>x</script> ::error::y %0A | `z` [l](http://e) \\u0007\\ud7ff"
    text = f'version = 1\n[assets.a]\nprompt = "{hostile} [moderated]"\ntags = []\n'
    ran = build(world, text, "--yes", "--sandbox", name="a,b:c%.toml")
    assert ran.status == 8, ran.err
    assert "<script" not in page(world)
    assert "&lt;script&gt;" in page(world)
    found = [line for line in ran.err.splitlines() if line.startswith("::")]
    assert all(line.startswith("::error file=a%2Cb%3Ac%25.toml,line=2,title=a::") for line in found)
    assert suite(world).attrib["failures"] == "1"


def test_a_folder_holds_the_page_and_its_images(world: World) -> None:
    (world.cwd / "assets.toml").write_text(TWO)
    world.run("build", "--yes", "--sandbox", "--report", "html=site/")
    text = (world.cwd / "site" / "index.html").read_text()
    names = re.findall('src="(.*?)"', text)
    assert names == ["images/0001.jpg", "images/0002.jpg"]
    assert all((world.cwd / "site" / name).read_bytes()[:2] == b"\xff\xd8" for name in names)


def test_only_images_inside_the_project_are_shown(world: World) -> None:
    (world.root / "secret.jpg").write_text("the key")
    (world.cwd / "flag.jpg").symlink_to(world.root / "secret.jpg")
    (world.cwd / "map.jpg").write_text("the key")
    build(world, TWO, "--plan")
    assert "data:" not in page(world).partition("<body>")[2]


def test_a_report_that_cannot_be_written_is_known_before_spending(world: World) -> None:
    (world.cwd / "file").write_text("")
    (world.cwd / "assets.toml").write_text(TWO)
    ran = world.run("build", "--yes", "--sandbox", "--report", "junit=file/x.xml")
    assert ran.status == 2
    assert not (world.cwd / "flag.jpg").exists()


def test_a_report_that_cannot_be_written_keeps_no_other_from_being_written(world: World) -> None:
    (world.cwd / "file").write_text("")
    (world.cwd / "assets.toml").write_text(TWO)
    world.env["GITHUB_STEP_SUMMARY"] = str(world.root / "summary.md")
    wanted = ("--report", "junit=file/x.xml", "--report", "html=page.html", "--report", "github")
    assert world.run("build", "--yes", "--sandbox", *wanted).status == 2
    assert "file/x.xml" in summary(world)
    assert "file/x.xml" in (world.cwd / "page.html").read_text()


@pytest.mark.parametrize(
    ("flags", "env", "words"),
    [
        (["--max-credits", "x"], {}, "--max-credits"),
        (["--plan", "--yes"], {}, "has no effect"),
        (["--plan", "--no-children"], {}, "needs"),
        (["--plan"], {"FLUXCLI_TIMEOUT": "soon", "FLUXCLI_COLOR": "red"}, "FLUXCLI_COLOR"),
        (["--plan"], {"FLUXCLI_BASE_URL": "nowhere"}, "FLUXCLI_BASE_URL"),
    ],
)
def test_a_wrong_flag_or_setting_is_reported(
    world: World, flags: list[str], env: dict[str, str], words: str
) -> None:
    world.env |= env
    ran = build(world, TWO, *flags)
    assert ran.status == 2, ran.err
    assert words in summary(world).replace("\\", "")
    assert words in suite(world).findall("testcase/error")[0].attrib["message"]
    assert words in page(world)


def test_a_broken_config_file_is_reported(world: World) -> None:
    config = world.root / "config"
    config.mkdir()
    (config / "config.toml").write_text("x = \n")
    world.env["FLUXCLI_CONFIG_DIR"] = str(config)
    ran = build(world, TWO, "--plan")
    assert ran.status == 2, ran.err
    assert "config.toml" in page(world)
    assert "::error file=assets.toml,line=1," in ran.err


@pytest.mark.parametrize("report", ["junit=x.xml", "html=x.html", "html=site/"])
@pytest.mark.parametrize("target", ["victim", "absent"])
def test_no_report_is_written_through_a_link_out_of_the_repository(
    world: World, report: str, target: str
) -> None:
    victim = world.root / "victim"
    victim.mkdir()
    (victim / "x").write_text("mine")
    (world.cwd / ".git").mkdir()
    for name in ("x.xml", "x.html"):
        (world.cwd / name).symlink_to(world.root / target / "x")
    (world.cwd / "site").mkdir()
    (world.cwd / "site" / "images").symlink_to(world.root / target)
    (world.cwd / "assets.toml").write_text(TWO)
    ran = world.run("build", "--yes", "--sandbox", "--report", report)
    assert ran.status == 2, ran.err
    assert [path.name for path in victim.iterdir()] == ["x"]
    assert (victim / "x").read_text() == "mine"
    assert not (world.root / "absent").exists()


def test_a_link_in_the_place_of_a_copied_image_is_replaced(world: World) -> None:
    (world.cwd / ".git").mkdir()
    (world.cwd / "assets.toml").write_text(TWO)
    (world.cwd / "site" / "images").mkdir(parents=True)
    (world.root / "victim").write_text("mine")
    (world.cwd / "site" / "images" / "0001.jpg").symlink_to(world.root / "victim")
    assert world.run("build", "--yes", "--sandbox", "--report", "html=site/").status == 0
    assert (world.root / "victim").read_text() == "mine"
    assert not (world.cwd / "site" / "images" / "0001.jpg").is_symlink()


def test_an_image_that_is_too_large_for_memory_is_linked_or_copied(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fluxcli.build.report.images.MOST_BYTES", 100)
    (world.cwd / "assets.toml").write_text(TWO)
    wanted = ("--report", "html=out/page.html", "--report", "html=out/site/")
    assert world.run("build", "--yes", "--sandbox", *wanted).status == 0
    assert re.findall('src="(.*?)"', page(world)) == [
        "../.sandbox/flag.jpg",
        "../.sandbox/map.jpg",
    ]
    site = world.cwd / "out" / "site"
    names = re.findall('src="(.*?)"', (site / "index.html").read_text())
    assert [(site / name).read_bytes()[:2] for name in names] == [b"\xff\xd8"] * 2


def test_paths_are_plain_when_the_manifest_is_found_above(world: World) -> None:
    (world.cwd / "assets.toml").write_text(TWO)
    below = world.cwd / "a" / "b"
    below.mkdir(parents=True)
    top, world.cwd = world.cwd, below
    ran = world.run("build", "--yes", "--sandbox")
    assert sorted(ran.lines) == [str(top / ".sandbox" / f"{name}.jpg") for name in ("flag", "map")]


def test_a_place_in_the_lock_is_annotated_there(world: World) -> None:
    (world.cwd / "assets.lock").write_text('{"fluxcli-lock": 9}\n')
    ran = build(world, TWO, "--plan")
    assert "::error file=assets.lock,line=1,title" in ran.err


def test_what_still_runs_is_collected_by_the_command_that_a_report_names(world: World) -> None:
    slow = {"FLUXCLI_SANDBOX_SECONDS": "60"}
    (world.cwd / "my.toml").write_text(TWO)
    wanted = ("--report", "html=page.html")
    words = ("build", "my.toml", "--yes", "--sandbox", "--timeout", "1")
    assert world.run(*words, *wanted, env=slow).status == 4
    assert "; fluxcli build my.toml --sandbox" in (world.cwd / "page.html").read_text()


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_committed_image_is_compared_with_an_earlier_commit(world: World) -> None:
    (world.cwd / "assets.toml").write_text(TWO)
    world.run("build", "--yes", "--sandbox")
    git(world.cwd, "init", "-q", "-b", "main")
    git(world.cwd, "add", "--force", ".")
    git(world.cwd, "commit", "-qm", "one")
    git(world.cwd, "tag", "first")
    (world.cwd / "assets.toml").write_text(TWO.replace("A flag", "A blue flag"))
    world.run("build", "--yes", "--sandbox")
    git(world.cwd, "add", "--force", ".")
    git(world.cwd, "commit", "-qm", "two")
    world.run("build", "--plan", "--sandbox", "--against", "first", "--report", "html=page.html")
    first, _, rest = (world.cwd / "page.html").read_text().partition("Up to date")
    assert re.findall("<h2>(.*)</h2>", first) == ["flag"]
    assert re.findall("<figcaption>(.*?)</figcaption>", first) == ["before", "after"]
    assert re.findall("<h2>(.*)</h2>", rest) == ["map"]


@pytest.mark.parametrize("ref", ["--output=x", "-p", "missing", "", "HEAD:assets.toml", "a\nb"])
def test_a_commit_that_does_not_exist_is_an_error(world: World, ref: str) -> None:
    (world.cwd / "assets.toml").write_text(TWO)
    git(world.cwd, "init", "-q")
    git(world.cwd, "add", ".")
    git(world.cwd, "commit", "-qm", "one")
    ran = world.run("build", "--plan", f"--against={ref}", "--report", "html=page.html")
    assert ran.status == 2, ran.err
    assert "--against" in ran.err
    assert sorted(path.name for path in world.cwd.iterdir()) == [".git", "assets.toml", "page.html"]
    assert "--against" in (world.cwd / "page.html").read_text()


def test_a_comparison_without_a_page_is_an_error(world: World) -> None:
    ran = build(world, TWO, "--plan")
    ran = world.run("build", "--plan", "--against", "HEAD")
    assert ran.status == 2
    assert "--report html=" in ran.err
