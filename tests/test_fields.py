"""Every row of the table of request fields reaches every place that a field has."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from fluxcli import fields
from fluxcli.build.lock.fingerprint import request_hash
from fluxcli.build.manifest.manifest import parse
from fluxcli.build.manifest.schema import schema
from fluxcli.client.wire_jobs import JobsWireFormat
from fluxcli.client.wire_kontext import KontextWireFormat
from fluxcli.fields import FIELDS, RequestField, canonical
from fluxcli.task_types import Request

if TYPE_CHECKING:
    from pathlib import Path

    from fluxcli.task_types import Mode
    from tests.worlds import World

BODY_ONLY: Final = ("mode", "prompt", "input_image")
"""Attributes of a request that are no rows: they are arguments, not flags or settings."""

rows = pytest.mark.parametrize("field", FIELDS, ids=[field.name for field in FIELDS])


def example(field: RequestField) -> Any:
    """Return a value that the field may have, and that is not its default."""
    match field.kind:
        case "choice":
            return next(word for word in field.values.values() if word != field.default)
        case "whole":
            return 1
        case "switch":
            return not field.default
        case "text":
            return "sample"
        case "address":
            return "https://example.com/x"


def request(field: RequestField | None = None, mode: Mode = "generate") -> Request:
    """Return a request with all defaults, but for an example of one field."""
    values: dict[str, Any] = {one.name: one.default_for(mode) for one in FIELDS}
    if field is not None:
        values[field.name] = example(field)
    return Request(mode=mode, prompt="a fox", **values)


def sent(world: World, *arguments: str, env: dict[str, str] | None = None) -> Any:
    """Return the request that a dry run reports."""
    command = ("generate", "a fox", *arguments, "--dry-run", "--json")
    return world.run(*command, env=env).record["request"]


def in_toml(value: object) -> str:
    """Return a value as TOML, which here is as JSON."""
    return json.dumps(value)


def test_a_request_has_the_table_s_fields_in_its_order() -> None:
    names = [name for name in Request.__annotations__ if name not in BODY_ONLY]
    assert names == [field.name for field in FIELDS]


@rows
def test_the_flag_sets_it(world: World, field: RequestField) -> None:
    value, flag = example(field), f"--{field.name.replace('_', '-')}"
    words = [flag, str(value)]
    if field.kind == "switch":
        words = [flag if value else f"--no-{flag[2:]}"]
    assert sent(world, *words)[field.name] == value


@rows
def test_the_one_letter_flag_sets_it(world: World, field: RequestField) -> None:
    if field.letter is not None:
        assert sent(world, f"-{field.letter}", example(field))[field.name] == example(field)


@rows
def test_the_environment_sets_it(world: World, field: RequestField) -> None:
    value = json.dumps(example(field)).strip('"')
    for name in (f"FLUXCLI_{field.name.upper()}", f"FLUXCLI_GENERATE_{field.name.upper()}"):
        assert sent(world, env={name: value})[field.name] == example(field), name


@rows
def test_the_config_sets_it(world: World, field: RequestField) -> None:
    value = json.dumps(example(field)).strip('"')
    assert world.run("config", "set", f"generate.{field.name}", value).status == 0
    assert sent(world)[field.name] == example(field)


@rows
def test_the_manifest_sets_it_for_one_asset_and_for_all(
    tmp_path: Path, field: RequestField
) -> None:
    line = f"{field.name} = {in_toml(example(field))}\n"
    for text in (
        f"version = 1\n[assets.a]\nprompt = 'a fox'\n{line}",
        f"version = 1\n[defaults]\n{line}[assets.a]\nprompt = 'a fox'\n",
    ):
        (asset,) = parse(text, tmp_path / "assets.toml").assets
        assert getattr(asset.request, field.name) == example(field)


@rows
def test_the_manifest_s_schema_knows_it(field: RequestField) -> None:
    found = cast("dict[str, Any]", schema())
    assert field.name in found["$defs"]["asset"]["properties"]
    assert field.name in found["properties"]["defaults"]["properties"]


@rows
def test_both_wire_formats_send_it(field: RequestField) -> None:
    assert KontextWireFormat().body(request(field))[field.kontext] == example(field)
    body = JobsWireFormat().body(request(field))
    fields_of_input = cast("dict[str, Any]", body["input"])
    match field.name:
        case "model":
            assert example(field) not in fields_of_input.values(), "no field chooses the model"
        case "callback_url":
            assert body["callBackUrl"] == example(field)
        case _:
            assert field.jobs is not None
            assert fields_of_input[field.jobs] == example(field)


@rows
def test_the_service_s_echo_gives_it_back(field: RequestField) -> None:
    wire = KontextWireFormat()
    assert wire.request(wire.body(request(field))) == request(field)
    assert wire.echoes(wire.body(request(field)), request(field)) is True
    if getattr(request(), field.name) is not None:
        assert wire.echoes(wire.body(request()), request(field)) is False


@rows
def test_it_counts_in_fingerprints_and_where_it_shapes_the_image_in_lock_hashes(
    field: RequestField,
) -> None:
    assert canonical(request(field)) != canonical(request())
    hashes = {request_hash(one, rev=1, input_identity=None) for one in (request(), request(field))}
    assert len(hashes) == (2 if field.depicted else 1)


def test_a_later_field_counts_only_where_it_is_not_at_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A version that knows one more field recognises what an earlier one submitted."""
    later = RequestField("later", "later", "later", "whole", None, "a later field", scheme=2)
    before = canonical(request())
    monkeypatch.setattr(fields, "FIELDS", (*FIELDS, later))
    values = {name: getattr(request(), name) for name in Request.__annotations__}
    at_default = SimpleNamespace(**values, later=None)
    assert canonical(cast("Request", at_default)) == before
    at_default.later = 7
    assert canonical(cast("Request", at_default)) == before | {"later": 7}


