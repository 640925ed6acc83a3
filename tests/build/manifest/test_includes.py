"""Included manifests, prompts from files, and where the manifest is searched for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fluxcli.build.manifest.manifest import read
from fluxcli.build.manifest.search import find_manifest
from fluxcli.errors import FluxError, ProblemsError

if TYPE_CHECKING:
    from pathlib import Path

    from fluxcli.build.manifest.asset import Manifest

ICON = "version = 1\noutput_dir = 'out'\n[assets.icon]\nprompt = 'an icon, {style}'\n"


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / "assets.toml"


def manifest(folder: Path, files: dict[str, str | bytes]) -> Manifest:
    return read(write(folder, files), shown="assets.toml")


def problems(folder: Path, files: dict[str, str | bytes]) -> list[str]:
    with pytest.raises(FluxError) as caught:
        manifest(folder, files)
    error = caught.value
    return [one.message for one in (error.errors if isinstance(error, ProblemsError) else [error])]


def root(text: str = "", include: str = "icons/assets.toml") -> str:
    return f"version = 1\ninclude = ['{include}']\n[vars]\nstyle = 'flat'\n{text}"


def test_an_included_file_shares_vars_and_has_paths_of_its_own(tmp_path: Path) -> None:
    found = manifest(
        tmp_path,
        {
            "assets.toml": root("[assets.night]\nedit = '@icon'\nprompt = 'night'\n"),
            "icons/assets.toml": ICON,
        },
    )
    assets = found.by_name()
    assert assets["icon"].request.prompt == "an icon, flat"
    assert assets["icon"].output == "icons/out/icon.jpg"
    assert assets["night"].parent == "icon"
    assert [path.relative_to(tmp_path).as_posix() for path in found.files] == [
        "assets.toml",
        "icons/assets.toml",
    ]
    assert assets["icon"].source.path == tmp_path / "icons" / "assets.toml"


def test_own_variables_win_over_those_of_the_including_file(tmp_path: Path) -> None:
    icon = ICON.replace("[assets", "[vars]\nstyle = 'round'\nmore = '{style}!'\n[assets")
    found = manifest(tmp_path, {"assets.toml": root(), "icons/assets.toml": icon})
    assert found.assets[0].request.prompt == "an icon, round"


def test_problems_of_all_files_are_reported_at_once_with_their_files(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        {
            "assets.toml": root("[assets.icon]\nprompt = 'x'\nrev = 0\n"),
            "icons/assets.toml": ICON.replace("{style}", "{stile}"),
        },
    )
    assert found == [
        "`assets.toml:7:7`: `rev` is `0`: expected a whole number from 1 to 10000000",
        "`icons/assets.toml:3:9`: `icon` is declared in `assets.toml` as well",
    ]


@pytest.mark.parametrize(
    ("include", "message"),
    [
        ("../other.toml", "leads out of"),
        ("/etc/passwd", "expected a relative path"),
        ("icons", "is a folder"),
        ("icons/asset.toml", "there is no `icons/asset.toml` to include"),
        ("assets.toml", "included twice or includes itself"),
        ("./icons/../assets.toml", "included twice or includes itself"),
        ("out/assets.toml", "leads out of"),
        ("icons\\assets.toml", "joined by `/`"),
    ],
)
def test_an_include_is_another_file_below_this_one(
    tmp_path: Path, include: str, message: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "elsewhere" / "assets.toml").write_text(ICON)
    (project / "out").symlink_to(tmp_path / "elsewhere")
    found = problems(project, {"assets.toml": root(include=include), "icons/assets.toml": ICON})
    assert any(message in one for one in found), found
    assert all(one.startswith("`assets.toml:2:12`") for one in found)


def test_includes_in_a_circle_end(tmp_path: Path) -> None:
    icon = ICON.replace("output_dir", "include = ['sub/again.toml']\noutput_dir")
    (tmp_path / "icons" / "sub").mkdir(parents=True)
    (tmp_path / "icons" / "sub" / "again.toml").symlink_to("../assets.toml")
    found = problems(tmp_path, {"assets.toml": root(), "icons/assets.toml": icon})
    (only,) = found
    assert only.startswith("`icons/assets.toml:2:12`: `sub/again.toml` is included twice or incl")
    assert only.endswith("it is `icons/assets.toml`")


def test_an_included_file_writes_in_its_own_folder_only(tmp_path: Path) -> None:
    icon = ICON.replace("'out'", "'../public'")
    found = problems(tmp_path, {"assets.toml": root(), "icons/assets.toml": icon})
    assert "leads out of the manifest's folder" in found[0]


def test_a_prompt_file_is_the_same_prompt_on_every_checkout(tmp_path: Path) -> None:
    text = root("[assets.a]\nprompt_file = 'prompts/{n}.txt'\neach = [{n = 'one'}]\n")
    files = {"assets.toml": text, "icons/assets.toml": ICON}
    unix = manifest(tmp_path, {**files, "prompts/one.txt": "a {style}\nhill {n}\n\n"}).assets
    windows = manifest(
        tmp_path, {**files, "prompts/one.txt": b"\xef\xbb\xbfa {style}\r\nhill {n}\r\n"}
    ).assets
    assert unix[0].request.prompt == windows[0].request.prompt == "a flat\nhill one"
    assert unix[0].prompt_file == "prompts/one.txt"


def test_a_wrong_name_in_a_prompt_file_has_its_place_there(tmp_path: Path) -> None:
    text = root("[assets.a]\nprompt_file = 'p.txt'\n")
    found = problems(
        tmp_path, {"assets.toml": text, "icons/assets.toml": ICON, "p.txt": "a\nbig {stile}"}
    )
    assert found == ["`p.txt:2:5`: the prompt: nothing is called `{stile}` here (known: `{style}`)"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("../secret.txt", "leads out"),
        ("/etc/hostname", "expected a relative path"),
        ("link.txt", "leads out"),
        ("pipe", "is not a regular file"),
        ("icons", "is a folder"),
        ("missing.txt", "does not exist"),
        ("latin.txt", "is not text in UTF-8"),
        ("empty.txt", "is empty"),
    ],
)
def test_a_prompt_file_is_a_text_file_inside_the_project(
    tmp_path: Path, value: str, message: str
) -> None:
    (tmp_path / "secret.txt").write_text("key")
    project = tmp_path / "project"
    project.mkdir()
    (project / "link.txt").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(project / "pipe")
    files: dict[str, str | bytes] = {"latin.txt": b"caf\xe9", "empty.txt": " \n"}
    files |= {"assets.toml": root(f"[assets.a]\nprompt_file='{value}'\n")}
    found = problems(project, {**files, "icons/assets.toml": ICON})
    assert len(found) == 1
    assert message in found[0]
    assert found[0].startswith("`assets.toml:6:13`")


@pytest.mark.parametrize("name", ["assets.toml", "icons/assets.toml"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"version = 2\n[new]\nx = 1\n", ":1:11`: `version` is `2`: written by a later fluxcli"),
        (b"version = 1\nx = '\xff'", ":2:6`: not text in UTF-8"),
        (b"x" * (5 << 20), "` is over 4 MB"),
        (None, "` is a folder"),
    ],
)
def test_a_file_that_is_not_a_manifest_is_one_clear_error(
    tmp_path: Path, name: str, data: bytes | None, message: str
) -> None:
    path = write(tmp_path, {"assets.toml": root(), "icons/assets.toml": ICON})
    (tmp_path / name).unlink()
    if data is None:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(FluxError) as caught:
        read(path, shown="assets.toml")
    assert f"`{name}" in caught.value.message
    assert message in caught.value.message


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "assets.toml")
    with pytest.raises(FluxError, match="is not a regular file"):
        read(tmp_path / "assets.toml")


def test_the_manifest_is_found_upwards_to_the_repository(tmp_path: Path) -> None:
    write(tmp_path, {"assets.toml": ICON, "repo/.git/HEAD": "", "repo/a/b/x": ""})
    deep = tmp_path / "repo" / "a" / "b"
    with pytest.raises(FluxError, match="in this folder or above it"):
        find_manifest(deep, None, None)
    write(tmp_path / "repo", {"assets.toml": ICON})
    assert find_manifest(deep, None, None) == (tmp_path / "repo/assets.toml", "../../assets.toml")
    assert find_manifest(deep, "x.toml", None) == (deep / "x.toml", "x.toml")


def test_the_search_ends_at_home(tmp_path: Path) -> None:
    write(tmp_path, {"assets.toml": ICON, "home/project/x": ""})
    home = tmp_path / "home"
    with pytest.raises(FluxError, match="in this folder or above it"):
        find_manifest(home / "project", None, str(home))
    write(home, {"assets.toml": ICON})
    found, shown = find_manifest(home / "project", None, str(home))
    assert (found, shown) == (home / "assets.toml", "../assets.toml")


def test_in_the_folder_of_an_included_file_the_including_one_is_found(tmp_path: Path) -> None:
    """Else there would be two locks, and the same image would be paid for twice."""
    write(tmp_path, {"assets.toml": root(), "icons/assets.toml": ICON, ".git/HEAD": ""})
    found, _ = find_manifest(tmp_path / "icons", None, None)
    assert found == tmp_path / "assets.toml"
    write(tmp_path, {"assets.toml": root(include="other.toml")})
    found, _ = find_manifest(tmp_path / "icons", None, None)
    assert found == tmp_path / "icons" / "assets.toml"
