"""`--preset`: named request fields and a style; flag > environment > preset > config."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.balance import spent
from tests.test_fields import example, rows

if TYPE_CHECKING:
    from pathlib import Path

    from fluxcli.fields import RequestField
    from tests.worlds import World

NIGHT = '[presets.night]\nmodel = "max"\naspect_ratio = "21:9"\nstyle = "{prompt}, at night"\n'


@pytest.fixture
def photo(world: World, png: bytes) -> Path:
    """Return the image that is edited."""
    path = world.cwd / "photo.png"
    path.write_bytes(png)
    return path


def config(world: World, text: str = NIGHT) -> None:
    """Write the config file."""
    path = world.root / "config" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def planned(world: World, *words: str, env: dict[str, str] | None = None) -> Any:
    """Return what a dry run reports of `generate`, or of the command given."""
    command = words if words[:1] == ("edit",) else ("generate", "a fox", *words)
    return world.run(*command, "--dry-run", "--json", env=env).record


@rows
def test_a_preset_sets_every_request_field(world: World, field: RequestField) -> None:
    value = json.dumps(example(field)).strip('"')
    assert world.run("config", "set", f"presets.p.{field.name}", value).status == 0
    assert planned(world, "--preset", "p")["request"][field.name] == example(field)
    assert planned(world)["request"][field.name] != example(field)


def test_the_environment_overrides_a_preset_and_a_preset_the_config(world: World) -> None:
    config(world, NIGHT + '[generate]\nmodel = "pro"\naspect_ratio = "1:1"\nsafety_tolerance = 4\n')
    plan = planned(world, "--preset", "night")
    assert plan["request"]["model"] == "flux-kontext-max"
    assert plan["request"]["aspect_ratio"] == "21:9"
    assert plan["request"]["safety_tolerance"] == 4
    assert plan["preset"] == "night"
    env = {"FLUXCLI_MODEL": "pro"}
    assert planned(world, "--preset", "night", env=env)["request"]["model"] == "flux-kontext-pro"
    flag = planned(world, "--preset", "night", "-a", "3:4", env={"FLUXCLI_ASPECT_RATIO": "4:3"})
    assert flag["request"]["aspect_ratio"] == "3:4"


@pytest.mark.parametrize("place", ["variable", "config"])
def test_a_preset_can_be_chosen_by_environment_and_config(world: World, place: str) -> None:
    config(world, ('preset = "night"\n' if place == "config" else "") + NIGHT)
    env = {"FLUXCLI_PRESET": "night"} if place == "variable" else {}
    assert planned(world, env=env)["request"]["model"] == "flux-kontext-max"


def test_the_prompt_is_inserted_into_the_style(world: World) -> None:
    config(world, '[presets.s]\nstyle = "a {medium} of {prompt}; {prompt}"\n')
    plan = planned(world, "--preset", "s")
    assert plan["request"]["prompt"] == "a {medium} of a fox; a fox"
    assert plan["outputs"][0].endswith("{prompt}-{id}.{ext}")


def test_a_placeholder_in_the_prompt_has_no_effect(world: World) -> None:
    config(world)
    ran = world.run("generate", "-p", "{prompt}", "--preset", "night", "--dry-run", "--json")
    assert ran.record["request"]["prompt"] == "{prompt}, at night"


@pytest.mark.usefixtures("photo")
def test_a_preset_applies_to_edits_including_its_ratio(world: World) -> None:
    config(world)
    plan = planned(world, "edit", "photo.png", "make it blue", "--preset", "night")
    assert plan["request"]["aspect_ratio"] == "21:9"
    assert plan["request"]["prompt"] == "make it blue, at night"


@pytest.mark.usefixtures("photo")
def test_a_value_beyond_the_limit_of_edits_names_the_entry(world: World) -> None:
    config(world, "[presets.wild]\nsafety_tolerance = 5\n")
    assert planned(world, "--preset", "wild")["request"]["safety_tolerance"] == 5
    ran = world.run("edit", "photo.png", "make it blue", "--preset", "wild", "--dry-run")
    assert ran.status == 2
    assert "presets.wild.safety_tolerance" in ran.err
    assert "config.toml:2" in ran.err


def test_a_preset_applies_to_every_line_of_a_prompt_list(world: World) -> None:
    config(world)
    (world.cwd / "l.txt").write_text("a fox\na dog\n")
    ran = world.run("generate", "--prompts", "l.txt", "--preset", "night", "--dry-run", "--json")
    assert [one["request"]["prompt"] for one in ran.records] == [
        "a fox, at night",
        "a dog, at night",
    ]
    assert ran.records[0]["request"]["aspect_ratio"] == "21:9"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("nigth", "--preset night"), ("Night", "--preset night"), ("xyz", "presets.xyz.model")],
)
def test_an_unknown_preset_suggests_the_nearest(world: World, name: str, hint: str) -> None:
    config(world)
    ran = world.run("generate", "a fox", "--preset", name, "--dry-run")
    assert ran.status == 2
    assert ran.err.count(f"`{name}`") == 1
    assert hint in ran.err


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[presets.p]\nmodel = "ultra"\n', "config.toml:2"),
        ('[presets.p]\nstyle = "at night"\n', "config.toml:2"),
        ("[presets.p]\nstyle = 5\n", "config.toml:2"),
        ("presets = 5\n", "config.toml"),
        ("[presets]\np = 5\n", "config.toml"),
    ],
)
def test_an_invalid_entry_is_an_error_with_its_line(world: World, text: str, named: str) -> None:
    config(world, text)
    ran = world.run("generate", "a fox", "--preset", "p", "--dry-run")
    assert ran.status == 2
    assert named in ran.err


def test_an_invalid_preset_does_not_affect_commands_without_it(world: World) -> None:
    config(world, '[presets.p]\nmodel = "ultra"\n')
    assert world.run("generate", "a fox", "--dry-run").status == 0


class TestConfig:
    def test_entries_can_be_set_read_listed_and_removed(self, world: World) -> None:
        config(world, "# mine\n" + NIGHT)
        assert world.run("config", "set", "presets.night.watermark", "me").status == 0
        assert world.run("config", "get", "presets.night.watermark").lines == ["me"]
        listed = {one["name"]: one for one in world.run("config", "list", "--json").records}
        assert listed["presets.night.model"]["value"] == "flux-kontext-max"
        assert listed["presets.night.style"]["origin"] == "config file"
        assert world.run("config", "unset", "presets.night.watermark").status == 0
        assert world.run("config", "get", "presets.night.watermark").lines == [""]
        assert (world.root / "config" / "config.toml").read_text() == "# mine\n" + NIGHT

    def test_the_first_entry_creates_the_table(self, world: World) -> None:
        world.run("config", "set", "generate.model", "max")
        world.run("config", "set", "presets.my-film.style", "{prompt}, film")
        world.run("config", "set", "presets.my-film.prompt-upsampling", "true")
        plan = planned(world, "--preset", "my-film")
        assert plan["request"]["prompt"] == "a fox, film"
        assert plan["request"]["prompt_upsampling"] is True

    @pytest.mark.parametrize(
        ("name", "value", "hint"),
        [
            ("presets.night.modle", "max", "presets.night.model"),
            ("presets.night.model", "maxx", "max"),
            ("presets.night.style", "film", "{prompt}, film"),
            ("presets.night", "max", "presets.NAME.model"),
        ],
    )
    def test_a_misspelt_entry_suggests_the_nearest(
        self, world: World, name: str, value: str, hint: str
    ) -> None:
        ran = world.run("config", "set", name, value)
        assert ran.status == 2
        assert hint in ran.err

    def test_check_and_list_report_invalid_entries(self, world: World) -> None:
        config(world, '[presets.p]\nmodel = "ultra"\nmodle = "max"\n')
        for command in ("list", "check"):
            ran = world.run("config", command, "--sandbox")
            assert ran.status == 2
            assert "presets.p.model" in ran.err + ran.out.decode()
        config(world, '[presets.p]\nmodle = "max"\n')
        assert "presets.p.model" in world.run("config", "list").err

    def test_a_config_that_names_an_unknown_preset_is_reported(self, world: World) -> None:
        config(world, 'preset = "day"\n' + NIGHT)
        assert "`day`" in world.run("config", "list").err


def test_a_request_is_one_command_with_and_without_a_preset(box: World) -> None:
    """The fingerprint covers the resolved request."""
    config(box)
    words = ("-m", "max", "-a", "21:9", "--no-wait")
    first = box.run("generate", "a fox, at night", *words).lines
    assert box.run("generate", "a fox", "--preset", "night", "--no-wait").lines == first
    assert spent(box) == 10
