"""A manifest that is right: what its assets come to, and in what order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fluxcli.build.manifest.asset import Accept, Asset, EditSource, Manifest
from fluxcli.build.manifest.example import example
from fluxcli.build.manifest.manifest import parse, read
from fluxcli.build.manifest.manifest_fields import ASSET, REQUEST

if TYPE_CHECKING:
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def make(folder: Path, text: str) -> Manifest:
    return parse(f"version = 1\n{text}", folder / "assets.toml")


def only(folder: Path, text: str) -> Asset:
    (asset,) = make(folder, text).assets
    return asset


def test_the_example_passes_its_own_check(folder: Path) -> None:
    manifest = parse(example(), folder / "assets.toml")
    assert [asset.name for asset in manifest.assets] == [
        "hero",
        "hero-night",
        "icon[1:1,mail]",
        "icon[1:1,phone]",
        "icon[16:9,mail]",
        "card[en]",
        "card[de]",
    ]


def test_an_image_has_the_defaults_of_generate(folder: Path) -> None:
    """The manifest alone decides: no variable and no config file matters."""
    asset = only(folder, "[assets.a]\nprompt = 'x'")
    request = asset.request
    assert (request.mode, request.model, request.aspect_ratio) == (
        "generate",
        "flux-kontext-pro",
        "16:9",
    )
    assert (request.output_format, request.safety_tolerance) == ("jpeg", 2)
    assert (asset.output, asset.rev, asset.frozen, asset.tags) == ("a.jpg", 1, False, ())


@pytest.mark.parametrize("entry", [name for name in ASSET if name not in REQUEST])
def test_every_entry_of_an_asset_changes_what_it_resolves_to(folder: Path, entry: str) -> None:
    """An entry that the checker accepts and nothing reads would be ignored without a word."""
    examples = {
        "prompt": "prompt='y'",
        "prompt_file": "prompt_file='y.txt'",
        "edit": "edit='in.png'",
        "output": "output='b.jpg'",
        "tags": "tags=['x']",
        "rev": "rev=2",
        "frozen": "frozen=true",
    }
    (folder / "in.png").write_bytes(PNG)
    (folder / "y.txt").write_text("y")
    prompt = "" if entry in {"prompt", "prompt_file"} else "prompt='x'\n"
    changed = only(folder, f"[assets.a]\n{prompt}{examples[entry]}")
    assert changed != only(folder, "[assets.a]\nprompt='x'")


def test_defaults_hold_for_every_asset_that_does_not_set_them(folder: Path) -> None:
    text = "[defaults]\nmodel='max'\nwatermark='us'\n[assets.a]\nprompt='x'\n"
    a, b = make(folder, f"{text}[assets.b]\nprompt='x'\nmodel='pro'").assets
    assert (a.request.model, b.request.model) == ("flux-kontext-max", "flux-kontext-pro")
    assert a.request.watermark == b.request.watermark == "us"


def test_an_edit_keeps_its_inputs_ratio_unless_it_sets_one(folder: Path) -> None:
    text = "[defaults]\naspect_ratio='1:1'\n[assets.a]\nprompt='x'\n"
    text += "[assets.b]\nedit='@a'\nprompt='x'\n[assets.c]\nedit='@a'\nprompt='x'\n"
    a, b, c = make(folder, f"{text}aspect_ratio='4:3'").assets
    assert (a.request.aspect_ratio, b.request.aspect_ratio) == ("1:1", None)
    assert c.request.aspect_ratio == "4:3"


def test_the_outputs_ending_outranks_the_default_format(folder: Path) -> None:
    asset = only(folder, "[defaults]\noutput_format='jpeg'\n[assets.a]\nprompt='x'\noutput='x.PNG'")
    assert (asset.request.output_format, asset.output) == ("png", "x.PNG")


def test_variables_may_hold_variables_and_braces_are_doubled(folder: Path) -> None:
    text = (
        "[vars]\ntone='warm'\nstyle='flat, {tone}'\nn=3\n[assets.a]\nprompt='{n} in {style} {{x}}'"
    )
    assert only(folder, text).request.prompt == "3 in flat, warm {x}"


def test_a_matrix_is_every_combination_by_the_alphabet_of_its_names(folder: Path) -> None:
    """Keys may be reordered without a trace; values keep the order they are given in."""
    declared = "what = ['phone', 'mail'], aspect_ratio = ['16:9', '1:1']"
    turned = "aspect_ratio = ['16:9', '1:1'], what = ['phone', 'mail']"
    text = "[assets.icon]\nprompt='a {what}'\nmatrix = { %s }"
    first, second = (make(folder, text % axes).assets for axes in (declared, turned))
    assert first == second
    assert [asset.name for asset in first] == [
        "icon[16:9,phone]",
        "icon[16:9,mail]",
        "icon[1:1,phone]",
        "icon[1:1,mail]",
    ]
    assert [asset.output for asset in first][:2] == ["icon-16x9-phone.jpg", "icon-16x9-mail.jpg"]
    assert first[0].request.aspect_ratio == "16:9"
    assert first[0].request.prompt == "a phone"


def test_values_in_outputs_are_made_safe(folder: Path) -> None:
    text = "[assets.a]\nprompt='{w}'\nmatrix = { w = ['a/b c', '..'] }\noutput='{w}.{ext}'"
    assert [asset.output for asset in make(folder, text).assets] == ["a-b-c.jpg", "x.jpg"]


def test_outputs_are_below_the_output_folder(folder: Path) -> None:
    text = "output_dir = 'public/img'\n[assets.a]\nprompt='x'\noutput='icons/../b.png'"
    manifest = make(folder, text)
    assert manifest.assets[0].output == "public/img/b.png"
    assert manifest.place(manifest.assets[0]) == folder / "public/img/b.png"
    assert manifest.lock == folder / "assets.lock"


@pytest.mark.parametrize(
    ("edit", "kind", "wanted"),
    [
        ("photo.png", "file", "photo.png"),
        ("https://example.com/a.png", "url", "https://example.com/a.png"),
        ("@base", "asset", "base"),
    ],
)
def test_an_edit_starts_from_an_asset_a_file_or_an_address(
    folder: Path, edit: str, kind: str, wanted: str
) -> None:
    (folder / "photo.png").write_bytes(PNG)
    text = f"[assets.base]\nprompt='x'\n[assets.a]\nedit='{edit}'\nprompt='x'"
    asset = make(folder, text).by_name()["a"]
    assert asset.original == EditSource(kind, wanted)  # type: ignore[arg-type] # one of its words
    assert asset.request.mode == "edit"
    assert asset.parent == ("base" if kind == "asset" else None)


def test_parents_stand_before_what_is_made_from_them(folder: Path) -> None:
    text = "[assets.c]\nedit='@b'\nprompt='x'\n[assets.b]\nedit='@a'\nprompt='x'\n"
    text += "[assets.a]\nprompt='x'\n[assets.d]\nprompt='x'"
    assert [asset.name for asset in make(folder, text).assets] == ["a", "b", "c", "d"]


def test_an_edit_can_follow_a_matrix_member_by_member(folder: Path) -> None:
    text = "[assets.a]\nprompt='{w}'\nmatrix={w=['x','y']}\n"
    text += "[assets.b]\nedit='@a[{w}]'\nprompt='x'\nmatrix={w=['x','y']}"
    parents = {asset.name: asset.parent for asset in make(folder, text).assets}
    assert parents == {"a[x]": None, "a[y]": None, "b[x]": "a[x]", "b[y]": "a[y]"}


def test_everything_else_is_taken_over(folder: Path) -> None:
    text = "[assets.a]\nprompt='x'\ntags=['t']\nrev=3\nfrozen=true\n"
    asset = only(folder, f"{text}callback_url='https://e.com/x'\naccept={{max_kb=4, min_width=9}}")
    assert (asset.tags, asset.rev, asset.frozen) == (("t",), 3, True)
    assert asset.accept == Accept(max_kb=4, min_width=9)
    assert asset.request.callback_url == "https://e.com/x"


def test_limits_include_both_ends() -> None:
    accept = Accept(max_kb=4, min_width=10, max_height=5)
    assert accept.objections(size=4096, width=10, height=5) == []
    assert accept.objections(size=4200, width=9, height=6) == [
        "is 4.1 KB, which `max_kb = 4` rules out",
        "is 9 wide, which `min_width = 10` rules out",
        "is 6 high, which `max_height = 5` rules out",
    ]


def test_windows_line_ends_and_a_byte_order_mark_mean_nothing(folder: Path) -> None:
    path = folder / "assets.toml"
    path.write_bytes(b"\xef\xbb\xbfversion = 1\r\n[assets.a]\r\nprompt = 'x'\r\n")
    assert read(path).assets[0].line == 2


def test_a_thousand_assets_are_read_quickly(folder: Path) -> None:
    text = "\n".join(f"[assets.a{n}]\nprompt = 'thing {n}'" for n in range(1000))
    begun = time.perf_counter()
    assert len(make(folder, text).assets) == 1000
    assert time.perf_counter() - begun < 5
