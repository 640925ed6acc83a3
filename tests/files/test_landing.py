"""An image is saved whole, under its name, or not at all; nothing paid is discarded."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fluxcli.errors import Code, FluxError
from fluxcli.files.atomic import TemporaryFile
from fluxcli.files.receive import RESUME, Landing, Spool, tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fluxcli.task_types import Picture


TASK = "t7"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out" / "a.png"


def land(path: Path, data: bytes, *, replace: bool = False, token: str = TASK) -> Picture:
    with Landing(path, token=token) as landing:
        landing.write(data)
        landing.check(len(data))
        return landing.commit(replace=replace)


def disk_error(path: Path, data: bytes, *, replace: bool = True) -> FluxError:
    with pytest.raises(FluxError) as caught:
        land(path, data, replace=replace)
    assert caught.value.code is Code.DISK
    assert caught.value.hint == RESUME
    return caught.value


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    old = os.umask(mask)
    try:
        yield
    finally:
        os.umask(old)


@contextlib.contextmanager
def limited(kind: int, soft: int) -> Iterator[None]:
    old = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, old)


def failing(error: int | BaseException) -> Callable[..., None]:
    """Make a call of the system that fails with an errno, or in another way."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error)) if isinstance(error, int) else error

    return fail


def test_an_image_lands_with_its_folders(target: Path, png: bytes) -> None:
    with umask(0o027):
        picture = land(target, png)
    assert picture.path == target
    assert (picture.width, picture.height, picture.format) == (16, 8, "png")
    assert (picture.bytes, picture.sha256) == (len(png), hashlib.sha256(png).hexdigest())
    assert target.read_bytes() == png
    assert mode_of(target) == 0o640
    assert listing(target.parent) == ["a.png"]


def test_what_may_be_replaced_need_not_be_there(target: Path, png: bytes) -> None:
    with umask(0o027):
        assert land(target, png, replace=True).path == target
    assert mode_of(target) == 0o640


def test_a_saved_image_is_not_executable(target: Path, png: bytes) -> None:
    """With an umask of 0 everyone may read and write it, and no one may execute it."""
    with umask(0):
        land(target, png)
    assert mode_of(target) == 0o666


def test_until_it_is_whole_it_is_private_and_elsewhere(target: Path, png: bytes) -> None:
    with Landing(target, token=TASK) as landing:
        landing.write(png)
        assert listing(target.parent) == [".a.png.t7.part"]
        assert mode_of(target.with_name(".a.png.t7.part")) == 0o600
    assert listing(target.parent) == []


def test_a_part_of_an_image_never_lands(target: Path, png: bytes) -> None:
    """The old file stays if anything is wrong with the new one."""
    land(target, png)
    for data in (png[:-1], b"<html>" * 20, b""):
        with pytest.raises(FluxError) as caught:
            land(target, data, replace=True)
        assert caught.value.code is Code.NOT_AN_IMAGE
        assert caught.value.hint == RESUME
    assert target.read_bytes() == png
    assert listing(target.parent) == ["a.png"]


def test_endless_data_are_not_an_image(target: Path, png: bytes) -> None:
    """A result that goes on after its picture does not fill the disk."""
    with Landing(target, token=TASK, limit=10_000) as landing:
        landing.write(png)
        landing.write(bytes(9_000))
        with pytest.raises(FluxError, match="too big") as failure:
            landing.write(bytes(1_000))
    assert failure.value.code is Code.NOT_AN_IMAGE
    assert listing(target.parent) == []


def test_nothing_is_left_when_the_work_is_interrupted(target: Path, png: bytes) -> None:
    with contextlib.suppress(KeyboardInterrupt), Landing(target, token=TASK) as landing:
        landing.write(png[:20])
        raise KeyboardInterrupt
    assert listing(target.parent) == []


def test_replacing_keeps_the_old_files_mode(target: Path, png: bytes, jpeg: bytes) -> None:
    land(target, png)
    target.chmod(0o604)
    assert land(target, jpeg, replace=True).path == target
    assert target.read_bytes() == jpeg
    assert mode_of(target) == 0o604


