"""A machine that kills processes, or lacks disk space or file handles: the charges."""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from PIL import Image

from fluxcli.files.atomic import TemporaryFile
from fluxcli.files.receive import Landing
from fluxcli.journal.journal import Journal
from tests.commands.balance import spent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fluxcli.journal.runs import Run
    from tests.worlds import World

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 60
PRICE: Final = 5
MAKE: Final = ("generate", "a fox", "-o", "k.png")


class Killed(BaseException):
    """Ends the command as a kill does: no handler of errors catches it."""


class TestKilledAtTheEnd:
    """A process is killed just before or after its run is closed."""

    @pytest.mark.parametrize("is_before", [True, False])
    @pytest.mark.parametrize(
        ("words", "images"),
        [
            (MAKE, 1),
            ((*MAKE, "-n", "3"), 3),
            ((*MAKE, "--no-wait"), 1),
            ((*MAKE, "--metadata", "sidecar"), 1),
            (("edit", "@last", "make it night", "-o", "k.png"), 1),
            (("generate", "--again", "@last", "-m", "max", "-o", "k.png"), 2),
        ],
    )
    def test_the_same_command_is_not_charged_again(
        self,
        box: World,
        monkeypatch: pytest.MonkeyPatch,
        words: tuple[str, ...],
        images: int,
        *,
        is_before: bool,
    ) -> None:
        box.run("generate", "a cat", "-o", "cat.png")
        close = Journal.close_run

        def ending(journal: Journal, run: Run) -> None:
            if not is_before:
                close(journal, run)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Journal, "close_run", ending)
            if "--no-wait" in words:
                box.run(*words)
            else:
                with pytest.raises(Killed):
                    box.run(*words)
        again = [word for word in words if word != "--no-wait"]
        for _ in range(2):
            ran = box.run(*again)
            assert (ran.status, len(ran.lines)) == (0, len(list(box.cwd.glob("k*.png"))))
        assert spent(box) == PRICE * (1 + images)

    def test_a_killed_download_can_be_repeated(
        self, box: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        box.run(*MAKE, "--no-wait")

        def ending(*_: object, **__: object) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Journal, "close_if_complete", ending)
            with pytest.raises(Killed):
                box.run("download", "--unsaved")
        assert box.run("download", "--unsaved").status == 0
        assert box.run(*MAKE).lines == [str(box.cwd / "k.png")]
        assert spent(box) == PRICE


class TestDisk:
    """A disk that is full while an image is made, and has space later."""

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
    @pytest.mark.parametrize("collect", [MAKE, ("download", "--unsaved"), ("download", "@last")])
    def test_the_image_is_saved_once_there_is_space(
        self, box: World, monkeypatch: pytest.MonkeyPatch, number: int, collect: tuple[str, ...]
    ) -> None:
        def full(_landing: Landing) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(Landing, "_sync", full)
            for _ in range(2):
                ran = box.run(*MAKE)
                assert (ran.status, "fluxcli download" in ran.err) == (6, True), ran
        assert [path.name for path in box.cwd.iterdir()] == []
        assert box.run(*collect).status == 0
        assert box.run(*MAKE).lines == [str(box.cwd / "k.png")]
        assert spent(box) == PRICE


def encoded(form: str, **more: Any) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, form, **more)
    return file.getvalue()


class TestInput:
    """An incomplete image costs nothing; a complete one may come from any kind of file."""

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("empty.png", b""),
            ("zeros.png", bytes(4096)),
            ("text.png", b"no image at all"),
            ("gif.png", encoded("GIF")),
            ("half.png", encoded("PNG")[:-12]),
            ("half.jpg", encoded("JPEG")[:-2]),
            ("half.webp", encoded("WEBP")[:-1]),
            (
                "half-animated.webp",
                encoded("WEBP", save_all=True, append_images=[Image.new("L", (256, 256), 90)])[:-9],
            ),
            (
                "half-animated.png",
                encoded("PNG", save_all=True, append_images=[Image.new("L", (256, 256), 90)])[:-60],
            ),
            ("head.png", encoded("PNG")[:8]),
            ("swapped.png", encoded("JPEG")[:4] + encoded("PNG")[4:]),
        ],
    )
    def test_an_incomplete_image_is_refused(self, box: World, name: str, data: bytes) -> None:
        (box.cwd / name).write_bytes(data)
        for image, stdin in ((name, b""), ("-", data)):
            assert box.run("edit", image, "make it night", stdin=stdin).status == 2
        assert spent(box) == 0

    @pytest.mark.parametrize("size", [1 << 20, 1 << 30])
    def test_a_sparse_file_is_refused(self, box: World, size: int) -> None:
        with (box.cwd / "sparse.png").open("wb") as file:
            file.truncate(size)
        assert box.run("edit", "sparse.png", "make it night").status == 2
        assert spent(box) == 0

    @pytest.mark.parametrize("kind", ["folder", "loop", "dangling", "/dev/null"])
    def test_other_files_are_refused(self, box: World, kind: str) -> None:
        name = kind if kind.startswith("/") else "in.png"
        if kind == "folder":
            (box.cwd / "in.png").mkdir()
        elif kind in {"loop", "dangling"}:
            (box.cwd / "in.png").symlink_to("in.png" if kind == "loop" else "nowhere")
        assert box.run("edit", name, "make it night").status == 2
        assert spent(box) == 0

    def test_a_fifo_is_read_once_and_its_bytes_identify_the_command(self, box: World) -> None:
        data = encoded("PNG")
        (box.cwd / "same.png").write_bytes(data)
        fifo = box.cwd / "fifo"
        os.mkfifo(fifo)
        edit = ("make it night", "-o", "night.png")
        feeder = threading.Thread(target=lambda: fifo.write_bytes(data))
        feeder.start()
        ids = box.run("edit", "fifo", *edit, "--no-wait").lines
        feeder.join(SECONDS)
        assert box.run("edit", "same.png", *edit, "--no-wait").lines == ids
        assert box.run("edit", "-", *edit, "--no-wait", stdin=data).lines == ids
        assert spent(box) == PRICE

    def test_a_link_that_leads_to_another_image_is_another_command(self, box: World) -> None:
        link = box.cwd / "in.png"
        for number, form in enumerate(("PNG", "JPEG", "PNG")):
            (box.cwd / f"{number}").write_bytes(encoded(form))
            link.unlink(missing_ok=True)
            link.symlink_to(f"{number}")
            assert box.run("edit", "in.png", "make it night", "--no-wait").status == 0
        assert spent(box) == 2 * PRICE


