"""The config file: read without a trace, changed in place, never broken further."""

from __future__ import annotations

import os
import stat
import sys
import threading
import tomllib
from typing import TYPE_CHECKING

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxcli.errors import Code, FluxError
from fluxcli.settings import file
from fluxcli.settings.layout import line_of

if TYPE_CHECKING:
    from pathlib import Path

KEYS = st.text(alphabet="abcdefghijk-_09 äé.\"'#[]=", min_size=1, max_size=6)
TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=12)
LEAVES = st.one_of(
    TEXTS,
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.floats(allow_nan=False),
    st.datetimes(),
    st.dates(),
)
NESTED = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
OURS = st.sampled_from(["timeout", "output", "generate.model", "edit.watermark"])
DOCUMENTS = st.dictionaries(
    st.sampled_from(["timeout", "api_key", "zeta"]) | KEYS, NESTED, max_size=4
).map(lambda d: {k: v for k, v in d.items() if k not in file.TABLES})
TABLES = st.dictionaries(
    st.sampled_from(["generate", "edit"]),
    st.dictionaries(st.sampled_from(["model", "watermark"]), LEAVES, max_size=2),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "config.toml"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def put(path: Path, name: str, value: str | float | None) -> bool:
    return file.change(path, name, value, locks=path.parent.parent / "state")


def test_a_missing_file_is_empty_and_stays_missing(path: Path) -> None:
    assert dict(file.read(path).entries()) == {}
    assert not path.parent.exists()


def test_the_null_device_is_an_empty_file(path: Path) -> None:
    """`FLUXCLI_CONFIG=/dev/null` is how one runs without a config file; it is never replaced."""
    null = path.parent.parent / "null"
    null.symlink_to(os.devnull)
    assert dict(file.read(null).entries()) == {}
    with pytest.raises(FluxError, match="not a regular file"):
        put(null, "timeout", "5m")


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("timeout = 5m\n", "1:12", "expected newline"),
        ("a = 1\n\n[generate\n", "3:10", "expected ']'"),
        ("a = 1\na = 2\n", "2:6", "cannot overwrite a value"),
        ("a = ", "1:5", "invalid value"),
        ('a = """\nb', "2:2", "unterminated"),
        ("# é\nb = '\udcff'", "2:6", "not text in utf-8"),
        ("generate = 5", "1", "expected a table: `[generate]`"),
        ("a = " + "9" * 5000, None, "a number is too long"),
        ("a = " + "[" * 100_000, None, "brackets are too deep"),
    ],
)
def test_a_broken_file_is_reported_with_its_place_and_kept(
    path: Path, text: str, where: str | None, what: str
) -> None:
    data = text.encode(errors="surrogateescape")
    path.parent.mkdir()
    path.write_bytes(data)
    for attempt in (lambda: file.read(path), lambda: put(path, "timeout", "5m")):
        with pytest.raises(FluxError) as caught:
            attempt()
        assert caught.value.code is Code.CONFIG_INVALID
        assert what in caught.value.message.lower()
        assert caught.value.message.startswith(f"`{path}:{where}`" if where else f"`{path}`")
        assert "\n" not in caught.value.message
        assert caught.value.hint == "fluxcli config edit"
    assert path.read_bytes() == data


def test_an_unreadable_file_is_reported(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(FluxError, match="cannot be read: is a directory"):
        file.read(path)


def test_a_file_without_end_is_not_read_to_its_end(path: Path) -> None:
    write(path, "#" * (1024 * 1024 + 1))
    with pytest.raises(FluxError, match="too large"):
        file.read(path)


def test_marks_of_windows_editors_are_not_an_error(path: Path) -> None:
    write(path, '\ufefftimeout = "5m"\r\n[edit]\r\nmodel = "max"\r\n')
    assert dict(file.read(path).entries()) == {"timeout": "5m", "edit.model": "max"}


def test_the_first_change_makes_file_and_folder_for_the_user_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        assert put(path, "api_key", "abc") is False
    finally:
        os.umask(before)
    assert path.read_text() == 'api_key = "abc"\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["config.toml"]


def test_a_change_takes_back_what_others_could_read(path: Path) -> None:
    write(path, "")
    path.chmod(0o644)
    put(path, "api_key", "abc")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_symbolic_link_stays_one(path: Path) -> None:
    """Many keep their config files in a folder of dotfiles, linked from where they belong."""
    target = path.parent.parent / "dotfiles" / "fluxcli.toml"
    write(target, "# mine\n")
    path.parent.mkdir()
    path.symlink_to(target)
    put(path, "timeout", "5m")
    assert path.is_symlink()
    assert target.read_text() == '# mine\ntimeout = "5m"\n'


LAID_OUT = """\
# mine
timeout = "5m"  # not "15m" # really

# pictures
[generate]
model = "pro#1"   # cheap
  watermark = 'x # y'

[zeta]
model = "other"
"""


@pytest.mark.parametrize(
    ("name", "value", "old", "new"),
    [
        ("timeout", "9m", '= "5m"', '= "9m"'),
        ("timeout", None, 'timeout = "5m"  # not "15m" # really\n', ""),
        ("generate.model", "max", '"pro#1"', '"max"'),
        ("generate.watermark", "z", "'x # y'", '"z"'),
        ("generate.upload_cn", True, "'x # y'\n", "'x # y'\nupload_cn = true\n"),
        ("output", "o", "really\n", 'really\noutput = "o"\n'),
        ("edit.model", "max", '"other"\n', '"other"\n\n[edit]\nmodel = "max"\n'),
    ],
)
def test_a_change_leaves_every_other_line_alone(
    path: Path, name: str, value: str | int | None, old: str, new: str
) -> None:
    write(path, LAID_OUT)
    assert put(path, name, value) is False
    assert path.read_text() == LAID_OUT.replace(old, new)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# top\n\n# pictures\n[generate]\n", '# top\n\ntimeout = "5m"\n# pictures\n[generate]\n'),
        ("[edit]", 'timeout = "5m"\n[edit]'),
        ("# only words", '# only words\ntimeout = "5m"'),
        ('timeout = """\n1m"""\n', 'timeout = "5m"\n'),
    ],
)
def test_a_new_entry_stands_before_the_tables(path: Path, before: str, after: str) -> None:
    write(path, before)
    assert put(path, "timeout", "5m") is False
    assert path.read_text() == after


