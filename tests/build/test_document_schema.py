"""The published schemas of plan and build documents hold for what is printed, and refuse others."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from fluxcli.build.document_schema import build_schema, plan_schema

if TYPE_CHECKING:
    from tests.worlds import World

TEXT = """\
version = 1
[assets.flag]
prompt = "A flag"
[assets.map]
prompt = "A map [moderated]"
[assets.night]
edit = "@map"
prompt = "Make it night"
"""


@pytest.mark.parametrize("schema", [plan_schema(), build_schema()])
def test_a_schema_is_a_schema(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


def test_documents_are_valid(world: World) -> None:
    (world.cwd / "assets.toml").write_text(TEXT)
    for _ in range(2):  # before and after there is a lock
        plan = world.run("build", "--plan", "--json", "--sandbox").record
        jsonschema.validate(plan, plan_schema())
        build = world.run("build", "--yes", "--json", "--sandbox").record
        jsonschema.validate(build, build_schema())
    assert {one["state"] for one in build["assets"]} >= {"kept", "held"}


def test_documents_with_a_wrong_entry_are_not(world: World) -> None:
    (world.cwd / "assets.toml").write_text(TEXT)
    build = world.run("build", "--yes", "--json", "--sandbox").record
    for key in build["assets"][0]:
        broken = copy.deepcopy(build)
        broken["assets"][0][key] = {"x": 1} if key != "error" else 7
        assert not jsonschema.Draft202012Validator(build_schema()).is_valid(broken), key
    del build["summary"]
    assert not jsonschema.Draft202012Validator(build_schema()).is_valid(build)
