"""Members of `matrix` and `each`: names that stay, values of their own, what is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxcli.build.manifest.manifest import parse
from fluxcli.errors import FluxError, ProblemsError

if TYPE_CHECKING:
    from pathlib import Path

    from fluxcli.build.manifest.asset import Asset


def assets(folder: Path, text: str) -> dict[str, Asset]:
    return parse(f"version = 1\n[assets.a]\n{text}", folder / "assets.toml").by_name()


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(FluxError) as caught:
        assets(folder, text)
    error = caught.value
    return [one.message for one in (error.errors if isinstance(error, ProblemsError) else [error])]


def test_each_member_has_values_of_its_own_and_is_named_by_the_first(tmp_path: Path) -> None:
    found = assets(
        tmp_path,
        "prompt = 'a card: {text}'\noutput = 'cards/{lang}.png'\n"
        "each = [{ lang = 'en', text = 'Hello', aspect_ratio = '1:1' },"
        " { lang = 'de', text = 'Hallo', model = 'max' }]",
    )
    assert list(found) == ["a[en]", "a[de]"]
    english, german = found.values()
    assert (english.request.prompt, german.request.prompt) == ("a card: Hello", "a card: Hallo")
    assert (english.request.aspect_ratio, german.request.aspect_ratio) == ("1:1", "16:9")
    assert german.request.model == "flux-kontext-max"
    assert english.output == "cards/en.png"
    assert english.origins["aspect_ratio"] == ("assets", "a", "each", 0, "aspect_ratio")


def test_excluded_members_are_left_out(tmp_path: Path) -> None:
    found = assets(
        tmp_path,
        "prompt = '{w}'\nmatrix = { w = ['x', 'y'], aspect_ratio = ['1:1', '16:9'] }\n"
        "exclude = [{ w = 'y', aspect_ratio = '16:9' }]",
    )
    assert list(found) == ["a[1:1,x]", "a[1:1,y]", "a[16:9,x]"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    words=st.lists(st.sampled_from("bcdefgh"), min_size=2, max_size=6, unique=True),
    position=st.integers(0, 6),
    key=st.sampled_from(["each", "matrix"]),
)
def test_a_member_that_is_added_renames_no_other(
    tmp_path: Path, words: list[str], position: int, key: str
) -> None:
    def made(values: list[str]) -> dict[str, tuple[str, str]]:
        if key == "each":
            members = ", ".join(f"{{ w = '{one}', t = 'text {one}' }}" for one in values)
            text = f"prompt = '{{t}}'\neach = [{members}]"
        else:
            text = f"prompt = '{{w}}'\nmatrix = {{ w = {values}, n = [1, 2] }}"
        found = assets(tmp_path, text)
        return {name: (one.output, one.request.prompt) for name, one in found.items()}

    before = made(words)
    after = made([*words[:position], "new", *words[position:]])
    assert before.items() < after.items()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("each=[{w='x'}]\nmatrix={v=['y']}", "4:1`: `a` has `matrix` and `each`"),
        ("each=[]", "4:6`: `each`: expected an array of tables"),
        ("each=[{}]", "4:7`: `each`: expected a table that is not empty"),
        ("each=[{w='x',t='a'},{t='b',w='y'}]", "4:22`: members are named by their first key"),
        ("each=[{w='x'},{w='x'}]", "two members are called `a[x]`"),
        ("each=[{w='x',prompt='a'}]", "4:14`: `prompt` cannot be in `each`"),
        ("each=[{w='x',model='mini'}]", "4:20`: `model` is `mini`: expected"),
        ("each=[{w='two\\nlines'}]", "a line of at most 200 characters"),
        ("exclude=[{w='x'}]", "4:9`: `exclude` leaves out members of a `matrix`; there is none"),
        ("matrix={w=['x']}\nexclude=[{v='x'}]", "unknown name of the matrix `v`"),
        ("matrix={w=['x']}\nexclude=[{w='z'}]", "`w` of the matrix has no value `z`"),
        ("matrix={w=[1,2]}\nexclude=[{w='1'}]", "`w` of the matrix has no value `1`"),
        ("matrix={w=['x']}\nexclude=[{w='x'}]", "every member of `a` is excluded"),
        ("prompt_file='p.txt'", "`a` has `prompt` and `prompt_file`"),
    ],
)
def test_a_mistake_in_members_has_its_place(tmp_path: Path, text: str, message: str) -> None:
    text = text.replace("'two\\nlines'", '"two\\nlines"')
    found = problems(tmp_path, f"prompt = 'x'\n{text}")
    assert any(message in one for one in found), found


@pytest.mark.parametrize(
    "output",
    [
        "con.png",
        "NUL.png",
        "sub/aux.tar.png",
        "com1/x.png",
        "a:b.png",
        "what?.png",
        "a|b.png",
        "dir./x.png",
        "dir /x.png",
        "<x>.png",
        "star*.png",
        ".git/x.png",
        ".GIT/x.png",
        "conin$.png",
    ],
)
def test_an_output_is_a_name_on_every_system(tmp_path: Path, output: str) -> None:
    (found,) = problems(tmp_path, f"prompt = 'x'\noutput = '{output}'")
    assert found.startswith(f"`assets.toml:4:10`: `output` is `{output}`: ")


def test_ordinary_names_are_portable(tmp_path: Path) -> None:
    for output in ("console.png", ".hidden.png", "a b.png", "com10.png", "ü/é.png", "a..b.png"):
        (found,) = assets(tmp_path, f"prompt = 'x'\noutput = '{output}'").values()
        assert found.output == output


def test_spelling_of_an_input_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 60)
    (tmp_path / "sub").mkdir()
    spellings = ("photo.png", "./photo.png", "sub/../photo.png", ".//photo.png")
    found = {assets(tmp_path, f"prompt = 'x'\nedit = '{one}'")["a"].original for one in spellings}
    assert len(found) == 1
