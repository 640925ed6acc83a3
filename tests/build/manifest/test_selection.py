"""A part of the assets, by names, patterns, tags and shards."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxcli.build.manifest.manifest import parse
from fluxcli.build.manifest.selection import AssetSelection, Shard, parse_shard, select
from fluxcli.errors import Code, FluxError

TEXT = """\
version = 1
[assets.hero]
prompt = "x"
tags = ["landing"]
[assets.night]
edit = "@hero"
prompt = "x"
tags = ["dark"]
[assets.icon]
prompt = "{what}"
matrix = { what = ["mail", "phone"] }
"""
MANIFEST = parse(TEXT, Path("/nowhere/assets.toml"))


def names(*patterns: str, tags: tuple[str, ...] = ()) -> list[str]:
    return sorted(select(MANIFEST, patterns, tags=tags).names)


def test_no_selection_means_all_assets() -> None:
    assert select(MANIFEST) == AssetSelection(
        frozenset(MANIFEST.by_name()), frozenset(), whole=True
    )


def test_a_member_a_whole_matrix_and_patterns() -> None:
    """Brackets are plain, or no member could be named."""
    assert names("icon[mail]") == ["icon[mail]"]
    assert names("icon") == ["icon[mail]", "icon[phone]"]
    assert names("icon[m*]", "her?") == ["hero", "icon[mail]"]


def test_what_a_chosen_asset_is_made_from_is_chosen_too() -> None:
    assert names("night") == names(tags=("dark",)) == ["hero", "night"]
    assert select(MANIFEST, ["night"]).named == {"night"}


@pytest.mark.parametrize(
    ("patterns", "tags", "hint"),
    [(["her"], [], "did you mean `hero`?"), ([], ["landng"], "did you mean `landing`?")],
)
def test_a_name_without_an_asset_is_refused(
    patterns: list[str], tags: list[str], hint: str
) -> None:
    with pytest.raises(FluxError) as caught:
        select(MANIFEST, patterns, tags=tags)
    assert (caught.value.code, caught.value.hint) == (Code.USAGE, hint)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_are_a_partition_with_families_together(count: int) -> None:
    text = "version = 1\n" + "".join(
        f"[assets.a{n}]\nprompt='x'\n[assets.b{n}]\nprompt='x'\nedit='@a{n}'\n" for n in range(50)
    )
    manifest = parse(text, Path("/nowhere/assets.toml"))
    shards = [select(manifest, shard=Shard(number, count)).names for number in range(1, count + 1)]
    assert sum(map(len, shards)) == 100
    assert frozenset().union(*shards) == set(manifest.by_name())
    for shard in shards:
        assert {name.replace("b", "a") for name in shard} == {n for n in shard if n[0] == "a"}


def test_a_shard_is_stable() -> None:
    """Another machine, another day, another asset beside it: always the same shard."""
    assert [number for number in range(1, 5) if Shard(number, 4).holds("hero")] == [1]


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/2", "1/2/3", ""])
def test_an_invalid_shard_is_refused(text: str) -> None:
    with pytest.raises(FluxError, match="expected `K/N`"):
        parse_shard(text)