def test_a_file_that_appeared_meanwhile_stays(target: Path, png: bytes, jpeg: bytes) -> None:
    """The new picture is paid for, so it lands beside, under the first free name."""
    land(target, png)
    assert land(target, jpeg).path == target.with_name("a-1.png")
    assert land(target, jpeg).path == target.with_name("a-2.png")
    assert target.read_bytes() == png
    assert listing(target.parent) == ["a-1.png", "a-2.png", "a.png"]


@pytest.mark.parametrize(
    "code",
    [errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP],
)
def test_the_same_without_hard_links(
    target: Path, png: bytes, jpeg: bytes, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """FAT and some network file systems give a file one name only."""
    monkeypatch.setattr(os, "link", failing(code))
    land(target, png)
    assert land(target, jpeg).path == target.with_name("a-1.png")
    assert target.read_bytes() == png
    assert listing(target.parent) == ["a-1.png", "a.png"]


def test_a_claimed_name_is_given_back(
    target: Path, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the last step fails, no empty file stays where the picture should be."""
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    monkeypatch.setattr(Path, "replace", failing(errno.EIO))
    assert "input/output error" in disk_error(target, png, replace=False).message
    assert listing(target.parent) == []


def test_a_file_that_cannot_be_closed_after_it_landed_is_whole_all_the_same(
    target: Path, png: bytes
) -> None:
    with Landing(target, token=TASK) as landing:
        landing.write(png)
        landing.check()
        landing.commit(replace=False)
        # What has been synced is on the disk; only the descriptor is bad.
        os.close(landing._open.fileno())
    assert target.read_bytes() == png


def test_a_failing_disk_is_reported(
    target: Path, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EDQUOT))
    error = disk_error(target, png, replace=False)
    assert error.message == (
        f"the image cannot be written to `{target}`: {os.strerror(errno.EDQUOT).lower()}"
    )
    assert listing(target.parent) == []


def test_a_failure_without_a_number_is_reported_too(
    target: Path, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", failing(OSError("Odd words")))
    assert disk_error(target, png, replace=False).message.endswith(f"`{target}`: odd words")


def test_a_full_disk(target: Path, png: bytes) -> None:
    """The error comes as the bytes are written, and the part is gone."""
    big = png + bytes(1 << 16)
    with limited(resource.RLIMIT_FSIZE, 4096):
        message = disk_error(target, big).message
    assert message == f"the image cannot be written to `{target}`: file too large"
    assert listing(target.parent) == []


def test_no_descriptor_left(target: Path, png: bytes) -> None:
    target.parent.mkdir()
    with limited(resource.RLIMIT_NOFILE, 0):
        assert "too many open files" in disk_error(target, png).message
    assert listing(target.parent) == []


def test_a_place_that_cannot_be(tmp_path: Path, png: bytes) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    disk_error(tmp_path / "file" / "deep" / "a.png", png)
    assert "is a folder" in disk_error(tmp_path / "folder", png).message
    assert "too long" in disk_error(tmp_path / ("x" * 300), png).message
    assert listing(tmp_path) == ["file", "folder"]


def test_a_folder_that_appeared_meanwhile(target: Path, png: bytes) -> None:
    with Landing(target, token=TASK) as landing:
        landing.write(png)
        landing.check()
        target.mkdir()
        with pytest.raises(FluxError, match="is a directory"):
            landing.commit(replace=True)
        assert landing.commit(replace=False).path == target.with_name("a-1.png")


def test_long_names_leave_room_for_the_part(tmp_path: Path, png: bytes) -> None:
    target = tmp_path / ("é" * 125 + ".png")
    assert land(target, png, token="x" * 200).path == target
    assert land(target, png).path != target
    assert len(listing(tmp_path)) == 2


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path, png: bytes, jpeg: bytes) -> None:
    link = tmp_path / "links" / "a.png"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "real" / "b.png")
    assert land(link, png).path == link
    assert land(tmp_path / "deep" / "down" / "c.png", png).bytes == len(png)
    assert land(link, jpeg, replace=True).path == link
    assert link.is_symlink()
    assert (tmp_path / "real" / "b.png").read_bytes() == jpeg
    assert land(link, png).path == tmp_path / "real" / "b-1.png"


def test_what_a_killed_run_left_is_cleared(target: Path, png: bytes) -> None:
    """A process that is killed leaves its part; the same task's next run takes it away."""
    target.parent.mkdir()
    program = (
        "import os, sys, signal; from pathlib import Path; "
        "from fluxcli.files.atomic import TemporaryFile; "
        "TemporaryFile(Path(sys.argv[1]), token='t7'); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(target)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert listing(target.parent) == [".a.png.t7.part"]
    target.with_name(".a.png.other.part").write_bytes(b"another task's")
    land(target, png)
    assert listing(target.parent) == [".a.png.other.part", "a.png"]


def test_what_a_run_killed_between_its_last_steps_left_is_tidied(target: Path, png: bytes) -> None:
    """A picture that has landed keeps its name; only the part's, its second one, goes."""
    land(target, png)
    part = target.with_name(f".{target.name}.{TASK}.part")
    part.hardlink_to(target)
    tidy(target, token=TASK + "0")
    assert part.exists()
    tidy(target, token=TASK)
    assert listing(target.parent) == [target.name]
    assert target.read_bytes() == png


def test_a_temporary_name_is_safe_for_any_task_id(target: Path) -> None:
    with Landing(target, token="a/b Z_9" + "x" * 50):
        assert listing(target.parent) == [f".a.png.a-b-Z_9{'x' * 33}.part"]


def test_a_second_part_of_a_task_has_a_name_of_its_own(target: Path) -> None:
    with Landing(target, token=TASK), Landing(target, token=TASK):
        first, second = listing(target.parent)
    assert re.fullmatch(r"\.a\.png\.t7-[0-9a-f]{8}\.part", first)
    assert second == ".a.png.t7.part"


def test_two_runs_of_one_task_do_not_share_a_part(target: Path, png: bytes, jpeg: bytes) -> None:
    with Landing(target, token=TASK) as first:
        first.write(png[:30])
        assert land(target, jpeg).path == target
        first.write(png[30:])
        first.check(len(png))
        assert first.commit(replace=False).path == target.with_name("a-1.png")
    assert target.read_bytes() == jpeg
    assert target.with_name("a-1.png").read_bytes() == png


def test_a_part_that_is_not_a_file_is_left_alone(target: Path, png: bytes) -> None:
    """A link planted under the part's name is neither followed nor removed."""
    precious = target.parent / "precious"
    target.parent.mkdir()
    precious.write_bytes(b"precious")
    target.with_name(".a.png.t7.part").symlink_to(precious)
    land(target, png)
    assert precious.read_bytes() == b"precious"
    assert listing(target.parent) == [".a.png.t7.part", "a.png", "precious"]


def test_a_fifo_under_the_parts_name_is_left_alone(target: Path, png: bytes) -> None:
    target.parent.mkdir()
    os.mkfifo(target.with_name(".a.png.t7.part"))
    land(target, png)
    assert listing(target.parent) == [".a.png.t7.part", "a.png"]


def test_without_locks_an_image_lands_all_the_same(
    target: Path, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcntl.flock", failing(errno.ENOLCK))
    assert land(target, png).path == target


def test_a_part_that_others_hold_is_not_used(
    target: Path, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A temporary file that disappears each time before it is locked is reported."""
    monkeypatch.setattr("fcntl.flock", failing(errno.EWOULDBLOCK))
    assert "file exists" in disk_error(target, png).message


def test_a_part_is_removed_if_it_cannot_be_prepared(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.parent.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("fcntl.flock", failing(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            TemporaryFile(target, token=TASK)
    assert listing(target.parent) == []


def test_a_part_taken_away_before_its_lock_is_not_used(
    target: Path, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run may clear a part away in the moment before it is locked: a second is made."""
    target.parent.mkdir()
    taken = target.with_name(".a.png.t7.part")
    lock = fcntl.flock

    def late(handle: int, how: int) -> None:
        taken.unlink(missing_ok=True)
        lock(handle, how)

    monkeypatch.setattr("fcntl.flock", late)
    assert land(target, png).path == target
    assert listing(target.parent) == ["a.png"]


def test_a_fifo_gets_the_whole_image(tmp_path: Path, png: bytes) -> None:
    """And only after the check: the reader never sees a part of one."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    reader.start()
    with Landing(fifo, token=TASK) as landing, pytest.raises(FluxError):
        landing.check()
    assert land(fifo, png, replace=True).path == fifo
    reader.join(10)
    assert got == [png]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_devices_are_written_into(png: bytes) -> None:
    assert land(Path("/dev/null"), png).path == Path("/dev/null")
    if Path("/dev/full").exists():
        assert "no space left on device" in disk_error(Path("/dev/full"), png).message


def test_a_descriptor_is_shared(tmp_path: Path, png: bytes) -> None:
    """What stands before the picture in a redirected stream stays there."""
    with (tmp_path / "stream").open("wb", buffering=0) as stream:
        stream.write(b"before")
        land(Path(f"/dev/fd/{stream.fileno()}"), png)
        stream.write(b"after")
    assert (tmp_path / "stream").read_bytes() == b"before" + png + b"after"
    assert "bad file descriptor" in disk_error(Path("/dev/fd/987"), png).message


def test_a_spool_provides_a_checked_image(png: bytes) -> None:
    with Spool() as spool:
        spool.write(png[:9])
        spool.write(png[9:])
        with pytest.raises(ValueError, match="not checked"):
            spool.reader()
        spool.check(len(png))
        assert spool.reader().read() == png
        assert spool.reader().read(4) == png[:4]
        assert spool.picture().path is None
        assert spool.picture().bytes == len(png)


def test_a_spool_needs_no_disk(png: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes for stdout stay in memory: no temporary folder can be missing or full."""
    monkeypatch.setenv("TMPDIR", "/nowhere")
    with limited(resource.RLIMIT_FSIZE, 10), Spool() as spool:
        spool.write(png)
        spool.check()
        assert spool.reader().read() == png


def test_use_in_the_wrong_order_is_a_bug(target: Path, png: bytes) -> None:
    landing = Landing(target, token=TASK)
    with pytest.raises(ValueError, match="not entered"):
        landing.write(png)
    with landing, pytest.raises(ValueError, match="not checked"):
        landing.commit(replace=True)


class TestWhatIsRefused:
    """The message names the file, and the command that downloads it again."""

    @pytest.mark.parametrize("announced", [-1, 1])
    def test_a_length_other_than_announced(self, target: Path, png: bytes, announced: int) -> None:
        with Landing(target, token=TASK) as landing:
            landing.write(png)
            with pytest.raises(
                FluxError, match=f"of the {len(png) + announced} announced"
            ) as caught:
                landing.check(len(png) + announced)
        assert (caught.value.code, caught.value.hint) == (
            Code.NOT_AN_IMAGE,
            "fluxcli download --unsaved",
        )
        assert listing(target.parent) == []

    def test_an_image_that_is_just_too_big(self, target: Path, png: bytes) -> None:
        with Landing(target, token=TASK, limit=len(png)) as landing:
            landing.write(png)
            landing.check(len(png))
        with (
            pytest.raises(FluxError, match="too big"),
            Landing(target, token=TASK, limit=len(png) - 1) as landing,
        ):
            landing.write(png)

    def test_a_folder_in_the_way(self, target: Path, png: bytes) -> None:
        target.mkdir(parents=True)
        assert f"{target}" in disk_error(target, png).message

    def test_a_file_in_the_place_of_a_folder(self, target: Path, png: bytes) -> None:
        target.parent.write_text("a file")
        assert f"{target}" in disk_error(target, png).message


def test_no_other_user_reads_an_unfinished_file(target: Path, png: bytes) -> None:
    with Landing(target, token=TASK) as landing:
        landing.write(png)
        (part,) = target.parent.iterdir()
        assert mode_of(part) == 0o600
