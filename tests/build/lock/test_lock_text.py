"""The lock as text: what is written reads back, what is damaged is an error with its line."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcli.build.lock.entry import LockedImage, LockedRequest, LockEntry
from fluxcli.build.lock.lock_file import read
from fluxcli.build.lock.lock_text import joined, lines_of, parse
from fluxcli.build.lock.merge import combined
from fluxcli.build.lock.output_names import problem_with
from fluxcli.errors import Code, FluxError

AT = Path("assets.lock")
SHA = "aa11" * 16
REQUEST = LockedRequest(
    hash="1:abc",
    made_from="model=flux-kontext-pro prompt=123",
    model="flux-kontext-pro",
    submitted_at=1_795_341_600.0,
    input="@hero",
    input_sha256="ff00",
    task_id="e730",
    origin="https://api.example",
)
MADE = LockedImage(
    request=REQUEST,
    output="img/a.png",
    sha256=SHA,
    original_sha256=SHA,
    bytes=12,
    width=3,
    height=4,
    format="png",
    created_at=1_795_341_612.0,
)
PENDING = LockedRequest(
    hash="1:def",
    made_from="prompt=9",
    model="m",
    submitted_at=1_795_341_700.0,
    ref="abcd",
    reroll=True,
)


def whole(entries: dict[str, LockEntry]) -> str:
    return joined({name: lines_of(name, entry) for name, entry in entries.items()})


def single(data: bytes) -> dict[str, LockEntry]:
    found = parse(data, AT)
    assert all(len(entries) == 1 for entries in found.values())
    return {name: entries[0] for name, entries in found.items()}


def test_one_asset_is_one_line_with_sorted_keys() -> None:
    lines = whole({"b": LockEntry(MADE, PENDING), "a[1:1,x]": LockEntry(pending=PENDING)})
    header, first, second = lines.splitlines()
    assert header == '{"fluxcli-lock": 2}'
    assert [json.loads(line)["asset"] for line in (first, second)] == ["a[1:1,x]", "b"]
    for line in (first, second):
        assert line == json.dumps(json.loads(line), sort_keys=True, ensure_ascii=False)
    assert json.loads(second)["pending"] == {
        "hash": "1:def",
        "made_from": "prompt=9",
        "model": "m",
        "ref": "abcd",
        "reroll": True,
        "submitted_at": "2026-11-22T10:01:40Z",
    }


NAMES = st.text("abc[]:,.-_\u00e9\"'", min_size=1, max_size=8)
ENTRIES = st.sampled_from(
    [
        LockEntry(MADE),
        LockEntry(MADE, PENDING),
        LockEntry(pending=PENDING),
        LockEntry(replace(MADE, adopted=True), None, (PENDING, REQUEST)),
    ]
)


@settings(deadline=None)
@given(st.dictionaries(NAMES, ENTRIES, max_size=5))
def test_what_is_written_reads_back(entries: dict[str, LockEntry]) -> None:
    assert single(whole(entries).encode()) == entries
    assert single(whole(entries).replace("\n", "\r\n").encode()) == entries


def test_images_of_two_branches_are_two_lines() -> None:
    other = replace(MADE, sha256="bb" * 32, request=replace(REQUEST, task_id="other"))
    found = parse(whole({"a": LockEntry(None, PENDING, (), (MADE, other))}).encode(), AT)
    assert [entry.made for entry in found["a"]] == [MADE, other]
    assert combined(found["a"], lambda _: None) == LockEntry(None, PENDING, (), (MADE, other))


def refusal(data: bytes) -> FluxError:
    with pytest.raises(FluxError) as caught:
        parse(data, AT)
    assert caught.value.code is Code.LOCK_INVALID
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((": 2}", ": 3}"), "`assets.lock:1`: written by a later fluxcli (version 3); upgrade"),
        ((": 2}", ': 2, "x": 1}'), "written by a later fluxcli"),
        ((": 2}", ": 1}"), 'expected `{"fluxcli-lock": 2}`'),
        ((": 2}", ": true}"), 'expected `{"fluxcli-lock": 2}`'),
        (('"bytes": 12', '"bytes": "12"'), "`assets.lock:2`: `bytes`: expected a whole number"),
        (('"bytes": 12', '"bytes": true'), "`bytes`: expected a whole number"),
        (('"bytes": 12', '"bytes": -1'), "`bytes`: expected a whole number"),
        (('"bytes": 12, ', ""), "`bytes` is missing"),
        (('"bytes": 12', '"bytes": 12, "colour": 1'), "later fluxcli (field `colour`); upgrade"),
        (('"format": "png"', '"format": "jxl"'), "later fluxcli (format `jxl`); upgrade"),
        (('"1:abc"', '"7:abc"'), "later fluxcli (hash scheme 7); upgrade"),
        (('"1:abc"', '"abc"'), "`hash`: expected a scheme"),
        (("T10:00:12Z", ""), "`created_at`: expected a time such as"),
        (('"width": 3', '"width": '), "`assets.lock:2`: the line is damaged"),
        (('"width": 3', '"width": NaN'), "`assets.lock:2`: the line is damaged"),
        ((SHA, "xyz"), "expected 64"),
        (("img/a.png", "../a.png"), "the output `../a.png` leads out"),
    ],
)
def test_a_damaged_line_is_an_error_with_its_number(change: tuple[str, str], message: str) -> None:
    text = whole({"b": LockEntry(MADE)})
    assert change[0] in text
    assert message in refusal(text.replace(*change).encode()).message


@pytest.mark.parametrize("data", [b"", b"\n", b"\0\0\0", b"version", b"\xff", b"[]", b"{}"])
def test_an_emptied_or_garbled_lock_is_not_an_empty_one(data: bytes) -> None:
    refusal(data)


def test_a_toml_lock_is_named_and_the_way_on_too() -> None:
    error = refusal(b"# What\nversion = 1\n[assets.a]\n")
    assert "TOML lock" in error.message
    assert "assets adopt" in (error.hint or "")


@pytest.mark.parametrize(
    "output",
    [
        "/etc/passwd.png",
        "../x.png",
        "a/../../x.png",
        "a/../x.png",
        "./x.png",
        "a//x.png",
        "C:x.png",
        "c:/x.png",
        "\\\\host\\share\\x.png",
        "a\\x.png",
        "x\0.png",
        "x\n.png",
        ".git/x.png",
        ".GIT/x.png",
        "a/.Git/x.png",
        "git~1/x.png",
        "nul.png",
        "a/COM1.png",
        "assets.toml",
        "assets.lock",
        ".env",
        "id_rsa",
        "x.png/",
        "",
        "x" * 2000 + ".png",
        "/proc/self/environ",
    ],
)
def test_a_lock_may_name_nothing_but_relative_paths_of_images(output: str) -> None:
    assert problem_with(output) is not None


@pytest.mark.parametrize("output", ["a.png", "img/ä b.JPG", "icons/mail-16x9.webp", ".x/a.jpeg"])
def test_an_ordinary_output_is_accepted(output: str) -> None:
    assert problem_with(output) is None


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    command = ["git", *who, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def branches(folder: Path, base: str, ours: str, theirs: str, *, union: bool = True) -> int:
    """Merge two branches that changed one lock; return git's status."""
    lock = folder / "assets.lock"
    git(folder, "init", "-q", "-b", "main")
    if union:
        (folder / ".gitattributes").write_text("assets.lock merge=union\n")
        git(folder, "add", ".gitattributes")
    for name, text in (("main", base), ("theirs", theirs), ("ours", ours)):
        if name != "main":
            git(folder, "checkout", "-q", "-b", name, "main")
        lock.write_text(text)
        git(folder, "add", "assets.lock")
        git(folder, "commit", "-q", "-m", name)
    return git(folder, "merge", "-q", "--no-edit", "theirs").returncode