GOLDEN: Final = """\
model 1:25cf9d2c89ea4fcd93d321d55e83057011dbc261173599318bc5569a920ce140
aspect_ratio 1:f03a32fec0891f1a5cde23b0dfc81b26b4a12bc0eea7b9ac8969f16d54c0eeec
output_format 1:c0bb6d8cc84a437bd876761555878bfdf1e2c56be26eb1f5352497e6fab8aaf6
safety_tolerance 1:97f986fe1469f35d3e4bc7280194c141be7af5ea5fb8bc89a63428750908039e
prompt_upsampling 1:6bd80474a3ff661a87fdb377991b1781313dddc5f23517d0a186132d96b439a0
enable_translation 1:efbcdc16f5e4c8fc9bb431ea9fb89a705950fdb128099b6ce6e2bb28bf25cc47
upload_cn 1:c95890d52dc7a58b75bb7068b1aaf2e089a66a755be3a3f989d1f03be35d257f
watermark 1:629d3540cad17c71cfe08e7e98b07f54d09d07e5be18f6f54d5c5dc21bdbab95
callback_url 1:e78acf805dcd8d99153baa0f4756d44331f6fa5ae5afe125dc71529018d42908
generate 1:e78acf805dcd8d99153baa0f4756d44331f6fa5ae5afe125dc71529018d42908
edit 1:cd6bb0ec48c5bf19e3b97755774fdfc15f3ae54d94de8c555c71730949b0cb6a
rev 1:6e348f996b0f7eae316257f839fa5b533506fe845f8f5f916e75eed477f7a418
"""


def cases() -> dict[str, tuple[Request, int, str | None]]:
    """Return a dozen requests with what else their lock hash covers."""
    url = "https://example.com/in.png"
    found: dict[str, tuple[Request, int, str | None]] = {
        field.name: (request(field), 1, None) for field in FIELDS if field.scheme == 1
    }
    found["generate"] = (request(), 1, None)
    found["edit"] = (request(mode="edit"), 1, url)
    found["rev"] = (request(), 2, None)
    return found


def test_lock_hashes_never_change() -> None:
    """Locks hold them, so a hash that changes would have every image paid for again."""
    found = {
        name: request_hash(one, rev=rev, input_identity=identity)
        for name, (one, rev, identity) in cases().items()
    }
    assert found == dict(line.split() for line in GOLDEN.splitlines())
