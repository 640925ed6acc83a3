"""The output is tried before anything is paid, and the trial leaves nothing behind."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import threading
from typing import TYPE_CHECKING

import pytest

from fluxcli.errors import Code, FluxError, exhausted
from fluxcli.files.output_path import NameValues, parse_target
from fluxcli.files.prove import prove_writable
from fluxcli.files.receive import temporary_beside
from fluxcli.system import disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.worlds import World


TRIAL = "t"


def prove(text: str | None, cwd: Path, *, count: int = 1, ext: str = "png") -> None:
    values = NameValues(
        id=None,
        prompt="a fox",
        n=1,
        count=count,
        date="2026-11-25",
        model="flux-kontext-pro",
        ratio="16:9",
        ext=ext,
    )
    prove_writable(parse_target(text, cwd=cwd), values)


def refusal(text: str, cwd: Path, *, count: int = 1) -> str:
    with pytest.raises(FluxError) as caught:
        prove(text, cwd, count=count)
    assert (caught.value.code, caught.value.status) == (Code.OUTPUT_UNWRITABLE, 2)
    assert "nothing was sent" in caught.value.message
    return caught.value.message


@contextlib.contextmanager
def limited(kind: int, soft: int) -> Iterator[None]:
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


@pytest.mark.parametrize(
    "text", [None, "x.png", "new/deep/x.png", "new/", "{id}/{prompt}-{n}.{ext}", "-", "/dev/null"]
)
def test_a_good_place_is_left_as_it_was(tmp_path: Path, text: str | None) -> None:
    (tmp_path / "x.png").write_bytes(b"mine")
    prove(text, tmp_path, count=20)
    assert [one.name for one in tmp_path.rglob("*")] == ["x.png"]
    assert (tmp_path / "x.png").read_bytes() == b"mine"


@pytest.mark.parametrize("text", ["/proc/x/y.png", "/proc/y.png", "/sys/y.png", "/dev/full"])
def test_odd_file_systems_are_refused(tmp_path: Path, text: str) -> None:
    refusal(text, tmp_path)


@pytest.mark.parametrize("text", ["{prompt}/" + "a" * 250 + "/x.png", "d/" * 2000 + "x.png"])
def test_a_path_that_is_too_long_or_deep_leaves_nothing(tmp_path: Path, text: str) -> None:
    with contextlib.suppress(FluxError):
        prove(text, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")
    assert "not a directory" in refusal("f/x.png", tmp_path)


def test_a_disk_without_space(tmp_path: Path) -> None:
    """Whether its limit is the disk's, a quota's or the process's own."""
    with limited(resource.RLIMIT_FSIZE, 1 << 16):
        refusal("new/x.png", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def reserved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which the size of each file is added that a trial has reserved."""
    sizes: list[int] = []
    monkeypatch.setattr(
        "fluxcli.files.prove._check_space", lambda handle, _: sizes.append(os.fstat(handle).st_size)
    )
    return sizes


@pytest.mark.parametrize(("ext", "mebibytes"), [("png", 3), ("jpg", 1), ("webp", 3)])
def test_as_much_is_reserved_as_an_image_may_take(
    tmp_path: Path, reserved: list[int], ext: str, mebibytes: int
) -> None:
    prove("x.{ext}", tmp_path, ext=ext)
    assert reserved == [mebibytes << 20]


def _unsupported(*_: object) -> None:
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


@pytest.mark.parametrize("has_it", [True, False])
def test_a_file_system_that_reserves_nothing_is_written_to(
    tmp_path: Path, reserved: list[int], monkeypatch: pytest.MonkeyPatch, *, has_it: bool
) -> None:
    if has_it:
        monkeypatch.setattr(os, "posix_fallocate", _unsupported)
    else:
        monkeypatch.delattr(os, "posix_fallocate")
    prove("x.png", tmp_path)
    assert reserved == [3 << 20]
    assert list(tmp_path.iterdir()) == []
    with limited(resource.RLIMIT_FSIZE, 1 << 20):
        refusal("new/x.png", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_to_reserve_is_not_written_to(
    tmp_path: Path, reserved: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "posix_fallocate", failing)
    assert "input/output error" in refusal("x.png", tmp_path)
    assert reserved == []


def test_space_is_needed_for_all_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(os.statvfs(tmp_path))
    found[4] = (15 << 20) // found[1]
    monkeypatch.setattr(os, "fstatvfs", lambda _: os.statvfs_result(found))
    prove("x.png", tmp_path, count=10)
    assert "no space left" in refusal("x.png", tmp_path, count=20)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        refusal("x.png", tmp_path)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("place", ["/proc/x/y.png", "/dev/full"])
@pytest.mark.parametrize("extra", [[], ["--no-wait"], ["-n", "3", "-y"]])
def test_a_command_spends_nothing_on_a_bad_place(
    world: World, place: str, extra: list[str]
) -> None:
    before = world.run("credits", "--sandbox").lines
    ran = world.run("generate", "a fox", "--sandbox", "-o", place, *extra)
    assert ran.status == 2
    assert world.run("credits", "--sandbox").lines == before


def test_trying_and_saving_at_the_same_place_do_not_disturb_each_other(tmp_path: Path) -> None:
    """A trial removes its empty folders while others make the same ones."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(60):
                prove("a/b/c/x.png", tmp_path)
                part = temporary_beside(tmp_path / "a/b/c" / f"{number}.png", token="t")  # noqa: S106
                part.discard()
        except BaseException as failure:  # noqa: BLE001 - it is asserted below
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


@contextlib.contextmanager
def no_null_device(number: int) -> Iterator[None]:
    """Let the null device fail to open with an error of the system."""
    opened = os.open

    def refusing(path: str, *arguments: int, **more: int) -> int:
        if path == os.devnull:
            raise OSError(number, os.strerror(number))
        return opened(path, *arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", refusing)
        yield


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EIO])
def test_a_system_without_a_null_device_can_save_images(tmp_path: Path, number: int) -> None:
    with no_null_device(number):
        prove("k.png", tmp_path)
        prove("-", tmp_path)


@pytest.mark.parametrize("output", ["k.png", "-", "new/"])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_too_few_file_handles_are_a_lack_of_resources(
    tmp_path: Path, output: str, number: int
) -> None:
    with no_null_device(number), pytest.raises(FluxError) as caught:
        prove(output, tmp_path)
    assert caught.value.code is Code.NO_RESOURCES
    assert "nothing was sent" in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_the_images_would_take_the_place_of_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "k-1.png").mkdir()
    assert "is a directory" in refusal("k-{n}.png", tmp_path, count=2)


def test_an_error_that_is_its_own_cause_is_no_lack_of_resources() -> None:
    """The chain of causes is followed once around."""
    error = OSError(errno.EIO, "x")
    error.__cause__ = error
    assert exhausted(error, sent=False) is None
    other = ValueError()
    other.__cause__, error.__cause__ = error, other
    assert exhausted(error, sent=False) is None


@pytest.mark.parametrize("error", [FileExistsError, FileNotFoundError, NotADirectoryError])
def test_a_folder_that_another_trial_removes_meanwhile_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    make, answers = disk.make_folders, iter([error(), error()])

    def racing(folder: Path) -> object:
        for one in answers:
            raise one
        return make(folder)

    monkeypatch.setattr(disk, "make_folders", racing)
    temporary_beside(tmp_path / "new" / "a.png", token=TRIAL).discard()
    assert (tmp_path / "new").is_dir()