def test_git_merges_any_two_branches(tmp_path: Path) -> None:
    """Neighbouring lines too: an image that replaced another one wins over it."""
    entries = {
        name: LockEntry(
            replace(MADE, output=f"{name}.png", request=replace(REQUEST, task_id=f"task-{name}"))
        )
        for name in "abcd"
    }

    def remade(name: str) -> LockEntry:
        old = entries[name].made
        assert old is not None
        request = replace(REQUEST, task_id=f"new-{name}")
        new = replace(old, sha256="0b" * 32, request=request)
        return LockEntry(new, None, (old.request,))

    ours = entries | {"b": remade("b"), "e": LockEntry(replace(MADE, output="e.png"))}
    theirs = entries | {"c": remade("c"), "f": LockEntry(replace(MADE, output="f.png"))}
    assert branches(tmp_path, whole(entries), whole(ours), whole(theirs)) == 0
    assert read(tmp_path / "assets.lock") == {**theirs, **ours, "c": theirs["c"]}


def test_of_two_images_of_one_asset_the_one_on_the_disk_wins(tmp_path: Path) -> None:
    images = {}
    for side in "xyz":
        (tmp_path / f"{side}.png").write_bytes(side.encode())
        sha = hashlib.sha256(side.encode()).hexdigest()
        request = replace(REQUEST, task_id=f"task-{side}")
        images[side] = LockEntry(
            replace(MADE, output="a.png", sha256=sha, original_sha256=sha, request=request)
        )
    texts = [whole({"a": images[side]}) for side in "xyz"]
    assert branches(tmp_path, *texts) == 0
    both = read(tmp_path / "assets.lock")["a"]
    assert {one.request.task_id for one in both.rivals} == {"task-y", "task-z"}
    (tmp_path / "a.png").write_bytes(b"y")
    won = read(tmp_path / "assets.lock")["a"]
    assert won.made == images["y"].made
    assert [one.task_id for one in won.history] == ["task-z"], "neither paid task is forgotten"


def test_a_merge_conflict_is_recognised(tmp_path: Path) -> None:
    base, ours, theirs = (
        whole({"a": LockEntry(replace(MADE, sha256=digit * 64))}) for digit in "123"
    )
    assert branches(tmp_path, base, ours, theirs, union=False) == 1
    data = (tmp_path / "assets.lock").read_bytes()
    error = refusal(data)
    assert error.message.startswith("`assets.lock:2`: git left a merge conflict here")
    assert error.hint == "fluxcli assets merge assets.lock"
    assert len(parse(data, AT, conflicts=True)["a"]) == 2