def test_an_odd_layout_is_written_again_and_says_so(path: Path) -> None:
    write(path, '# lost\n"timeout" = "5m"\nzeta = 1\n')
    assert put(path, "timeout", "9m") is True
    assert path.read_text() == 'timeout = "9m"\nzeta = 1\n'
    write(path, '"timeout" = "5m"\nzeta = 1\n')
    assert put(path, "timeout", None) is False, "there was no comment to lose"
    assert path.read_text() == "zeta = 1\n"


def test_the_last_entry_may_go_and_comments_stay(path: Path) -> None:
    write(path, "# hello\ntimeout = 5\n")
    assert put(path, "timeout", None) is False
    assert path.read_text() == "# hello\n"


def test_taking_out_what_is_not_there_writes_nothing(path: Path) -> None:
    assert put(path, "generate.model", None) is False
    assert not path.exists()


def test_one_and_true_are_not_the_same(path: Path) -> None:
    write(path, "[generate]\nupload_cn = 1\n")
    put(path, "generate.upload_cn", value=True)
    assert path.read_text() == "[generate]\nupload_cn = true\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_a_failing_write_leaves_the_old_file_and_no_rubbish(path: Path) -> None:
    """A full disk is rehearsed by the process's own limit on the size of files."""
    import resource  # noqa: PLC0415 - not everywhere

    write(path, "timeout = 5\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(FluxError, match="cannot be written: file too large"):
            file.write(path, "#" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "timeout = 5\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["config.toml"]


def test_a_place_that_cannot_be_written_is_reported(path: Path) -> None:
    """The message names what is at fault: the config file's place, or the state folder."""
    blocked = path.parent / "blocked"
    blocked.parent.mkdir()
    blocked.symlink_to(os.devnull)
    with pytest.raises(FluxError) as caught:
        file.change(path, "timeout", "5m", locks=blocked)
    assert caught.value.code is Code.OUTPUT_UNWRITABLE
    assert caught.value.message.startswith(f"`{blocked}` cannot be written: ")

    path.symlink_to(path.parent.parent / ("x" * 300))
    with pytest.raises(FluxError) as caught:
        put(path, "timeout", "5m")
    assert f"`{path}` cannot be" in caught.value.message


def test_changes_at_once_are_all_kept(path: Path) -> None:
    threads = [threading.Thread(target=put, args=(path, f"zeta{n}", n)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read(path).values == {f"zeta{n}": n for n in range(8)}


@pytest.mark.parametrize(
    ("name", "line"),
    [("timeout", 2), ("generate.model", 6), ("zeta.model", 10), ("model", None)],
)
def test_an_entry_is_found_on_its_line(name: str, line: int | None) -> None:
    assert line_of(LAID_OUT, name) == line


def test_an_entry_that_is_not_plain_has_the_files_place(path: Path) -> None:
    write(path, '"a b" = 1\n')
    assert file.read(path).place("a b") == str(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    document=DOCUMENTS, tables=TABLES, name=OURS, value=TEXTS | st.integers(0, 9) | st.booleans()
)
def test_a_change_keeps_the_rest_of_the_file(
    tmp_path: Path,
    document: dict[str, object],
    tables: dict[str, object],
    name: str,
    value: str | int,
) -> None:
    """Set, then read: the new value is there and the others are as they were; unset: it is gone."""
    path = tmp_path / "config.toml"
    path.write_bytes(tomli_w.dumps({**document, **tables}).encode())
    before = dict(file.read(path).entries())

    file.change(path, name, value, locks=tmp_path)
    assert dict(file.read(path).entries()) == {**before, name: value}

    file.change(path, name, None, locks=tmp_path)
    before.pop(name, None)
    assert dict(file.read(path).entries()) == before
    tomllib.loads(path.read_text(encoding="utf-8"))
