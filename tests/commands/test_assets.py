"""`fluxcli assets`: init, explain, the schema, the merge driver. Nothing is paid."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.worlds import World

TEXT = """\
version = 1
include = ["icons/assets.toml"]
[defaults]
model = "max"
[vars]
style = "flat"
[assets.hero]
prompt = "A lighthouse, {style}"
output = "hero.png"
safety_tolerance = 1
"""
ICON = """\
version = 1
[assets.icon]
prompt = "A {what} icon, {style}"
each = [{ what = "mail", aspect_ratio = "1:1" }]
"""


@pytest.fixture
def project(world: World) -> World:
    (world.cwd / "assets.toml").write_text(TEXT)
    (world.cwd / "icons").mkdir()
    (world.cwd / "icons" / "assets.toml").write_text(ICON)
    (world.cwd / ".git").mkdir()
    return world


def test_init_writes_what_git_needs_once(world: World) -> None:
    (world.cwd / ".gitignore").write_bytes(b"*.pyc\r\nbuild/")
    ran = world.run("assets", "init")
    names = ["assets.toml", ".gitattributes", ".gitignore"]
    assert ran.lines == [str(world.cwd / name) for name in names]
    assert (world.cwd / ".gitattributes").read_text() == "assets.lock merge=union\n"
    ignored = (world.cwd / ".gitignore").read_bytes()
    assert ignored.startswith(b"*.pyc\r\nbuild/\r\n")
    assert b"assets.sandbox.lock\r\n" in ignored
    before = [(world.cwd / name).read_bytes() for name in names]
    again = world.run("assets", "init")
    assert (again.status, again.lines) == (0, [])
    assert "already exists and is kept" in again.err
    assert [(world.cwd / name).read_bytes() for name in names] == before
    assert world.run("build", "--plan").status == 0


def test_git_accepts_the_attribute_that_init_writes(world: World) -> None:
    world.run("assets", "init")
    subprocess.run(["git", "init", "-q"], cwd=world.cwd, check=True)
    command = ["git", "check-attr", "merge", "assets.lock"]
    done = subprocess.run(command, cwd=world.cwd, check=True, capture_output=True, text=True)
    assert done.stdout == "assets.lock: merge: union\n"


def test_init_does_not_write_through_a_link(world: World) -> None:
    (world.root / "outside").write_text("mine")
    (world.cwd / ".gitignore").symlink_to(world.root / "outside")
    ran = world.run("assets", "init")
    assert (ran.status, (world.root / "outside").read_text()) == (2, "mine")


def test_explain_names_where_each_value_is_set(project: World) -> None:
    ran = project.run("assets", "explain", "hero", "--json")
    assert ran.status == 0, ran.err
    sources = ran.record["sources"]
    assert sources["model"] == "assets.toml:4 [defaults]"
    assert sources["safety_tolerance"] == "assets.toml:10 [assets.hero]"
    assert sources["output_format"] == "assets.toml:9 [assets.hero]"
    assert sources["prompt"] == "assets.toml:8 [assets.hero], {style} from assets.toml:6 [vars]"
    assert ran.record["reasons"] == ["not made yet"]
    assert ran.record["declared"] == "assets.toml:7"


def test_explain_of_a_member_in_an_included_file_from_a_subfolder(
    project: World,
) -> None:
    project.cwd = project.cwd / "icons"
    ran = project.run("assets", "explain", "icon[mail]")
    assert ran.status == 0, ran.err
    text = ran.out.decode()
    assert text.startswith("+ icon[mail]: new, not made yet\n")
    assert "1:1  (assets.toml:4 [assets.icon.each])" in text
    assert "[vars] of the including file" in text
    assert "icons/icon-mail.jpg" in text


def test_a_build_in_a_subfolder_finds_the_manifest(project: World) -> None:
    (project.cwd / "deep" / "er").mkdir(parents=True)
    project.cwd = project.cwd / "deep" / "er"
    ran = project.run("build", "--yes", "--sandbox")
    assert ran.status == 0, ran.err
    assert len(ran.lines) == 2
    (project.cwd.parents[1] / "assets.toml").write_text(TEXT.replace("{style}", "{stile}"))
    ran = project.run("build", "--plan")
    assert "`../../assets.toml:8:10`" in ran.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("explain",), "name the assets to explain"),
        (("adopt",), "name the assets to adopt"),
        (("merge",), "name the locks to merge"),
        (("explain", "a.toml", "b.toml"), "one manifest at a time"),
        (("explain", "heroo"), "no asset is called `heroo`"),
        (("adopt", "hero"), "there is no `hero.png`"),
        (("init", "assets.lock"), "end in `.toml`"),
        (("explane", "hero"), "explain"),
    ],
)
def test_an_invalid_command_line_is_a_usage_error(
    project: World, words: tuple[str, ...], message: str
) -> None:
    ran = project.run("assets", *words)
    assert (ran.status, message in ran.err) == (2, True), ran.err


def test_without_a_manifest_the_hint_is_init(world: World) -> None:
    for words in (("assets", "explain", "x"), ("build", "--plan")):
        ran = world.run(*words)
        assert ran.status == 2
        assert "fluxcli assets init" in ran.err


def test_the_schema_is_printed(world: World) -> None:
    assert json.loads(world.run("assets", "schema").out)["$id"] == "urn:fluxcli:assets:1"


def test_the_merge_driver_needs_no_manifest_in_its_folder(world: World) -> None:
    """Git runs it in the repository's root; the manifest may be in a subfolder."""
    names = [f".merge_file_{letter}" for letter in "abc"]
    for name in names:
        (world.cwd / name).write_text('{"fluxcli-lock": 2}\n')
    ran = world.run("assets", "merge", *names)
    assert ran.status == 0, ran.err