@pytest.fixture
def service(world: World) -> Iterator[Callable[[], int]]:
    """Return a function that counts the charges of a served sandbox, which this machine uses."""
    own = world.env | {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "fluxcli", "sandbox", "--port", "0", "--seconds", "0.3"],
        env=own | {"FLUXCLI_STATE_DIR": str(world.root / "server")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip().rpartition("=")[2]
            world.ask(url)
            world.env |= own | {"FLUXCLI_BASE_URL": url, "FLUXCLI_UPLOAD_URL": url}
            world.env["FLUXCLI_INTERVAL"] = "0.2"

            def charges() -> int:
                with urllib.request.urlopen(f"{url}/sandbox/ledger", timeout=SECONDS) as answer:  # noqa: S310 - our own server
                    return len(json.load(answer)["charges"])

            yield charges
        finally:
            server.terminate()


def start(
    world: World, *words: str, cwd: Path | None = None, files: int | None = None
) -> subprocess.Popen[str]:
    """Start the program with a limit on file handles."""
    limit = None if files is None else (files, files)
    return subprocess.Popen(
        [sys.executable, "-m", "fluxcli", *words],
        cwd=cwd or world.cwd,
        env=world.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=None  # noqa: PLW1509 - it calls nothing but setrlimit
        if limit is None
        else lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit),
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for it; return the status and stderr."""
    _, err = process.communicate(timeout=SECONDS)
    return process.returncode, err


@pytest.mark.parametrize("files", [6, 8, 9, 12])
def test_with_few_file_handles_nothing_is_paid_for_and_lost(
    world: World, service: Callable[[], int], files: int
) -> None:
    status, err = finish(start(world, *MAKE, files=files))
    assert (status, service()) in {(1, 0), (0, 1)}, err
    assert "a bug" not in err
    assert finish(start(world, *MAKE))[0] == 0
    assert service() == 1


@pytest.mark.parametrize("pause", [0.0, 0.15, 0.3])
def test_three_processes_with_one_command_pay_once(
    world: World, service: Callable[[], int], pause: float
) -> None:
    """From another folder, with another spelling, and with a flag without effect."""
    below = world.cwd / "below"
    below.mkdir()
    processes = [start(world, *MAKE)]
    time.sleep(pause)
    processes.append(start(world, "generate", "a fox", "-o", "../k.png", "-y", cwd=below))
    time.sleep(pause)
    processes.append(start(world, "generate", "a fox", "-o", "below/../k.png", "--no-wait"))
    statuses = [finish(process)[0] for process in processes]
    assert set(statuses) <= {0, 5}
    assert 0 in statuses
    assert finish(start(world, *MAKE))[0] == 0
    assert service() == 1


class TestKilledTrial:
    """A process that is killed while it tries its output leaves a hidden file."""

    @pytest.mark.parametrize(
        "output", ["k.png", "{id}.png", "{prompt}-{id}-{n}.{ext}", "out/", None]
    )
    @pytest.mark.parametrize("collect", ["again", "download", "download elsewhere", "landed"])
    def test_the_hidden_file_is_removed_when_the_image_is_saved(
        self, box: World, monkeypatch: pytest.MonkeyPatch, output: str | None, collect: str
    ) -> None:
        place = () if output is None else ("-o", output)
        command = ("generate", "a fox", *place)
        with monkeypatch.context() as patched:
            patched.setattr(TemporaryFile, "discard", lambda part: part.file.close())
            box.run(*command, "--no-wait")
        (left,) = box.cwd.rglob(".*.part")
        if collect == "landed":
            # The image is in its place, and its record is lost.
            with monkeypatch.context() as patched:
                patched.setattr(Journal, "saved", _kill)
                with pytest.raises(Killed):
                    box.run(*command)
            left.touch()
        following = {"download": ("download", "@last"), "again": command, "landed": command}
        ran = box.run(*following.get(collect, ("download", "@last", "-o", "elsewhere/")))
        assert (ran.status, spent(box)) == (0, PRICE)
        assert not list(box.cwd.rglob(".*.part"))


def _kill(*_: object) -> None:
    raise Killed
