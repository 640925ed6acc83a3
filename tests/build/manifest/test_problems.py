"""A manifest that is wrong: every problem at once, each with its place and a hint."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fluxcli.build.manifest.asset_paths import OutputResolver
from fluxcli.build.manifest.manifest import parse, read
from fluxcli.errors import Code, FluxError, ProblemsError

if TYPE_CHECKING:
    from pathlib import Path


RATIO = (
    "`assets.toml:5:16`: `aspect_ratio` is `5:4`: expected `21:9`, `16:9`, `4:3`, `1:1`, "
    "`3:4` or `9:16`"
)
STILE = (
    "`assets.toml:7:10`: `prompt` is `a {stile}`: nothing is called `{stile}` here (known: none)"
)


def problems(folder: Path, text: str) -> list[tuple[str, str | None]]:
    with pytest.raises(FluxError) as caught:
        parse(text, folder / "assets.toml")
    error = caught.value
    errors = error.errors if isinstance(error, ProblemsError) else [error]
    assert {one.code for one in errors} == {Code.MANIFEST_INVALID}
    return [(one.message, one.hint) for one in errors]


def problem(folder: Path, text: str) -> tuple[str, str | None]:
    (only,) = problems(folder, f"version = 1\n{text}")
    return only


def test_ten_mistakes_are_ten_messages_in_the_files_order(tmp_path: Path) -> None:
    text = """\
