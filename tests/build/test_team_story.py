"""The life of a team's repository, as one story: the total of charges is what was asked for.

Every machine has its own clone, home and journal; a stand-in that is served counts the charges.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from fluxcli.build.lock.lock_file import read
from fluxcli.sandbox.server import serve
from fluxcli.sandbox.service import SandboxService
from tests.benchmarks.picture import write_png
from tests.worlds import SwiftClock, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fluxcli.sandbox.server import Served
    from tests.worlds import Ran

HEAD = "version = 1\noutput_dir = 'img'\n[defaults]\noutput_format = 'png'\n"
STYLE = "[vars]\nstyle = 'flat'\n"
PHOTOS = "".join(f"[assets.photo{n}]\nprompt = 'by hand {n}'\n" for n in range(20))
ICONS = """\
[assets.icon]
prompt = "A {what} icon, {style}"
matrix = { what = ["mail", "phone", "cart"] }
output = "icons/{what}.png"
"""


class Machine:
    """A person's or a CI job's machine: a world with a clone of the repository."""

    def __init__(self, root: Path, service: Served, clock: SwiftClock, origin: Path) -> None:
        self.world = World(root, clock=clock)
        self.world.ask(service.api_url)
        shutil.rmtree(self.world.cwd)
        self.folder = self.world.cwd
        self.origin = origin
        self.git("clone", "-q", str(origin), str(self.folder), at=root)

    def git(self, *words: str, at: Path | None = None, status: int = 0) -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *who, *words],
            cwd=at or self.folder, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == status, done.stderr + done.stdout
        return done.stdout

    def run(self, *words: str, status: int = 0, **how: Any) -> Ran:
        ran = self.world.run(*words, **how)
        assert ran.status == status, (ran.status, ran.err)
        return ran

    def build(self, *words: str, status: int = 0, **how: Any) -> Ran:
        return self.run("build", *words, "--yes", status=status, **how)

    def check(self) -> None:
        self.run("build", "--check")

    def write(self, text: str) -> None:
        (self.folder / "assets.toml").write_text(text)

    def commit(self, message: str, branch: str = "main") -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        self.git("push", "-q", "origin", f"HEAD:{branch}")

    def leave_pointers(self) -> None:
        """Leave git-lfs pointers in place of the images, as a checkout without `git lfs pull`."""
        for path in self.folder.rglob("*.png"):
            path.write_bytes(_pointer(path.read_bytes()))


@pytest.fixture
def clock() -> SwiftClock:
    return SwiftClock()


@pytest.fixture
def service(tmp_path: Path, clock: SwiftClock) -> Iterator[Served]:
    def made(api: str, uploads: str, results: str) -> SandboxService:
        return SandboxService(
            store=tmp_path / "service.sqlite3",
            wall=clock.wall,
            sleep=clock.sleep,
            seconds=60.0,
            credits=10_000,
            api_url=api,
            upload_url=uploads,
            result_url=results,
        )

    with serve(made) as served:
        yield served


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_repositorys_life_is_charged_for_what_was_requested(  # noqa: PLR0915 - one story
    tmp_path: Path, service: Served, clock: SwiftClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(origin)], check=True)

    def machine(name: str) -> Machine:
        return Machine(tmp_path / name, service, clock, origin)

    def charges() -> int:
        return len(service.sandbox_service.charges())

    # Twenty images by hand are adopted: nothing is charged.
    ann = machine("ann")
    ann.git("checkout", "-q", "-b", "main")
    ann.run("assets", "init")
    ann.write(HEAD + STYLE + PHOTOS)
    (ann.folder / "img").mkdir()
    for number in range(20):
        write_png(ann.folder / "img" / f"photo{number}.png", 3_000 + number)
    ann.run("assets", "adopt", "photo*")
    ann.check()
    ann.commit("adopt")
    assert charges() == 0

    # Three icons are added, one is renamed, one is rerolled.
    ann.write(HEAD + STYLE + PHOTOS + ICONS)
    ann.build()
    assert charges() == 3
    ann.write(HEAD + STYLE + PHOTOS + ICONS.replace("icons/", "signs/"))
    ann.build()
    ann.build("--reroll", "icon[cart]")
    ann.check()
    ann.commit("icons")
    assert charges() == 4

    # Four candidates, and a pick.
    ann.build("icon[mail]", "--candidates", "4")
    ann.run("assets", "pick", "icon[mail]", "3")
    ann.check()
    ann.commit("pick")
    assert charges() == 8

    # Two branches that each add an asset and remake one merge by plain git.
    text = (ann.folder / "assets.toml").read_text()
    ben = machine("ben")
    ben.git("checkout", "-q", "-b", "ben")
    ben.write(text + "[assets.zebra]\nprompt = 'A zebra'\n")
    ben.build()
    ben.build("--reroll", "icon[phone]")
    ben.commit("zebra", "ben")
    ann.write(text.replace("[assets.photo0]", "[assets.ape]\nprompt = 'An ape'\n[assets.photo0]"))
    ann.build()
    ann.build("--reroll", "icon[cart]")
    ann.commit("ape")
    assert charges() == 12
    ann.git("fetch", "-q")
    ann.git("merge", "-q", "--no-edit", "origin/ben")
    ann.check()
    if ann.git("status", "--porcelain"):
        ann.commit("merged")
    ann.git("push", "-q", "origin", "HEAD:main")
    assert set(read(ann.folder / "assets.lock")) >= {"ape", "zebra"}

    # A changed style is planned with its price; the job is cancelled after it was submitted.
    text = (ann.folder / "assets.toml").read_text()
    ann.write(text.replace("'flat'", "'round'"))
    assert "15 credits" in ann.run("build", "--plan").err
    ann.commit("style")
    job = machine("job")
    job.build("--timeout", "1", status=4)
    assert charges() == 15

    # A fresh checkout at another path, with the kept journal, collects it.
    retry = machine("retry")
    shutil.copytree(job.world.state, retry.world.state, dirs_exist_ok=True)
    clock.sleep(400)
    retry.build()
    retry.check()
    retry.commit("round")
    assert charges() == 15

    # Shards upload their lock and images; one of them has nothing to do.
    text = (retry.folder / "assets.toml").read_text()
    extra = "".join(f"[assets.x{n}]\nprompt = 'x{n}'\n" for n in range(4))
    retry.write(text + extra)
    retry.commit("more")
    merger = machine("merger")
    for number in range(1, 9):
        shard = machine(f"shard{number}")
        shard.build("--shard", f"{number}/8")
        for file in shard.folder.rglob("*"):
            place = merger.folder / file.relative_to(shard.folder)
            if file.is_file() and ".git" not in file.parts and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)
    merger.run("assets", "merge", *(f"assets.lock.{n}-of-8" for n in range(1, 9)))
    for lock in merger.folder.glob("assets.lock.*"):
        lock.unlink()
    merger.check()
    merger.commit("shards")
    assert charges() == 19

    # A fork without a key, a checkout of git-lfs pointers, one with CRLF.
    fork = machine("fork")
    fork.world.env["FLUXCLI_API_KEY"] = ""
    fork.check()
    crlf = machine("crlf")
    for name in ("assets.toml", "assets.lock"):
        path = crlf.folder / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    crlf.check()
    crlf.build()
    assert charges() == 19
    lfs = machine("lfs")
    lfs.leave_pointers()
    lfs.check()
    lfs.build()
    assert charges() == 19

    # Two assets are called something else: their images move, and nothing is charged.
    text = (crlf.folder / "assets.toml").read_text()
    last = machine("last")
    last.write(text.replace("[assets.ape]", "[assets.monkey]").replace("photo7]", "picture7]"))
    last.build()
    assert (last.folder / "img" / "monkey.png").is_file()
    assert (last.folder / "img" / "picture7.png").is_file()
    last.check()

    # A later version of the program finds nothing to do, with the journal and without.
    monkeypatch.setattr("fluxcli.__version__", "9.0.0")
    last.check()
    last.build()
    last.commit("renamed")
    later = machine("later")
    later.check()
    later.build()
    assert charges() == 19
    asked = 3 + 1 + 4 + 4 + 3 + 4
    assert charges() == asked


def _pointer(data: bytes) -> bytes:
    """Return what git-lfs leaves in place of a file that was not pulled."""
    oid = hashlib.sha256(data).hexdigest()
    lines = ("version https://git-lfs.github.com/spec/v1", f"oid sha256:{oid}", f"size {len(data)}")
    return "".join(f"{line}\n" for line in lines).encode()
