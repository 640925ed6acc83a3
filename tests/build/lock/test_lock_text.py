"""The lock as text: what is written reads back, what is broken is told, never taken for empty."""

from __future__ import annotations

import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxcli.build.lock.entry import LockedImage, LockedRequest, LockEntry
from fluxcli.build.lock.lock_text import block, joined, parse
from fluxcli.errors import Code, FluxError

AT = Path("assets.lock")
ASK = LockedRequest(
    request="1:abc",
    made_from="model=flux-kontext-pro prompt=123",
    model="flux-kontext-pro",
    asked_at=1_795_341_600.0,
    input="@hero",
    input_sha256="ff00",
    task_id="e730",
)
MADE = LockedImage(
    ask=ASK,
    output="img/a.png",
    sha256="aa11",
    bytes=12,
    width=3,
    height=4,
    format="png",
    made_at=1_795_341_612.0,
)
PENDING = LockedRequest(
    request="1:def",
    made_from="prompt=9",
    model="m",
    asked_at=1_795_341_700.0,
    ref="abcd",
    sandbox=True,
)


def whole(entries: dict[str, LockEntry]) -> str:
    return joined({name: block(name, entry) for name, entry in entries.items()})


def test_a_block_is_short_sorted_and_says_what_is_needed() -> None:
    text = whole(
        {"b": LockEntry(MADE, PENDING), "a[1:1,x]": LockEntry(pending=replace(PENDING, ref=None))}
    )
    assert (
        text.split("\n", 3)[3]
        == """\

[assets."a[1:1,x]".pending]
asked_at = "2026-11-22T10:01:40Z"
made_from = "prompt=9"
model = "m"
request = "1:def"
sandbox = true

[assets.b]
asked_at = "2026-11-22T10:00:00Z"
bytes = 12
format = "png"
height = 4
input = "@hero"
input_sha256 = "ff00"
made_at = "2026-11-22T10:00:12Z"
made_from = "model=flux-kontext-pro prompt=123"
model = "flux-kontext-pro"
output = "img/a.png"
request = "1:abc"
sha256 = "aa11"
task_id = "e730"
width = 3

[assets.b.pending]
asked_at = "2026-11-22T10:01:40Z"
made_from = "prompt=9"
model = "m"
ref = "abcd"
request = "1:def"
sandbox = true
"""
    )


NAMES = st.text("abc[]:,.-_\u00e9\"'", min_size=1, max_size=8)
ENTRIES = st.sampled_from(
    [
        LockEntry(MADE),
        LockEntry(MADE, PENDING),
        LockEntry(pending=PENDING),
        LockEntry(replace(MADE, adopted=True)),
    ]
)


@settings(deadline=None)
@given(st.dictionaries(NAMES, ENTRIES, max_size=5))
def test_what_is_written_reads_back(entries: dict[str, LockEntry]) -> None:
    text = whole(entries)
    assert parse(text.encode(), AT) == entries
    assert tomllib.loads(text)["version"] == 1


def test_nothing_at_all_reads_back() -> None:
    assert parse(whole({}).encode(), AT) == {}


def refusal(data: bytes) -> FluxError:
    with pytest.raises(FluxError) as caught:
        parse(data, AT)
    assert caught.value.code is Code.LOCK_INVALID
    return caught.value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("version = 1", "version = 2"), "written by a later fluxcli (version 2)"),
        (("version = 1", "version = '1'"), "does not say `version = 1`"),
        (("version = 1", ""), "does not say `version = 1`"),
        (("bytes = 12", "bytes = '12'"), "`assets.lock:7:9`: `bytes`: expected a whole number"),
        (("bytes = 12", "bytes = true"), "`bytes`: expected a whole number"),
        (("bytes = 12", ""), "`b`: `bytes` is missing"),
        (("bytes = 12", "byts = 12"), "`byts`: unknown entry"),
        (("[assets.b]", "[other.b]"), "`other`: unknown entry"),
        (("T10:00:12Z", ""), "`made_at`: expected a time such as"),
        (("width = 3", "width = "), "assets.lock:19:9`: invalid value"),
        (("width = 3", "width = 3\n[assets.c"), "expected ']'"),
    ],
)
def test_a_broken_lock_is_told_with_its_place(change: tuple[str, str], message: str) -> None:
    text = whole({"b": LockEntry(MADE)})
    assert change[0] in text
    assert message in refusal(text.replace(*change).encode()).message


@pytest.mark.parametrize("data", [b"", b"\n", b"\0\0\0", b"version", b"\xff"])
def test_an_emptied_or_garbled_lock_is_not_an_empty_one(data: bytes) -> None:
    assert refusal(data).hint


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    command = ["git", *who, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def branches(folder: Path, base: str, ours: str, theirs: str) -> int:
    """Merge two branches that changed one lock; return git's status."""
    lock = folder / "assets.lock"
    git(folder, "init", "-q", "-b", "main")
    for name, text in (("main", base), ("theirs", theirs), ("ours", ours)):
        if name != "main":
            git(folder, "checkout", "-q", "-b", name, "main")
        lock.write_text(text)
        git(folder, "add", "assets.lock")
        git(folder, "commit", "-q", "-m", name)
    return git(folder, "merge", "-q", "theirs").returncode


def test_git_merges_blocks_of_different_assets_by_itself(tmp_path: Path) -> None:
    entries = {name: LockEntry(replace(MADE, output=name)) for name in "abcdefg"}
    ours = entries | {"b": LockEntry(replace(MADE, sha256="0b"))}
    theirs = entries | {"f": LockEntry(replace(MADE, sha256="0f"), PENDING)}
    assert branches(tmp_path, whole(entries), whole(ours), whole(theirs)) == 0
    data = (tmp_path / "assets.lock").read_bytes()
    assert parse(data, AT) == {**entries, "b": ours["b"], "f": theirs["f"]}


def test_a_merge_conflict_is_recognised_and_told(tmp_path: Path) -> None:
    base, ours, theirs = (whole({"a": LockEntry(replace(MADE, sha256=h))}) for h in ("1", "2", "3"))
    assert branches(tmp_path, base, ours, theirs) == 1
    error = refusal((tmp_path / "assets.lock").read_bytes())
    assert error.message == "`assets.lock:17:1`: git left a merge conflict here"
    assert error.hint is not None
    assert "fluxcli build --check" in error.hint