version = 1
outputdir = "x"
[defaults]
modle = "pro"
aspect_ratio = "5:4"
[assets.one]
prompt = "a {stile}"
output = "../../x.png"
accept = { max_kb = 4, min_kb = 8 }
[assets.two]
edit = "@thre"
prompt = "x"
[assets.three]
edit = "@four"
prompt = "x"
[assets.four]
edit = "@three"
prompt = "x"
frozen = 1
[assets.five]
edit = "missing.png"
"""
    found = [message for message, _ in problems(tmp_path, text)]
    assert found == [
        "`assets.toml:2:1`: unknown entry `outputdir`",
        "`assets.toml:4:1`: unknown request field `modle`",
        RATIO,
        STILE,
        "`assets.toml:8:10`: `output` is `../../x.png`: it leads out of the manifest's folder",
        "`assets.toml:9:33`: `min_kb = 8` is over `max_kb = 4`",
        "`assets.toml:11:8`: there is no asset `thre` to edit",
        "`assets.toml:14:8`: the edits form a cycle: `four` → `three` → `four`",
        "`assets.toml:19:10`: `frozen` is `1`: expected `true` or `false`, without quotes",
        "`assets.toml:20:9`: `five` has no prompt",
        "`assets.toml:21:8`: the input `missing.png` does not exist",
    ]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[assets.a]\nprompt='x'\npromt='y'", "4:1`: unknown entry `promt`", "`prompt`"),
        ("[assets.a]\nprompt=''", "3:8`: `prompt` is ``: expected text that is not", None),
        ('[assets.a]\nprompt="a\\u0000"', "3:8`: `prompt` is `a\\x00`: expected text", None),
        ("[assets.a]\nprompt='x'\nrev=0", "4:5`: `rev` is `0`: expected a whole", "`1`"),
        ("[assets.a]\nprompt='x'\nrev=true", "4:5`: `rev` is `true`: expected a whole", None),
        ("[assets.a]\nprompt='x'\nmodel='PRO'", "4:7`: `model` is `PRO`: expected", "-pro`"),
        ("[assets.a]\nprompt='x'\nprompt_upsampling=1", "`prompt_upsampling` is `1`", None),
        ("[assets.a]\nprompt='{x'", "3:8`: `prompt` is `{x`: there is a lone brace", None),
        ("[assets.a]\nprompt='x'\noutput='a.gif'", "4:8`: `output` is `a.gif`: expected a", None),
        ("[assets.a]\nprompt='x'\noutput='/a.png'", "expected a relative path", None),
        ("[assets.a]\nprompt='x'\noutput='a\\b.png'", "joined by `/`", None),
        ("[assets.a]\nprompt='x'\ntags=['a','a']", "expected an array without rep", None),
        ("[assets.a]\nprompt='x'\ntags='a'", "4:6`: `tags` is `a`: expected an array", None),
        ("[assets.a]\nprompt='x'\nmatrix={w=[]}", "`w`: expected an array that is not", None),
        ("[assets.a]\nprompt='x'\nmatrix={model=['mini']}", "4:16`: `model` is `mini`", None),
        ("[assets.a]\nprompt='x'\nmatrix={prompt=['b']}", "cannot be in a matrix", "{what}"),
        ("[assets.a]\nprompt='x'\nmatrix=3", "4:8`: `matrix`: expected a table", None),
        ("[assets.'a b']\nprompt='x'", "2:9`: `a b`: expected a name", None),
        ("[vars]\na='{b}'\nb='{a}'\n[assets.x]\nprompt='x'", "it is made from itself", None),
        ("[vars]\n'a b'='x'\n[assets.x]\nprompt='x'", "3:1`: `a b`: expected a name", None),
        ("assets=1", "2:8`: `assets`: expected a table", None),
        ("", "1:1`: there are no assets", "init"),
        ("output_dir='../x'\n[assets.a]\nprompt='x'", "leads out of the manifest's", None),
        ("output_dir='~/x'\n[assets.a]\nprompt='x'", "expected a relative path", None),
        ("[assets.a]\nprompt='x'\noutput='~/x.png'", "expected a relative path", None),
        ("[assets.a]\nprompt='x'\nedit='@a'", "form a cycle: `a` → `a`", None),
        ("[assets.a]\nprompt='x'\nedit='http://'", "`edit`: expected an address", None),
        (
            "[assets.a]\nprompt='x'\noutput='a.png'\noutput_format='jpeg'",
            "4:8`: `output_format` jpeg and the output's ending `.png` clash",
            ".{ext}",
        ),
        (
            "[defaults]\nsafety_tolerance=5\n[assets.a]\nprompt='x'\nedit='https://e.com/x'",
            "6:6`: `safety_tolerance` 5, which `[defaults]` or a member sets, is too high",
            "safety_tolerance = 2",
        ),
        (
            "[assets.a]\nprompt='x'\nmatrix={w=[1,2]}\n[assets.b]\nprompt='x'\nedit='@a'",
            "7:6`: `@a` has several members: name one of them",
            '"@a[1]"',
        ),
    ],
)
def test_a_mistake_has_its_place_and_a_hint(
    tmp_path: Path, text: str, message: str, hint: str | None
) -> None:
    err, offered = problem(tmp_path, text)
    assert err.startswith("`assets.toml:")
    assert message in err
    assert hint is None or (offered is not None and hint in offered)


def test_two_assets_cannot_have_one_output(tmp_path: Path) -> None:
    text = "[assets.a]\nprompt='x'\noutput='Ä.png'\n[assets.b]\nprompt='x'\noutput='a\u0308.PNG'"
    err, _ = problem(tmp_path, text)
    assert "`a` and `b` have one output" in err
    assert "where case does not count" in err


def test_members_of_a_matrix_need_outputs_of_their_own(tmp_path: Path) -> None:
    text = "[assets.a]\nprompt='{w}'\nmatrix={w=['x','y']}\noutput='a.png'"
    err, hint = problem(tmp_path, text)
    assert "`a[x]` and `a[y]` have one output" in err
    assert hint is not None
    assert "{w}.{ext}" in hint


def test_an_output_cannot_are_below_another(tmp_path: Path) -> None:
    text = "[assets.a]\nprompt='x'\noutput='a.png'\n[assets.b]\nprompt='x'\noutput='a.png/b.png'"
    assert "lies below `a`'s, which is a file" in problem(tmp_path, text)[0]


def test_a_link_cannot_lead_an_output_out_of_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "project"
    inside.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (inside / "out").symlink_to(tmp_path / "elsewhere")
    err, _ = problem(inside, "[assets.a]\nprompt='x'\noutput='out/a.png'")
    assert "leads out of the manifest's folder" in err


def test_each_output_is_where_the_file_system_says(tmp_path: Path) -> None:
    """Through links to files and folders, to nothing, and round in a circle."""
    (tmp_path / "real" / "below").mkdir(parents=True)
    (tmp_path / "real" / "a.png").touch()
    links = {"folder": "real", "file.png": "real/a.png", "gone.png": "nowhere/a.png"}
    links |= {"round.png": "round.png", "to.png": "real/below", "up": "real/below/.."}
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    (tmp_path / "home").symlink_to(".")
    resolver = OutputResolver(tmp_path / "home")
    outputs = [*links, "a.png", "real/a.png", "real/below", "missing/x.png", "real/a.png/x.png"]
    for output in [*outputs, "folder/a.png", "up/below/x.png", "round.png/x.png", "home/real"]:
        place = tmp_path / "home" / output
        assert resolver.resolve(output) == (os.path.realpath(place), place.is_dir()), output
    assert resolver.root == str(tmp_path.resolve())


def test_two_ways_to_one_place_are_one_output(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").symlink_to(tmp_path / "one")
    text = "[assets.a]\nprompt='x'\noutput='one/x.png'\n[assets.b]\nprompt='x'\noutput='two/x.png'"
    assert "have one output" in problem(tmp_path, text)[0]


def test_a_file_that_an_asset_makes_is_edited_by_the_assets_name(tmp_path: Path) -> None:
    """Else the edit would start before its input is made."""
    text = "[assets.a]\nprompt='x'\n[assets.b]\nprompt='x'\nedit='./a.jpg'"
    err, hint = problem(tmp_path, text)
    assert "is the output of `a`" in err
    assert hint == 'edit = "@a"'


def test_an_input_has_to_be_an_image(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello there")
    err, _ = problem(tmp_path, "[assets.b]\nprompt='x'\nedit='notes.txt'")
    assert "is not a PNG, JPEG or WebP image" in err


def test_an_input_that_never_ends_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is not a file" in problem(tmp_path, "[assets.b]\nprompt='x'\nedit='pipe'")[0]


def test_a_matrix_that_is_too_large_is_refused_at_once(tmp_path: Path) -> None:
    axes = ", ".join(f"a{n} = [0,1,2,3,4,5,6,7,8,9]" for n in range(9))
    err, _ = problem(tmp_path, f"[assets.a]\nprompt='x'\nmatrix = {{ {axes} }}")
    assert "these are 1000000000 assets" in err


def test_a_text_that_doubles_itself_is_refused(tmp_path: Path) -> None:
    lines = "\n".join(f"v{n} = '{{v{n - 1}}}{{v{n - 1}}}'" for n in range(1, 40))
    found = problems(tmp_path, f"version=1\n[vars]\nv0='xx'\n{lines}\n[assets.a]\nprompt='{{v39}}'")
    assert any("over 1 MB" in message for message, _ in found)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"version = 1\n[assets.a\nprompt = 'x'\n", "assets.toml:2:10`: expected ']'"),
        (b"version = 1\nx = ", "assets.toml:2:5`: invalid value"),
        (b"version = 1\nx = '\xff'", "assets.toml:2:6`: not text in UTF-8"),
        (b"a=" + b"[" * 20_000, "assets.toml`: a number is too long or brackets are too deep"),
    ],
)
def test_invalid_toml_has_its_place_too(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "assets.toml"
    path.write_bytes(data)
    with pytest.raises(FluxError) as caught:
        read(path)
    assert message in caught.value.message


def test_a_missing_manifest_has_a_hint_at_init(tmp_path: Path) -> None:
    with pytest.raises(FluxError) as caught:
        read(tmp_path / "assets.toml", shown="assets.toml")
    assert caught.value.message == "there is no `assets.toml` in this folder or above it"
    assert caught.value.hint == "fluxcli assets init"
